/* SPDX-License-Identifier: MIT */
/*
 * Socket calls but for those that move data: check, copy in, call kernel/net, copy out.
 *
 * A call holds its descriptor's file from sockref_get() to sockref_put(), so that a close() by
 * another thread ends the descriptor, not the socket under the call.
 */
#include <syscall/sockets.h>
#include <syscall/syscalls.h>

#include <fs/fdtable.h>
#include <fs/file.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/usercopy.h>

int sockref_get(int fd, struct sockref *r)
{
	int err = fdref_get(fd, &r->fd);

	if (!err) {
		err = socket_of(r->fd.file, &r->socket);
		if (err) {
			fdref_put(&r->fd);
		}
	}
	return err;
}

void sockref_put(struct sockref *r)
{
	fdref_put(&r->fd);
}

bool sockref_nonblock(const struct sockref *r)
{
	return file_nonblock(r->fd.file, 0);
}

int sock_addr_get(struct sock_addr *addr, user_ptr user, int len)
{
	if (len < 0 || (size_t)len > sizeof(addr->raw)) {
		return -EINVAL;
	}
	memset(addr, 0, sizeof(*addr));
	addr->len = (unsigned)len;
	return len ? copy_from_user(addr->raw, user, (size_t)len) : 0;
}

int sock_addr_put(const struct sock_addr *addr, user_ptr user, user_ptr user_len)
{
	uint32_t room;

	if (get_user_u32(&room, user_len)) {
		return -EFAULT;
	}
	if ((int32_t)room < 0) {
		return -EINVAL;
	}
	if (copy_to_user(user, addr->raw, MIN(room, addr->len))) {
		return -EFAULT;
	}
	return put_user_u32(user_len, addr->len);
}

long sys_socket(int domain, int type, int protocol)
{
	struct file *f;
	int err = socket_open(domain, type, protocol, &f);

	return err ? err : fd_give(f, type & SOCK_CLOEXEC);
}

long sys_socketpair(int domain, int type, int protocol, user_ptr user)
{
	struct file *files[2];
	int fds[2];
	int err = socket_open_pair(domain, type, protocol, files);

	if (err) {
		return err;
	}
	fds[0] = fd_reserve(0, type & SOCK_CLOEXEC);
	fds[1] = fds[0] < 0 ? fds[0] : fd_reserve(0, type & SOCK_CLOEXEC);
	err = fds[1] < 0 ? fds[1] : copy_to_user(user, fds, sizeof(fds));
	for (int i = 0; i < 2; i++) {
		if (!err) {
			fd_install(fds[i], files[i]);
			continue;
		}
		if (fds[i] >= 0) {
			fd_unreserve(fds[i]);
		}
		file_put(files[i]);
	}
	return err;
}

/* A call whose arguments are the socket and a number. */
static long call_with_int(int fd, int (*call)(struct socket *s, int arg), int arg)
{
	struct sockref r;
	int err = sockref_get(fd, &r);

	if (!err) {
		err = call(r.socket, arg);
		sockref_put(&r);
	}
	return err;
}

long sys_listen(int fd, int backlog)
{
	return call_with_int(fd, socket_listen, backlog);
}

long sys_shutdown(int fd, int how)
{
	return call_with_int(fd, socket_shutdown, how);
}

/* A call whose arguments are the socket and an address. */
static long call_with_addr(int fd, int (*call)(struct sockref *r, const struct sock_addr *addr),
			   user_ptr user, int len)
{
	struct sock_addr addr;
	struct sockref r;
	int err = sockref_get(fd, &r);

	if (!err) {
		err = sock_addr_get(&addr, user, len);
		err = err ? err : call(&r, &addr);
		sockref_put(&r);
	}
	return err;
}

static int bind_to(struct sockref *r, const struct sock_addr *addr)
{
	return socket_bind(r->socket, addr);
}

