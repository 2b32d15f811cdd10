/* SPDX-License-Identifier: MIT */
/* fcntl, flock, dup and its forms, close_range. */
#include <syscall/syscalls.h>

#include <fs/attr.h>
#include <fs/event/async.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/locks.h>
#include <fs/event/pipe.h>
#include <fs/pseudo/pseudo.h>
#include <fs/upcalls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/sched.h>
#include <mm/usercopy.h>
#include <signal/sigio.h>

#define SETFL_MASK (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME | O_NONBLOCK)
#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4
#define SIG_MAX 64

static long dup_from(int fd, uint64_t min, bool cloexec)
{
	struct file *f;
	long n;

	if (min >= fs_upcalls->rlimit(RLIMIT_NOFILE) || min > INT32_MAX) {
		return -EINVAL;
	}
	n = fd_get_any(fd, &f);
	return n ? n : fd_give_from((int)min, f, cloexec);
}
long sys_dup(int fd)
{
	struct file *f;
	long n = fd_get_any(fd, &f);

	if (!n) {
		n = fd_give(f, false);
	}
	return n;
}
static long dup_to(int oldfd, int newfd, bool cloexec)
{
	struct file *f;
	long n;

	if (newfd < 0 || (uint64_t)newfd >= fs_upcalls->rlimit(RLIMIT_NOFILE)) {
		return -EBADF;
	}
	n = fd_get_any(oldfd, &f);
	if (!n) {
		n = fd_replace(newfd, f, cloexec);
		file_put(f);
	}
	return n;
}
long sys_dup3(int oldfd, int newfd, int flags)
{
	if (flags & ~O_CLOEXEC || oldfd == newfd) {
		return -EINVAL;
	}
	return dup_to(oldfd, newfd, flags & O_CLOEXEC);
}
long sys_dup2(int oldfd, int newfd)
{
	if (oldfd == newfd) {
		return fd_get_cloexec(oldfd) < 0 ? -EBADF : newfd;
	}
	return dup_to(oldfd, newfd, false);
}
long sys_close_range(unsigned first, unsigned last, unsigned flags)
{
	long err;

	if (flags & ~(unsigned)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last) {
		return -EINVAL;
	}
	if (flags & CLOSE_RANGE_UNSHARE) {
		err = fdtable_unshare_current();
		if (err) {
			return err;
		}
	}
	return fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
}
long sys_flock(int fd, unsigned op)
{
	unsigned type = op & ~(unsigned)LOCK_NB;
	struct file *f;
	long err;

	if (op & LOCK_MAND) {
		return 0; /* no longer anything, but not refused */
	}
	if (type != LOCK_SH && type != LOCK_EX && type != LOCK_UN) {
		return -EINVAL;
	}
	err = fd_get(fd, &f);
	if (!err) {
		err = locks_flock(f, (int)op);
		file_put(f);
	}
	return err;
}

/* --- fcntl --- */
static long set_flags(struct file *f, int fd, uint64_t arg)
{
	uint32_t old = atomic_load(&f->flags), now;

	if (old & O_APPEND && !(arg & O_APPEND) && S_ISREG(f->inode->mode) &&
	    f->inode->sb->read_only) {
		return -EPERM;
	}
	if (arg & O_NOATIME && !(old & O_NOATIME) && !vfs_owner_or_capable(f->inode)) {
		return -EPERM;
	}
	if (S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode)) {
		arg &= ~(uint64_t)O_ASYNC; /* nothing ever happens to them */
	}
	if ((old ^ arg) & O_ASYNC) {
		long err = file_set_async(f, fd, arg & O_ASYNC);

		if (err && err != -ENOTTY) {
			return err;
		}
	}
	do {
		now = (old & ~(uint32_t)SETFL_MASK) | ((uint32_t)arg & SETFL_MASK);
	} while (!atomic_compare_exchange_weak(&f->flags, &old, now));
	return 0;
}
static long lock_cmd(struct file *f, int fd, int cmd, user_ptr arg)
{
	struct linux_flock fl;
	long err;

	if (copy_from_user(&fl, arg, sizeof(fl))) {
		return -EFAULT;
	}
	err = locks_fcntl(f, fd, cmd, &fl);
	if (!err && (cmd == F_GETLK || cmd == F_OFD_GETLK)) {
		err = copy_to_user(arg, &fl, sizeof(fl));
	}
	return err;
}
static long set_owner_ex(struct file *f, user_ptr arg)
{
	struct linux_f_owner_ex ex;

	if (copy_from_user(&ex, arg, sizeof(ex))) {
		return -EFAULT;
	}
	if (ex.type < F_OWNER_TID || ex.type > F_OWNER_PGRP) {
		return -EINVAL;
	}
	return sigio_set_owner(f, ex.type, ex.pid);
}
static long get_owner_ex(struct file *f, user_ptr arg)
{
	struct linux_f_owner_ex ex;

	ex.pid = sigio_get_owner(f, &ex.type);
	return copy_to_user(arg, &ex, sizeof(ex));
}
/* A negative number is a group. */
static long set_owner(struct file *f, int nr)
{
	if (nr == INT32_MIN) {
		return -EINVAL;
	}
	return sigio_set_owner(f, nr < 0 ? F_OWNER_PGRP : F_OWNER_PID, nr < 0 ? -nr : nr);
}
static long get_owner(struct file *f)
{
	int type, nr = sigio_get_owner(f, &type);

	return type == F_OWNER_PGRP ? -nr : nr;
}
static long set_signal(struct file *f, uint64_t arg)
{
	if (arg > SIG_MAX) {
		return -EINVAL;
	}
	atomic_store(&f->owner_sig, (int32_t)arg);
	return 0;
}

/* What needs an open file (not O_PATH). */
static long file_cmd(struct file *f, int fd, unsigned cmd, uint64_t arg)
{
	switch (cmd) {
	case F_SETFL: return set_flags(f, fd, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW: return lock_cmd(f, fd, (int)cmd, (user_ptr){ arg });
	case F_SETOWN: return set_owner(f, (int)arg);
	case F_GETOWN: return get_owner(f);
	case F_SETOWN_EX: return set_owner_ex(f, (user_ptr){ arg });
	case F_GETOWN_EX: return get_owner_ex(f, (user_ptr){ arg });
	case F_SETSIG: return set_signal(f, arg);
	case F_GETSIG: return atomic_load(&f->owner_sig);
	case F_SETPIPE_SZ: return pipe_set_size(f, (unsigned)arg);
	case F_GETPIPE_SZ: return pipe_get_size(f);
	case F_ADD_SEALS: return memfd_add_seals(f, (uint32_t)arg);
	case F_GET_SEALS: return memfd_get_seals(f);
	case F_GETLEASE: return F_UNLCK;
	default: return -EINVAL;
	}
}
long sys_fcntl(int fd, unsigned cmd, uint64_t arg)
{
	struct file *f;
	long ret;

	switch (cmd) {
	case F_DUPFD: return dup_from(fd, (unsigned)arg, false);
	case F_DUPFD_CLOEXEC: return dup_from(fd, (unsigned)arg, true);
	case F_GETFD: return fd_get_cloexec(fd);
	case F_SETFD: return fd_set_cloexec(fd, arg & FD_CLOEXEC);
	default: break;
	}
	ret = fd_get_any(fd, &f);
	if (ret) {
		return ret;
	}
	if (cmd == F_GETFL) {
		ret = (long)atomic_load(&f->flags);
	} else if (atomic_load(&f->flags) & O_PATH) {
		ret = -EBADF;
	} else {
		ret = file_cmd(f, fd, cmd, arg);
	}
	file_put(f);
	return ret;
}
