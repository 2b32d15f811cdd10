/* SPDX-License-Identifier: MIT */
/*
 * The calls on sockets of any kind, and sockets as files: what all kinds do alike, and then the
 * kind's part.  The one place that knows all kinds (socket(2) chooses).
 *
 * A file's private_data is its socket for life, so calls that hold the file hold the socket.
 */
#include "net_internal.h"

#include <fs/file.h>
#include <fs/upcalls.h>
#include <linux/ioctls.h>
#include <linux/stat.h>
#include <mm/usercopy.h>

void net_init(void)
{
	flight_init();
}

int socket_bind(struct socket *s, const struct sock_addr *addr)
{
	return s->kind->family->bind(s, addr);
}

void socket_local_name(struct socket *s, struct sock_addr *out)
{
	s->kind->family->local_name(s, out);
}

int socket_peer_name(struct socket *s, struct sock_addr *out)
{
	if (READ_ONCE(s->state) != SOCKET_CONNECTED) {
		return -ENOTCONN;
	}
	s->kind->family->remote_name(s, out);
	return 0;
}

int socket_listen(struct socket *s, int backlog)
{
	return s->kind->listen ? s->kind->listen(s, backlog) : -EOPNOTSUPP;
}

int socket_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
	return s->kind->connect(s, addr, nonblock);
}

int socket_shutdown(struct socket *s, int how)
{
	if (how < SHUT_RD || how > SHUT_RDWR) {
		return -EINVAL;
	}
	return s->kind->shutdown(s, how != SHUT_WR, how != SHUT_RD);
}

long socket_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	long ret = flags & MSG_OOB ? -EOPNOTSUPP : s->kind->send(s, u, m, flags);

	if (ret == -EPIPE && s->type == SOCK_STREAM && !(flags & MSG_NOSIGNAL)) {
		fs_upcalls->send_sigpipe();
	}
	return ret;
}

bool socket_carries_extras(const struct socket *s)
{
	return s->kind->carries_extras;
}

long socket_recv(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	return s->kind->recv(s, u, m, flags);
}

/* --- the file --- */
static unsigned io_to_msg(struct file *f, unsigned flags)
{
	return file_nonblock(f, flags) ? MSG_DONTWAIT : 0;
}

static long socket_file_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	return u->left ? socket_recv(f->private_data, u, NULL, io_to_msg(f, flags)) : 0;
}

static long socket_file_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	return socket_send(f->private_data, u, NULL, io_to_msg(f, flags));
}

static uint32_t socket_file_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->private_data;

	poll_wait(pt, &s->readers);
	poll_wait(pt, &s->writers);
	return s->kind->poll(s, pt);
}

/* FIONREAD: a connection's bytes, or those of the first datagram. */
static uint32_t bytes_waiting(struct socket *s)
{
	uint32_t n = 0;
	struct packet *p;

	spin_lock(&s->lock);
	list_for_each_entry(p, &s->queue, link) {
		n += (uint32_t)(p->len - p->off);
		if (!s->kind->connection) {
			break;
		}
	}
	spin_unlock(&s->lock);
	return n;
}

/* TIOCOUTQ: what the peer has not read yet. */
static uint32_t bytes_unsent(struct socket *s)
{
	uint32_t n = 0;

	spin_lock(&s->lock);
	if (s->peer) {
		n = (uint32_t)READ_ONCE(s->peer->queued);
	}
	spin_unlock(&s->lock);
	return n;
}

static long socket_file_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct socket *s = f->private_data;

	switch (cmd) {
	case FIONREAD:
		if (READ_ONCE(s->state) == SOCKET_LISTENING) {
			return -EINVAL;
		}
		return put_user_u32((user_ptr){ arg }, bytes_waiting(s));
	case TIOCOUTQ: return put_user_u32((user_ptr){ arg }, bytes_unsent(s));
	case SIOCATMARK: return put_user_u32((user_ptr){ arg }, 0);
	default: return -ENOTTY;
	}
}

static void socket_file_release(struct file *f)
{
	struct socket *s = f->private_data;

	bool carried = s->kind->carries_extras;

	s->kind->close(s, false);
	if (carried) {
		flight_closed();
	}
}

