/* SPDX-License-Identifier: MIT */
/* pipe, pipe2. */
#include <syscall/syscalls.h>

#include <fs/event/pipe.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/usercopy.h>

long sys_pipe2(user_ptr user, int flags)
{
	struct file *r, *w;
	int fds[2];
	long err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK)) {
		return -EINVAL; /* O_DIRECT (packets) too, as a Linux without it says */
	}
	err = pipe_create(flags, &r, &w);
	if (err) {
		return err;
	}
	fds[0] = fd_reserve(0, flags & O_CLOEXEC);
	fds[1] = fds[0] < 0 ? fds[0] : fd_reserve(0, flags & O_CLOEXEC);
	err = fds[1] < 0 ? fds[1] : copy_to_user(user, fds, sizeof(fds));
	if (!err) {
		fd_install(fds[0], r);
		fd_install(fds[1], w);
		return 0;
	}
	if (fds[0] >= 0) {
		fd_unreserve(fds[0]);
	}
	if (fds[1] >= 0) {
		fd_unreserve(fds[1]);
	}
	file_put(r);
	file_put(w);
	return err;
}
long sys_pipe(user_ptr user)
{
	return sys_pipe2(user, 0);
}
