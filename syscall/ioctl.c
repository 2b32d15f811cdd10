/* SPDX-License-Identifier: MIT */
/* ioctl: what every file has; the rest is asked of the file. */
#include <syscall/syscalls.h>

#include <fs/event/async.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/ioctls.h>
#include <linux/stat.h>
#include <mm/usercopy.h>

static long set_flag(struct file *f, int fd, uint32_t flag, user_ptr arg)
{
	uint32_t on;

	if (get_user_u32(&on, arg)) {
		return -EFAULT;
	}
	if (flag == O_ASYNC) {
		long err = file_set_async(f, fd, on);

		if (err) {
			return err;
		}
	}
	if (on) {
		atomic_fetch_or(&f->flags, flag);
	} else {
		atomic_fetch_and(&f->flags, ~flag);
	}
	return 0;
}
static long regular_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	uint64_t size = atomic_load(&f->inode->pages.size);

	switch (cmd) {
	case FIONREAD:
		if (!S_ISREG(f->inode->mode)) {
			return -ENOTTY;
		}
		return put_user_u32((user_ptr){ arg },
				    (uint32_t)(size > f->pos ? size - f->pos : 0));
	case FIGETBSZ: return put_user_u32((user_ptr){ arg }, f->inode->blksize);
	case FIOQSIZE: return put_user_u64((user_ptr){ arg }, size);
	default: return -ENOTTY;
	}
}
static long file_ioctl(struct file *f, int fd, unsigned cmd, uint64_t arg)
{
	if (cmd == FIONBIO) {
		return set_flag(f, fd, O_NONBLOCK, (user_ptr){ arg });
	}
	if (cmd == FIOASYNC) {
		return set_flag(f, fd, O_ASYNC, (user_ptr){ arg });
	}
	if (f->ops && f->ops->ioctl) {
		return f->ops->ioctl(f, cmd, arg);
	}
	return S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode) ? regular_ioctl(f, cmd, arg)
								  : -ENOTTY;
}
long sys_ioctl(int fd, unsigned cmd, uint64_t arg)
{
	struct file *f;
	long ret;

	ret = fd_get(fd, &f);
	if (ret) {
		return ret;
	}
	if (cmd == FIOCLEX || cmd == FIONCLEX) {
		ret = fd_set_cloexec(fd, cmd == FIOCLEX);
	} else {
		ret = file_ioctl(f, fd, cmd, arg);
	}
	file_put(f);
	return ret;
}
