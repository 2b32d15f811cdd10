/* SPDX-License-Identifier: MIT */
/* Sockets: life, their files, poll, errors. */
#include "net_internal.h"

#include <fs/cred.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/ioctls.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

struct spinlock net_lock = SPINLOCK_INIT(RANK_NET_TABLE, "net");

static const struct file_ops socket_file_ops;

struct linux_ucred socket_current_creds(void)
{
	const struct cred *c = thread_current()->cred;

	return (struct linux_ucred){ fs_current_pid(), c->euid, c->egid };
}

struct socket *socket_new(int domain, int type, int protocol)
{
	struct socket *s = kzalloc(sizeof(*s));

	if (!s) {
		return NULL;
	}
	atomic_init(&s->refs, 1);
	s->domain = domain;
	s->type = type;
	s->protocol = protocol;
	s->family = domain == AF_UNIX ? &unix_family : &inet_family;
	mutex_init(&s->recv_mutex, RANK_SOCKET, "socket recv");
	spin_init(&s->lock, RANK_NET_SOCKET, "socket");
	waitq_init(&s->readers);
	waitq_init(&s->writers);
	list_init(&s->queue);
	list_init(&s->accepts);
	list_init(&s->accept_link);
	list_init(&s->name_link);
	s->sndbuf = s->rcvbuf = SOCKET_BUF_DEFAULT;
	s->ints[INT_RCVLOWAT] = 1;
	s->ints[INT_KEEPIDLE] = 7200;
	s->ints[INT_KEEPINTVL] = 75;
	s->ints[INT_KEEPCNT] = 9;
	s->ints[INT_SYNCNT] = 6;
	s->ints[INT_LINGER2] = 60;
	s->ints[INT_MAXSEG] = 536;
	s->ints[INT_QUICKACK] = 1;
	s->ints[INT_TTL] = s->ints[INT_HOPS] = 64;
	s->ints[INT_MTU_DISCOVER] = 1;
	s->own_creds = socket_current_creds();
	s->peer_creds = (struct linux_ucred){ 0, UINT32_MAX, UINT32_MAX };
	return s;
}

void socket_get(struct socket *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}
static void drop_queue(struct socket *s)
{
	struct packet *p, *next;

	list_for_each_entry_safe(p, next, &s->queue, link) {
		list_remove(&p->link);
		packet_free(p);
	}
}
void socket_put(struct socket *s)
{
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
		drop_queue(s);
		kfree(s);
	}
}

/* The other end of a connection learns that this one is gone. */
static void tell_peer(struct socket *peer, bool reset)
{
	spin_lock(&peer->lock);
	peer->peer_gone = peer->eof = true;
	if (socket_is_unix(peer)) {
		peer->shut_read = peer->shut_write = true;
	}
	if (peer->state == SOCKET_CONNECTING) {
		peer->state = SOCKET_IDLE;
		peer->error = ECONNREFUSED;
		peer->connect_news = peer->shut_read = peer->shut_write = true;
	} else if (reset) {
		peer->error = ECONNRESET;
		if (!socket_is_unix(peer)) {
			peer->shut_read = peer->shut_write = true;
		}
	}
	spin_unlock(&peer->lock);
	waitq_wake_all(&peer->readers);
	waitq_wake_all(&peer->writers);
}
/* Packets that carry files are freed by one thread at a time and never recursively: a file may
 * be a socket with such packets, and so on, deeper than the stack is. */
static struct spinlock grave_lock = SPINLOCK_INIT(RANK_NET_SOCKET, "net grave");
static struct list grave = LIST_INIT(grave);
static bool digging;

static void bury(struct list *packets)
{
	struct packet *p, *next;

	list_for_each_entry_safe(p, next, packets, link) {
		if (!p->nfiles) {
			list_remove(&p->link);
			packet_free(p);
		}
	}
	if (list_empty(packets)) {
		return;
	}
	spin_lock(&grave_lock);
	list_splice_back(&grave, packets);
	while (!digging && !list_empty(&grave)) {
		p = list_first_entry(&grave, struct packet, link);
		list_remove(&p->link);
		digging = true;
		spin_unlock(&grave_lock);
		packet_free(p);
		spin_lock(&grave_lock);
		digging = false;
	}
	spin_unlock(&grave_lock);
}

static bool has_unread(const struct socket *s)
{
	const struct packet *p;

	list_for_each_entry(p, &s->queue, link) {
		if (p->len > p->off) {
			return true;
		}
	}
	return false;
}
static void close_socket(struct socket *s, bool reset);

