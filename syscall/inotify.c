/* SPDX-License-Identifier: MIT */
/* inotify_init, inotify_add_watch, inotify_rm_watch. */
#include <syscall/at.h>
#include <syscall/syscalls.h>

#include <fs/attr.h>
#include <fs/event/notify.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/path.h>
#include <linux/errno.h>

long sys_inotify_init1(int flags)
{
	struct file *f;
	long fd = inotify_create(flags, &f);

	if (!fd) {
		fd = fd_give(f, flags & IN_CLOEXEC);
	}
	return fd;
}
long sys_inotify_init(void)
{
	return sys_inotify_init1(0);
}

static long add_path(struct file *f, user_ptr path, uint32_t mask)
{
	unsigned flags = (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
			 (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0);
	struct path p;
	long wd = at_lookup(AT_FDCWD, path, flags, &p);

	if (wd) {
		return wd;
	}
	wd = p.dentry->inode ? vfs_permission(p.dentry->inode, MAY_READ) : -ENOENT;
	if (!wd) {
		wd = inotify_add(f, p.dentry->inode, mask);
	}
	path_put(&p);
	return wd;
}
long sys_inotify_add_watch(int fd, user_ptr path, unsigned mask)
{
	struct fdref r;
	long wd;

	if (!(mask & IN_ALL_EVENTS) || (mask & IN_MASK_ADD && mask & IN_MASK_CREATE)) {
		return -EINVAL;
	}
	wd = fdref_get(fd, &r);
	if (!wd) {
		wd = file_is_inotify(r.file) ? add_path(r.file, path, mask) : -EINVAL;
		fdref_put(&r);
	}
	return wd;
}
long sys_inotify_rm_watch(int fd, int wd)
{
	struct fdref r;
	long err = fdref_get(fd, &r);

	if (!err) {
		err = file_is_inotify(r.file) ? inotify_remove(r.file, wd) : -EINVAL;
		fdref_put(&r);
	}
	return err;
}