static const struct file_ops socket_file_ops = {
	.read = socket_file_read,
	.write = socket_file_write,
	.poll = socket_file_poll,
	.ioctl = socket_file_ioctl,
	.release = socket_file_release,
};

int socket_of(struct file *f, struct socket **out)
{
	if (f->ops != &socket_file_ops) {
		return -ENOTSOCK;
	}
	*out = f->private_data;
	return 0;
}

static int make_file(struct socket *s, int type, struct file **out)
{
	return file_alloc_anon(&socket_file_ops, s,
			       O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0), S_IFSOCK | 0777,
			       "socket:", out);
}

int socket_accept(struct socket *s, bool nonblock, int type, struct file **out)
{
	struct socket *child;
	int err = s->kind->accept ? s->kind->accept(s, nonblock, &child) : -EOPNOTSUPP;

	if (err) {
		return err;
	}
	err = make_file(child, type, out);
	if (err) {
		child->kind->close(child, false);
	}
	return err;
}

/* --- socket(2), socketpair(2) --- */
static int choose_unix(int *type, int *protocol, const struct socket_kind **kind)
{
	if (*protocol && *protocol != AF_UNIX) {
		return -EPROTONOSUPPORT;
	}
	*protocol = 0;
	switch (*type) {
	case SOCK_STREAM: *kind = &unix_stream_kind; return 0;
	case SOCK_SEQPACKET: *kind = &unix_seqpacket_kind; return 0;
	case SOCK_RAW: /* the same, as on Linux */
	case SOCK_DGRAM:
		*type = SOCK_DGRAM;
		*kind = &unix_dgram_kind;
		return 0;
	default: return -ESOCKTNOSUPPORT;
	}
}

static int choose_inet(int type, int *protocol, const struct socket_kind **kind)
{
	int natural = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;

	if (*protocol < 0 || *protocol >= IPPROTO_MAX) {
		return -EINVAL;
	}
	if (type == SOCK_RAW) {
		return *protocol ? -EPERM : -EPROTONOSUPPORT; /* no raw packets here */
	}
	if (type != SOCK_STREAM && type != SOCK_DGRAM) {
		return -ESOCKTNOSUPPORT;
	}
	if (*protocol && *protocol != natural) {
		return -EPROTONOSUPPORT;
	}
	*protocol = natural;
	*kind = type == SOCK_STREAM ? &inet_stream_kind : &inet_dgram_kind;
	return 0;
}

/* The kind for a domain and a type without flags, which (and the protocol) becomes the true one. */
static int choose_kind(int domain, int *type, int *protocol, const struct socket_kind **kind)
{
	if (domain < 0 || domain >= AF_MAX) {
		return -EAFNOSUPPORT;
	}
	if (*type < 0 || *type > SOCK_PACKET) {
		return -EINVAL;
	}
	switch (domain) {
	case AF_UNIX: return choose_unix(type, protocol, kind);
	case AF_INET:
	case AF_INET6: return choose_inet(*type, protocol, kind);
	default: return -EAFNOSUPPORT;
	}
}

static int open_new(int domain, int type, int protocol, struct socket **s, struct file **out)
{
	const struct socket_kind *kind;
	int plain = type & SOCK_TYPE_MASK;
	int err;

	if (type & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		return -EINVAL;
	}
	err = choose_kind(domain, &plain, &protocol, &kind);
	if (err) {
		return err;
	}
	*s = socket_new(kind, domain, plain, protocol);
	if (!*s) {
		return -ENOMEM;
	}
	err = make_file(*s, type, out);
	if (err) {
		socket_put(*s);
	}
	return err;
}

int socket_open(int domain, int type, int protocol, struct file **out)
{
	struct socket *s;

	return open_new(domain, type, protocol, &s, out);
}

int socket_open_pair(int domain, int type, int protocol, struct file *out[2])
{
	struct socket *a, *b;
	int err = open_new(domain, type, protocol, &a, &out[0]);

	if (err) {
		return err;
	}
	err = a->kind->pair ? open_new(domain, type, protocol, &b, &out[1]) : -EOPNOTSUPP;
	if (err) {
		file_put(out[0]);
		return err;
	}
	a->kind->pair(a, b);
	return 0;
}