static void reset_children(struct list *accepts)
{
	struct list *link;

	while ((link = list_pop_front(accepts))) {
		close_socket(list_entry(link, struct socket, accept_link), true);
	}
}
void socket_stop_listening(struct socket *s)
{
	struct list accepts = LIST_INIT(accepts);

	spin_lock(&s->lock);
	if (s->state == SOCKET_LISTENING) {
		s->state = SOCKET_IDLE;
		s->shut_read = s->shut_write = false;
		list_splice_back(&accepts, &s->accepts);
		s->naccepts = 0;
	}
	spin_unlock(&s->lock);
	waitq_wake_all(&s->readers);
	waitq_wake_all(&s->writers);
	reset_children(&accepts);
}
void socket_purge(struct socket *s)
{
	struct list packets = LIST_INIT(packets);

	mutex_lock(&s->recv_mutex);
	spin_lock(&s->lock);
	list_splice_back(&packets, &s->queue);
	s->queued = s->npackets = 0;
	spin_unlock(&s->lock);
	mutex_unlock(&s->recv_mutex);
	bury(&packets);
}

static void close_socket(struct socket *s, bool reset)
{
	struct list accepts = LIST_INIT(accepts), packets = LIST_INIT(packets);
	struct socket *peer;

	s->family->unbind(s);
	spin_lock(&s->lock);
	reset |= has_unread(s) || (s->linger.on && s->linger.seconds == 0 && !socket_is_unix(s));
	s->state = SOCKET_CLOSED;
	list_splice_back(&accepts, &s->accepts);
	list_splice_back(&packets, &s->queue);
	s->queued = s->npackets = 0;
	peer = s->peer;
	s->peer = NULL;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->readers);
	waitq_wake_all(&s->writers); /* clients that wait for room in the backlog, too */
	if (socket_is_unix(s) && !socket_is_stream(s)) {
		waitq_wake_all(&dgram_room);
	}
	reset_children(&accepts);
	if (peer) {
		if (socket_is_stream(s)) {
			tell_peer(peer, reset);
		}
		socket_put(peer);
	}
	bury(&packets);
	socket_put(s);
}
void socket_close(struct socket *s)
{
	close_socket(s, false);
}

struct socket *socket_peer(struct socket *s)
{
	struct socket *peer;

	spin_lock(&s->lock);
	peer = s->peer;
	if (peer) {
		socket_get(peer);
	}
	spin_unlock(&s->lock);
	return peer;
}
int socket_take_error(struct socket *s)
{
	int err = s->error;

	s->error = 0;
	return -err;
}
uint64_t socket_deadline(uint64_t timeout)
{
	return timeout ? clock_mono_ns() + timeout : DEADLINE_NONE;
}
int socket_wait_error(int err, uint64_t timeout)
{
	if (err == -ETIMEDOUT) {
		return -EAGAIN;
	}
	return err == -ERESTARTSYS && timeout ? -EINTR : err;
}

/* --- the file --- */
static unsigned io_to_msg(struct file *f, unsigned flags)
{
	bool nonblock = atomic_load_explicit(&f->flags, memory_order_relaxed) & O_NONBLOCK;

	return nonblock || flags & IO_NOWAIT ? MSG_DONTWAIT : 0;
}
static long socket_file_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	(void)pos;
	return u->left ? socket_recv(f->private_data, u, NULL, io_to_msg(f, flags)) : 0;
}
static long socket_file_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	(void)pos;
	return socket_send(f->private_data, u, NULL, io_to_msg(f, flags));
}

static uint32_t stream_poll(struct socket *s)
{
	bool deaf = s->eof || s->shut_read, in = !list_empty(&s->queue) || deaf;
	uint32_t mask = (in ? POLLIN | POLLRDNORM : 0) | (deaf ? POLLRDHUP : 0);
	struct socket *peer = s->peer;
	size_t queued, limit;

	if (s->state == SOCKET_LISTENING) {
		struct list *first = list_first(&s->accepts);

		in = first && list_entry(first, struct socket, accept_link)->established;
		if (socket_is_unix(s) && deaf) {
			mask |= s->shut_write ? POLLHUP : 0;
		} else {
			mask = 0;
		}
		return (in ? POLLIN | POLLRDNORM : 0) | (s->error ? POLLERR : 0) | mask;
	}
	if (s->state == SOCKET_CONNECTING) {
		return 0;
	}
	if (s->error) {
		mask |= POLLERR | POLLIN | POLLRDNORM | (socket_is_unix(s) ? 0 : POLLOUT);
	}
	if (s->state != SOCKET_CONNECTED) {
		return mask | POLLHUP | POLLOUT | POLLWRNORM;
	}
	mask |= deaf && s->shut_write ? POLLHUP : 0;
	queued = READ_ONCE(peer->queued);
	limit = stream_limit(s, peer);
	if (s->peer_gone || s->shut_write ||
	    queued * 4 <= (socket_is_unix(s) ? limit : limit * 3)) {
		mask |= POLLOUT | POLLWRNORM;
	}
	return mask;
}
static uint32_t socket_file_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->private_data;
	uint32_t mask;

	poll_wait(pt, &s->readers);
	poll_wait(pt, &s->writers);
	if (!socket_is_stream(s) && socket_is_unix(s)) {
		poll_wait(pt, &dgram_room);
	}
	spin_lock(&s->lock);
	if (socket_is_stream(s)) {
		mask = stream_poll(s);
	} else {
		mask = !list_empty(&s->queue) || s->shut_read ? POLLIN | POLLRDNORM : 0;
		mask |= s->error ? POLLERR : 0;
		mask |= s->shut_read ? POLLRDHUP | (s->shut_write ? POLLHUP : 0) : 0;
	}
	spin_unlock(&s->lock);
	if (!socket_is_stream(s) && !dgram_peer_full(s)) {
		mask |= POLLOUT | POLLWRNORM;
	}
	return mask;
}

