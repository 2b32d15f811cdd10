/* SPDX-License-Identifier: MIT */
/*
 * send, recv and their vector and multiple forms; control messages.
 *
 * Descriptors on the way are counted files in a socket_msg: in before the send, out after the
 * receive.  Whoever has the message drops what is still in it, so an error on any way leaks
 * nothing.
 */
#include <syscall/iovecs.h>
#include <syscall/sockets.h>
#include <syscall/deadline.h>
#include <syscall/syscalls.h>

#include <arch/clock.h>
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <time/posix_timers.h>
#include <sched/thread.h>
#include <sync/waitq.h>

#define CONTROL_MAX 20480 /* net.core.optmem_max */
#define CMSG_ALIGN(n) ALIGN_UP((uint64_t)(n), 8)

static unsigned io_flags(const struct sockref *r, unsigned flags)
{
	return flags | (sockref_nonblock(r) ? MSG_DONTWAIT : 0);
}

/* One buffer of the program: what sendto() and recvfrom() check first. */
static long begin_buffer(int fd, struct sockref *r, struct uio *u, struct uio_seg *seg,
			 user_ptr buf, size_t n)
{
	n = MIN(n, MAX_RW_COUNT);
	if (!user_range_ok(buf, n)) {
		return -EFAULT;
	}
	uio_init_user(u, seg, buf, n);
	return sockref_get(fd, r);
}

long sys_sendto(int fd, user_ptr buf, size_t n, unsigned flags, user_ptr user_addr, int addrlen)
{
	struct socket_msg m = { 0 };
	struct uio_seg seg;
	struct sockref r;
	struct uio u;
	long ret = begin_buffer(fd, &r, &u, &seg, buf, n);

	if (ret) {
		return ret;
	}
	if (!user_ptr_is_null(user_addr)) {
		ret = sock_addr_get(&m.addr, user_addr, addrlen);
	}
	if (!ret) {
		ret = socket_send(r.socket, &u, &m, io_flags(&r, flags));
	}
	sockref_put(&r);
	return ret;
}

long sys_recvfrom(int fd, user_ptr buf, size_t n, unsigned flags, user_ptr user_addr,
		  user_ptr user_len)
{
	struct socket_msg m = { 0 };
	struct uio_seg seg;
	struct sockref r;
	struct uio u;
	long ret = begin_buffer(fd, &r, &u, &seg, buf, n);

	if (ret) {
		return ret;
	}
	ret = socket_recv(r.socket, &u, &m, io_flags(&r, flags));
	sockref_put(&r);
	socket_msg_drop(&m); /* descriptors have nowhere to go here */
	if (ret >= 0 && !user_ptr_is_null(user_addr)) {
		int err = sock_addr_put(&m.addr, user_addr, user_len);

		ret = err ? err : ret;
	}
	return ret;
}

/* --- control messages in --- */
static int add_rights(struct socket_msg *m, const uint8_t *data, size_t len)
{
	unsigned n = (unsigned)(len / sizeof(int));
	int fd, err;

	if (m->files || n > SCM_MAX_FD) {
		return -EINVAL;
	}
	if (n == 0) {
		return 0;
	}
	m->files = kcalloc(n, sizeof(*m->files));
	if (!m->files) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		err = fd_get_any(fd, &m->files[i]);
		if (err) {
			return err;
		}
		m->nfiles++;
	}
	return 0;
}

/* One may say of oneself only what is true, or be privileged. */
static int add_creds(struct socket_msg *m, const uint8_t *data, size_t len)
{
	const struct cred *c = thread_current()->cred;
	struct linux_ucred u;

	if (len != sizeof(u)) {
		return -EINVAL;
	}
	memcpy(&u, data, sizeof(u));
	if ((u.pid != fs_upcalls->current_pid() && !cred_capable(CAP_SYS_ADMIN)) ||
	    (!ids_have(&c->u, u.uid) && !cred_capable(CAP_SETUID)) ||
	    (!ids_have(&c->g, u.gid) && !cred_capable(CAP_SETGID))) {
		return -EPERM;
	}
	m->creds = u;
	m->has_creds = true;
	return 0;
}

static int parse_one(struct socket_msg *m, bool carried, const struct linux_cmsghdr *h,
		     const uint8_t *data)
{
	if (h->type != SCM_RIGHTS && h->type != SCM_CREDENTIALS) {
		return -EINVAL;
	}
	if (!carried) {
		return 0;
	}
	return h->type == SCM_RIGHTS ? add_rights(m, data, h->len - sizeof(*h))
				     : add_creds(m, data, h->len - sizeof(*h));
}