static int connect_to(struct sockref *r, const struct sock_addr *addr)
{
	return addr->len < sizeof(addr->family)
		       ? -EINVAL
		       : socket_connect(r->socket, addr, sockref_nonblock(r));
}

long sys_bind(int fd, user_ptr user, int len)
{
	return call_with_addr(fd, bind_to, user, len);
}

long sys_connect(int fd, user_ptr user, int len)
{
	return call_with_addr(fd, connect_to, user, len);
}

/* The accepted socket's peer, where the program asked for it. */
static int put_accepted_name(struct file *f, user_ptr user, user_ptr user_len)
{
	struct sock_addr addr;
	struct socket *child;
	int err;

	if (user_ptr_is_null(user)) {
		return 0;
	}
	err = socket_of(f, &child);
	if (!err && socket_peer_name(child, &addr)) {
		err = -ECONNABORTED;
	}
	return err ? err : sock_addr_put(&addr, user, user_len);
}

long sys_accept4(int fd, user_ptr user, user_ptr user_len, int flags)
{
	struct sockref r;
	struct file *f;
	long new_fd;
	int err;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		return -EINVAL;
	}
	err = sockref_get(fd, &r);
	if (err) {
		return err;
	}
	new_fd = fd_reserve(0, flags & SOCK_CLOEXEC);
	if (new_fd < 0) {
		goto out;
	}
	err = socket_accept(r.socket, sockref_nonblock(&r), flags, &f);
	if (!err) {
		err = put_accepted_name(f, user, user_len);
		if (err) {
			file_put(f);
		}
	}
	if (err) {
		fd_unreserve((int)new_fd);
		new_fd = err;
	} else {
		fd_install((int)new_fd, f);
	}
out:
	sockref_put(&r);
	return new_fd;
}

long sys_accept(int fd, user_ptr user, user_ptr user_len)
{
	return sys_accept4(fd, user, user_len, 0);
}

static long get_name(int fd, user_ptr user, user_ptr user_len, bool peer)
{
	struct sock_addr addr;
	struct sockref r;
	int err = sockref_get(fd, &r);

	if (err) {
		return err;
	}
	if (peer) {
		err = socket_peer_name(r.socket, &addr);
	} else {
		socket_local_name(r.socket, &addr);
	}
	sockref_put(&r);
	return err ? err : sock_addr_put(&addr, user, user_len);
}

long sys_getsockname(int fd, user_ptr user, user_ptr user_len)
{
	return get_name(fd, user, user_len, false);
}

long sys_getpeername(int fd, user_ptr user, user_ptr user_len)
{
	return get_name(fd, user, user_len, true);
}

long sys_setsockopt(int fd, int level, int name, user_ptr user, int len)
{
	uint8_t value[SOCKET_OPTION_MAX];
	struct sockref r;
	int err = sockref_get(fd, &r);

	if (err) {
		return err;
	}
	if (len < 0) {
		err = -EINVAL;
	} else {
		len = MIN(len, SOCKET_OPTION_MAX);
		err = copy_from_user(value, user, (size_t)len);
	}
	if (!err) {
		err = socket_set_option(r.socket, level, name, value, (unsigned)len);
	}
	sockref_put(&r);
	return err;
}

long sys_getsockopt(int fd, int level, int name, user_ptr user, user_ptr user_len)
{
	uint8_t value[SOCKET_OPTION_MAX];
	struct sockref r;
	uint32_t len;
	int err = sockref_get(fd, &r);

	if (err) {
		return err;
	}
	if (get_user_u32(&len, user_len)) {
		err = -EFAULT;
	} else if ((int32_t)len < 0) {
		err = -EINVAL;
	} else {
		len = MIN(len, SOCKET_OPTION_MAX);
		err = socket_get_option(r.socket, level, name, value, &len);
	}
	sockref_put(&r);
	if (!err && (copy_to_user(user, value, len) || put_user_u32(user_len, len))) {
		err = -EFAULT;
	}
	return err;
}