/* FIONREAD: a stream's bytes, or those of the first datagram. */
static uint32_t bytes_waiting(struct socket *s)
{
	uint32_t n = 0;
	struct packet *p;

	spin_lock(&s->lock);
	list_for_each_entry(p, &s->queue, link) {
		n += (uint32_t)(p->len - p->off);
		if (!socket_is_stream(s)) {
			break;
		}
	}
	spin_unlock(&s->lock);
	return n;
}
static long socket_file_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct socket *s = f->private_data;

	switch (cmd) {
	case FIONREAD:
		if (s->state == SOCKET_LISTENING) {
			return -EINVAL;
		}
		return put_user_u32((user_ptr){ arg }, bytes_waiting(s));
	case TIOCOUTQ: {
		uint32_t n = 0;

		spin_lock(&s->lock);
		if (s->peer) {
			n = (uint32_t)READ_ONCE(s->peer->queued);
		}
		spin_unlock(&s->lock);
		return put_user_u32((user_ptr){ arg }, n);
	}
	case SIOCATMARK: return put_user_u32((user_ptr){ arg }, 0);
	default: return -ENOTTY;
	}
}
static void socket_file_release(struct file *f)
{
	socket_close(f->private_data);
}
static const struct file_ops socket_file_ops = {
	.read = socket_file_read,
	.write = socket_file_write,
	.poll = socket_file_poll,
	.ioctl = socket_file_ioctl,
	.release = socket_file_release,
};

int socket_make_file(struct socket *s, int type, struct file **out)
{
	return file_alloc_anon(&socket_file_ops, s,
			       O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0), S_IFSOCK | 0777,
			       "socket:", out);
}
int socket_of(struct file *f, struct socket **out)
{
	if (f->ops != &socket_file_ops) {
		return -ENOTSOCK;
	}
	*out = f->private_data;
	return 0;
}

static int check_inet(int type, int *protocol)
{
	int natural = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;

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
	return 0;
}
/* type without flags; SOCK_RAW of AF_UNIX is SOCK_DGRAM, as on Linux. */
static int check_kind(int domain, int *type, int *protocol)
{
	if (domain < 0 || domain >= AF_MAX) {
		return -EAFNOSUPPORT;
	}
	if (*type < 0 || *type > SOCK_PACKET) {
		return -EINVAL;
	}
	switch (domain) {
	case AF_UNIX:
		if (*protocol && *protocol != AF_UNIX) {
			return -EPROTONOSUPPORT;
		}
		*protocol = 0;
		*type = *type == SOCK_RAW ? SOCK_DGRAM : *type;
		return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
			       ? 0
			       : -ESOCKTNOSUPPORT;
	case AF_INET:
	case AF_INET6:
		return *protocol < 0 || *protocol >= IPPROTO_MAX ? -EINVAL
								 : check_inet(*type, protocol);
	default: return -EAFNOSUPPORT;
	}
}
static int open_new(int domain, int type, int protocol, struct socket **s, struct file **out)
{
	int kind = type & SOCK_TYPE_MASK;
	int err;

	if (type & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		return -EINVAL;
	}
	err = check_kind(domain, &kind, &protocol);
	if (err) {
		return err;
	}
	*s = socket_new(domain, kind, protocol);
	if (!*s) {
		return -ENOMEM;
	}
	err = socket_make_file(*s, type, out);
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
	struct socket *s[2];
	int err = open_new(domain, type, protocol, &s[0], &out[0]);

	if (err) {
		return err;
	}
	if (domain != AF_UNIX) {
		file_put(out[0]);
		return -EOPNOTSUPP;
	}
	err = open_new(domain, type, protocol, &s[1], &out[1]);
	if (err) {
		file_put(out[0]);
		return err;
	}
	for (int i = 0; i < 2; i++) {
		s[i]->peer = s[!i];
		socket_get(s[!i]);
		s[i]->peer_creds = s[!i]->own_creds;
		s[i]->state = SOCKET_CONNECTED;
	}
	return 0;
}
