/* SPDX-License-Identifier: MIT */
#include <syscall/syscalls.h>

#include <fs/fdtable.h>
#include <fs/path.h>
#include <lib/format.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <loader/exec.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

#define FD_PREFIX_ROOM 24 /* "/dev/fd/-2147483648/" */

/* execve of dirfd/path; names: room for the path and for the name that the program sees. */
static long do_exec(int dirfd, char *path, char *execfn, user_ptr argv, user_ptr envp, int flags)
{
	struct exec_args args;
	struct exec_request req = { .dirfd = dirfd, .path = path, .execfn = path, .args = &args };
	int err;

	req.lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	if (flags & AT_EMPTY_PATH) {
		req.lookup |= LOOKUP_EMPTY;
	}
	if (path[0] != '/' && dirfd != AT_FDCWD) {
		/* What a script's interpreter is to open: fexecve(3). */
		if (path[0]) {
			fmt_snprintf(execfn, PATH_MAX + FD_PREFIX_ROOM, "/dev/fd/%d/%s", dirfd,
				     path);
		} else {
			fmt_snprintf(execfn, PATH_MAX + FD_PREFIX_ROOM, "/dev/fd/%d", dirfd);
		}
		req.execfn = execfn;
		req.hidden = fd_get_cloexec(dirfd) == 1;
	}
	exec_args_init(&args);
	err = exec_args_add_user(&args, argv, envp);
	if (!err) {
		err = exec_program(&req);
	}
	exec_args_free(&args);
	return err;
}

static long exec_at(int dirfd, user_ptr upath, user_ptr argv, user_ptr envp, int flags)
{
	char *names = kmalloc(2 * PATH_MAX + FD_PREFIX_ROOM);
	long n;

	if (!names) {
		return -ENOMEM;
	}
	n = copy_string_from_user(names, upath, PATH_MAX);
	if (n == 0 && !(flags & AT_EMPTY_PATH)) {
		n = -ENOENT;
	}
	if (n >= 0) {
		n = do_exec(dirfd, names, names + PATH_MAX, argv, envp, flags);
	}
	kfree(names);
	return n;
}

long sys_execve(user_ptr path, user_ptr argv, user_ptr envp)
{
	return exec_at(AT_FDCWD, path, argv, envp, 0);
}

long sys_execveat(int dirfd, user_ptr path, user_ptr argv, user_ptr envp, int flags)
{
	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
		return -EINVAL;
	}
	return exec_at(dirfd, path, argv, envp, flags);
}