/* carried: by this socket; another ignores descriptors and credentials. */
static int parse_control(struct socket_msg *m, bool carried, const uint8_t *buf, size_t size)
{
	struct linux_cmsghdr h;
	size_t at = 0;
	int err = 0;

	while (!err && size - at >= sizeof(h)) {
		memcpy(&h, buf + at, sizeof(h));
		if (h.len < sizeof(h) || h.len > size - at) {
			return -EINVAL;
		}
		if (h.level == SOL_SOCKET) {
			err = parse_one(m, carried, &h, buf + at + sizeof(h));
		}
		at += MIN(CMSG_ALIGN(h.len), size - at);
	}
	return err;
}

static int get_control(struct socket_msg *m, bool carried, const struct linux_msghdr *hdr)
{
	uint8_t *buf;
	int err;

	if (!hdr->control || !hdr->controllen) {
		return 0;
	}
	if (hdr->controllen > CONTROL_MAX) {
		return -ENOBUFS;
	}
	buf = kmalloc(hdr->controllen);
	if (!buf) {
		return -ENOBUFS;
	}
	err = copy_from_user(buf, (user_ptr){ hdr->control }, hdr->controllen);
	if (!err) {
		err = parse_control(m, carried, buf, hdr->controllen);
	}
	kfree(buf);
	return err;
}

/* --- control messages out --- */
struct control {
	user_ptr to;
	uint64_t room, used;
	bool truncated;
};

static int put_control(struct control *c, int type, const void *data, size_t n)
{
	struct linux_cmsghdr h = { sizeof(h) + n, SOL_SOCKET, type };
	user_ptr at = user_ptr_add(c->to, c->used);

	if (c->room - c->used < sizeof(h)) {
		c->truncated = true;
		return 0;
	}
	if (h.len > c->room - c->used) {
		h.len = c->room - c->used;
		c->truncated = true;
	}
	if (copy_to_user(at, &h, sizeof(h)) ||
	    copy_to_user(user_ptr_add(at, sizeof(h)), data, h.len - sizeof(h))) {
		return -EFAULT;
	}
	c->used += MIN(CMSG_ALIGN(h.len), c->room - c->used);
	return 0;
}

/* Descriptors for the received files, as many as fit; the rest is closed. */
static int put_rights(struct control *c, struct socket_msg *m, bool cloexec)
{
	uint64_t room = c->room - c->used;
	unsigned fit = room > sizeof(struct linux_cmsghdr)
			       ? (unsigned)MIN((room - sizeof(struct linux_cmsghdr)) / sizeof(int),
					       (uint64_t)m->nfiles)
			       : 0;
	int fds[SCM_MAX_FD];
	unsigned n = 0;
	int err = 0;

	while (n < fit) {
		fds[n] = fd_reserve(0, cloexec);
		if (fds[n] < 0) {
			break;
		}
		n++;
	}
	c->truncated |= n < m->nfiles;
	if (n) {
		err = put_control(c, SCM_RIGHTS, fds, n * sizeof(int));
	}
	for (unsigned i = 0; i < n; i++) {
		if (err) {
			fd_unreserve(fds[i]);
		} else {
			file_get(m->files[i]);
			fd_install(fds[i], m->files[i]);
		}
	}
	return err;
}

/* --- sendmsg, recvmsg --- */
static int get_header(struct linux_msghdr *hdr, user_ptr user, struct iovecs *v)
{
	if (copy_from_user(hdr, user, sizeof(*hdr))) {
		return -EFAULT;
	}
	if (hdr->iovlen > UIO_MAXIOV) {
		return -EMSGSIZE;
	}
	return iovecs_get(v, (user_ptr){ hdr->iov }, hdr->iovlen);
}

static long send_one(struct sockref *r, user_ptr user, unsigned flags)
{
	struct socket_msg m = { 0 };
	struct linux_msghdr hdr;
	struct iovecs v;
	struct uio u;
	long ret = get_header(&hdr, user, &v);

	if (ret) {
		return ret;
	}
	if (hdr.name && hdr.namelen) {
		ret = sock_addr_get(&m.addr, (user_ptr){ hdr.name },
				    hdr.namelen < 0 ? -1
						    : MIN(hdr.namelen, (int)sizeof(m.addr.raw)));
	}
	if (!ret) {
		ret = get_control(&m, socket_carries_extras(r->socket), &hdr);
	}
	if (!ret) {
		uio_init_segs(&u, v.segs, (unsigned)hdr.iovlen, v.total);
		ret = socket_send(r->socket, &u, &m, io_flags(r, flags));
	}
	socket_msg_drop(&m);
	iovecs_put(&v);
	return ret;
}

static long finish_recv(struct sockref *r, user_ptr user, const struct linux_msghdr *hdr,
			struct socket_msg *m, unsigned flags)
{
	struct control c = { { hdr->control }, hdr->control ? hdr->controllen : 0, 0, false };
	unsigned out_flags = m->flags | (flags & MSG_CMSG_CLOEXEC);
	int err = 0;

	if (hdr->name) {
		err = hdr->namelen < 0 ? -EINVAL
				       : copy_to_user((user_ptr){ hdr->name }, m->addr.raw,
						      MIN((unsigned)hdr->namelen, m->addr.len));
		if (!err) {
			err = put_user_u32(
				user_ptr_add(user, offsetof(struct linux_msghdr, namelen)),
				m->addr.len);
		}
	}
	if (!err && m->has_creds && socket_wants_creds(r->socket)) {
		err = put_control(&c, SCM_CREDENTIALS, &m->creds, sizeof(m->creds));
	}
	if (!err && m->nfiles) {
		err = put_rights(&c, m, flags & MSG_CMSG_CLOEXEC);
	}
	out_flags |= c.truncated ? MSG_CTRUNC : 0;
	if (!err) {
		err = put_user_u32(user_ptr_add(user, offsetof(struct linux_msghdr, flags)),
				   out_flags);
	}
	if (!err) {
		err = put_user_u64(user_ptr_add(user, offsetof(struct linux_msghdr, controllen)),
				   c.used);
	}
	return err;
}

static long recv_one(struct sockref *r, user_ptr user, unsigned flags)
{
	struct socket_msg m = { 0 };
	struct linux_msghdr hdr;
	struct iovecs v;
	struct uio u;
	long ret = get_header(&hdr, user, &v);

	if (ret) {
		return ret;
	}
	uio_init_segs(&u, v.segs, (unsigned)hdr.iovlen, v.total);
	ret = socket_recv(r->socket, &u, &m, io_flags(r, flags));
	if (ret >= 0) {
		long err = finish_recv(r, user, &hdr, &m, flags);

		ret = err ? err : ret;
	}
	socket_msg_drop(&m);
	iovecs_put(&v);
	return ret;
}

static long call_with_message(int fd, user_ptr user, unsigned flags,
			      long (*one)(struct sockref *r, user_ptr user, unsigned flags))
{
	struct sockref r;
	long ret = sockref_get(fd, &r);

	if (!ret) {
		ret = one(&r, user, flags);
		sockref_put(&r);
	}
	return ret;
}

long sys_sendmsg(int fd, user_ptr user, unsigned flags)
{
	return call_with_message(fd, user, flags, send_one);
}

long sys_recvmsg(int fd, user_ptr user, unsigned flags)
{
	return call_with_message(fd, user, flags, recv_one);
}

/* --- several at once --- */
/* Up to count messages: how many went well, or the error of the first.  The deadline is looked at
 * between messages, as on Linux. */
static long many(int fd, user_ptr msgs, unsigned count, unsigned flags, uint64_t deadline,
		 long (*one)(struct sockref *r, user_ptr user, unsigned flags))
{
	struct sockref r;
	unsigned done = 0;
	long ret = sockref_get(fd, &r);

	if (ret) {
		return ret;
	}
	for (count = MIN(count, (unsigned)UIO_MAXIOV); done < count; done++) {
		user_ptr msg = user_ptr_add(msgs, done * sizeof(struct linux_mmsghdr));

		if (done && deadline != DEADLINE_NONE && clock_mono_ns() >= deadline) {
			break;
		}
		ret = one(&r, msg, flags);
		if (ret >= 0) {
			ret = put_user_u32(user_ptr_add(msg, offsetof(struct linux_mmsghdr, len)),
					   (uint32_t)ret);
		}
		if (ret < 0) {
			break;
		}
		if (flags & MSG_WAITFORONE) {
			flags |= MSG_DONTWAIT;
		}
	}
	sockref_put(&r);
	return done ? (long)done : ret;
}

long sys_sendmmsg(int fd, user_ptr msgs, unsigned count, unsigned flags)
{
	return many(fd, msgs, count, flags & ~(unsigned)MSG_WAITFORONE, DEADLINE_NONE, send_one);
}

long sys_recvmmsg(int fd, user_ptr msgs, unsigned count, unsigned flags, user_ptr timeout)
{
	uint64_t deadline;
	int ret;

	ret = deadline_after_timespec(timeout, &deadline);
	if (ret) {
		return ret;
	}
	return many(fd, msgs, count, flags, deadline, recv_one);
}
