/* SPDX-License-Identifier: MIT */
/* Attributes of files: stat, statx, access, chmod, chown, utimes, readlink, statfs. */
#include <syscall/at.h>
#include <syscall/syscalls.h>

#include <fs/attr.h>
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <proc/cred.h>
#include <sched/thread.h>

/* --- stat --- */
static int put_stat(user_ptr buf, const struct kstat *k)
{
	struct linux_stat st = {
		.st_dev = k->dev,
		.st_ino = k->ino,
		.st_nlink = k->nlink,
		.st_mode = k->mode,
		.st_uid = k->uid,
		.st_gid = k->gid,
		.st_rdev = k->rdev,
		.st_size = (int64_t)k->size,
		.st_blksize = k->blksize,
		.st_blocks = (int64_t)k->blocks,
		.st_atime_sec = k->atime.sec,
		.st_atime_nsec = k->atime.nsec,
		.st_mtime_sec = k->mtime.sec,
		.st_mtime_nsec = k->mtime.nsec,
		.st_ctime_sec = k->ctime.sec,
		.st_ctime_nsec = k->ctime.nsec,
	};

	return copy_to_user(buf, &st, sizeof(st));
}
static int stat_fd(int fd, struct kstat *st, bool force)
{
	struct fdref r;
	int err = fdref_get_any(fd, &r);

	if (!err) {
		err = vfs_stat_inode(r.file->inode, st, force);
		fdref_put(&r);
	}
	return err;
}
static int stat_path(int dirfd, user_ptr user, unsigned lookup, bool force, struct kstat *st)
{
	struct path p;
	int err = at_lookup(dirfd, user, lookup, &p);

	if (!err) {
		err = vfs_stat_path(&p, st, force);
		path_put(&p);
	}
	return err;
}
/* fstat as fstatat(fd, "", AT_EMPTY_PATH), without a path. */
static bool is_empty(user_ptr path)
{
	char c;

	return !copy_from_user(&c, path, 1) && !c;
}
long sys_newfstatat(int dirfd, user_ptr path, user_ptr buf, int flags)
{
	struct kstat st;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	if (flags & AT_EMPTY_PATH && dirfd >= 0 && is_empty(path)) {
		err = stat_fd(dirfd, &st, false);
	} else {
		err = stat_path(dirfd, path, at_to_lookup(flags), false, &st);
	}
	return err ? err : put_stat(buf, &st);
}
long sys_stat(user_ptr path, user_ptr buf)
{
	struct kstat st;
	int err = stat_path(AT_FDCWD, path, LOOKUP_FOLLOW, false, &st);

	return err ? err : put_stat(buf, &st);
}
long sys_lstat(user_ptr path, user_ptr buf)
{
	struct kstat st;
	int err = stat_path(AT_FDCWD, path, 0, false, &st);

	return err ? err : put_stat(buf, &st);
}
long sys_fstat(int fd, user_ptr buf)
{
	struct kstat st;
	int err = stat_fd(fd, &st, false);

	return err ? err : put_stat(buf, &st);
}

static struct linux_statx_timestamp statx_time(struct timespec64 t)
{
	return (struct linux_statx_timestamp){ t.sec, (uint32_t)t.nsec, 0 };
}
long sys_statx(int dirfd, user_ptr path, int flags, unsigned mask, user_ptr buf)
{
	bool force = (flags & AT_STATX_SYNC_TYPE) == AT_STATX_FORCE_SYNC;
	struct linux_statx x;
	struct kstat k;
	int err;

	if (mask & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
	    flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) {
		return -EINVAL;
	}
	if (flags & AT_EMPTY_PATH && dirfd >= 0 && is_empty(path)) {
		err = stat_fd(dirfd, &k, force);
	} else {
		err = stat_path(dirfd, path, at_to_lookup(flags), force, &k);
	}
	if (err) {
		return err;
	}
	memset(&x, 0, sizeof(x));
	x.stx_mask = STATX_BASIC_STATS | (k.has_btime ? STATX_BTIME : 0);
	x.stx_blksize = k.blksize;
	x.stx_nlink = k.nlink;
	x.stx_uid = k.uid;
	x.stx_gid = k.gid;
	x.stx_mode = (uint16_t)k.mode;
	x.stx_ino = k.ino;
	x.stx_size = k.size;
	x.stx_blocks = k.blocks;
	x.stx_atime = statx_time(k.atime);
	x.stx_mtime = statx_time(k.mtime);
	x.stx_ctime = statx_time(k.ctime);
	x.stx_btime = statx_time(k.btime);
	x.stx_rdev_major = dev_major(k.rdev);
	x.stx_rdev_minor = dev_minor(k.rdev);
	x.stx_dev_major = dev_major(k.dev);
	x.stx_dev_minor = dev_minor(k.dev);
	return copy_to_user(buf, &x, sizeof(x));
}

/* --- access: by real ids unless AT_EACCESS --- */
/* Credentials for the look-up: the real ids as fs ids; capabilities as for that user.  NULL:
 * those of now will do. */
static int real_cred(struct cred **out)
{
	const struct cred *c = thread_current()->cred;
	struct cred *n;

	*out = NULL;
	if (c->u.real == c->u.fs && c->g.real == c->g.fs) {
		return 0;
	}
	n = cred_copy(c);
	if (!n) {
		return -ENOMEM;
	}
	n->u.fs = n->u.real;
	n->g.fs = n->g.real;
	n->cap_effective = n->u.real ? 0 : n->cap_permitted;
	*out = n;
	return 0;
}
long sys_faccessat2(int dirfd, user_ptr path, int mode, int flags)
{
	struct cred *mine = NULL, *real = NULL;
	struct path p;
	long err;

	if (mode & ~(R_OK | W_OK | X_OK) ||
	    flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	if (!(flags & AT_EACCESS)) {
		err = real_cred(&real);
		if (err) {
			return err;
		}
	}
	if (real) {
		mine = cred_swap(real);
	}
	err = at_lookup(dirfd, path, at_to_lookup(flags), &p);
	if (!err) {
		err = vfs_access(&p, mode);
		path_put(&p);
	}
	if (real) {
		cred_put(cred_swap(mine));
	}
	return err;
}
long sys_faccessat(int dirfd, user_ptr path, int mode)
{
	return sys_faccessat2(dirfd, path, mode, 0);
}
long sys_access(user_ptr path, int mode)
{
	return sys_faccessat2(AT_FDCWD, path, mode, 0);
}

/* --- chmod, chown --- */
static long set_path(int dirfd, user_ptr path, unsigned lookup, struct iattr *a)
{
	struct path p;
	long err = at_lookup(dirfd, path, lookup, &p);

	if (!err) {
		err = vfs_setattr(&p, a);
		path_put(&p);
	}
	return err;
}
static long set_fd(int fd, struct iattr *a)
{
	struct path p;
	long err = at_file(fd, &p);

	if (!err) {
		err = vfs_setattr(&p, a);
		path_put(&p);
	}
	return err;
}
long sys_fchmodat(int dirfd, user_ptr path, uint32_t mode)
{
	struct iattr a = { .valid = ATTR_MODE, .mode = mode & 07777 };

	return set_path(dirfd, path, LOOKUP_FOLLOW, &a);
}
long sys_chmod(user_ptr path, uint32_t mode)
{
	return sys_fchmodat(AT_FDCWD, path, mode);
}
long sys_fchmod(int fd, uint32_t mode)
{
	struct iattr a = { .valid = ATTR_MODE, .mode = mode & 07777 };

	return set_fd(fd, &a);
}
static struct iattr owner_attr(uint32_t uid, uint32_t gid)
{
	return (struct iattr){ .valid = ATTR_OWNER | (uid != UINT32_MAX ? ATTR_UID : 0) |
					(gid != UINT32_MAX ? ATTR_GID : 0),
			       .uid = uid,
			       .gid = gid };
}
long sys_fchownat(int dirfd, user_ptr path, uint32_t uid, uint32_t gid, int flags)
{
	struct iattr a = owner_attr(uid, gid);

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	return set_path(dirfd, path, at_to_lookup(flags), &a);
}
long sys_chown(user_ptr path, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}
long sys_lchown(user_ptr path, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}
long sys_fchown(int fd, uint32_t uid, uint32_t gid)
{
	struct iattr a = owner_attr(uid, gid);

	return set_fd(fd, &a);
}

/* --- times --- */
static int one_time(struct timespec64 t, unsigned set, unsigned now, struct timespec64 *out,
		    unsigned *valid)
{
	if (t.nsec == UTIME_OMIT) {
		return 0;
	}
	*valid |= set;
	if (t.nsec == UTIME_NOW) {
		*valid |= now;
		return 0;
	}
	*out = t;
	return t.nsec < 0 || t.nsec >= (int64_t)NSEC_PER_SEC ? -EINVAL : 0;
}
/* The error of times that are none: a file that is not there comes first. */
static long no_times(int dirfd, user_ptr path, int flags)
{
	bool fd = user_ptr_is_null(path) && dirfd != AT_FDCWD;
	struct path p;
	long err = fd ? at_file(dirfd, &p) : at_lookup(dirfd, path, at_to_lookup(flags), &p);

	if (err) {
		return err;
	}
	path_put(&p);
	return -EINVAL;
}
/* times NULL = now. */
static long set_times(int dirfd, user_ptr path, const struct timespec64 *times, int flags)
{
	struct iattr a = { .valid = ATTR_ATIME | ATTR_ATIME_NOW | ATTR_MTIME | ATTR_MTIME_NOW };

	bool bad = false; /* heard of when there is a file */

	if (times) {
		a.valid = 0;
		bad |= one_time(times[0], ATTR_ATIME, ATTR_ATIME_NOW, &a.atime, &a.valid) != 0;
		bad |= one_time(times[1], ATTR_MTIME, ATTR_MTIME_NOW, &a.mtime, &a.valid) != 0;
		if (!a.valid) {
			return 0; /* both UTIME_OMIT: not even a look at the flags */
		}
	}
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	if (bad) {
		return no_times(dirfd, path, flags);
	}
	if (user_ptr_is_null(path) && dirfd != AT_FDCWD) {
		return flags ? -EINVAL : set_fd(dirfd, &a);
	}
	return set_path(dirfd, path, at_to_lookup(flags), &a);
}
long sys_utimensat(int dirfd, user_ptr path, user_ptr user_times, int flags)
{
	struct timespec64 t[2];

	if (user_ptr_is_null(user_times)) {
		return set_times(dirfd, path, NULL, flags);
	}
	if (copy_from_user(t, user_times, sizeof(t))) {
		return -EFAULT;
	}
	return set_times(dirfd, path, t, flags);
}
/* The old forms: microseconds, or whole seconds. */
long sys_futimesat(int dirfd, user_ptr path, user_ptr user_times)
{
	struct timespec64 t[2];

	if (user_ptr_is_null(user_times)) {
		return set_times(dirfd, path, NULL, 0);
	}
	if (copy_from_user(t, user_times, sizeof(t))) {
		return -EFAULT;
	}
	for (int i = 0; i < 2; i++) {
		if (t[i].nsec < 0 || t[i].nsec >= 1000000) {
			return -EINVAL;
		}
		t[i].nsec *= 1000;
	}
	return set_times(dirfd, path, t, 0);
}
long sys_utimes(user_ptr path, user_ptr times)
{
	return sys_futimesat(AT_FDCWD, path, times);
}
long sys_utime(user_ptr path, user_ptr times)
{
	struct timespec64 t[2] = { { 0, 0 }, { 0, 0 } };
	int64_t sec[2];

	if (user_ptr_is_null(times)) {
		return set_times(AT_FDCWD, path, NULL, 0);
	}
	if (copy_from_user(sec, times, sizeof(sec))) {
		return -EFAULT;
	}
	t[0].sec = sec[0];
	t[1].sec = sec[1];
	return set_times(AT_FDCWD, path, t, 0);
}

/* --- readlink --- */
long sys_readlinkat(int dirfd, user_ptr path, user_ptr buf, int size)
{
	struct path p;
	char *tmp;
	long n;

	if (size <= 0) {
		return -EINVAL;
	}
	n = at_lookup(dirfd, path, LOOKUP_EMPTY, &p);
	if (n) {
		return n;
	}
	tmp = kmalloc(PATH_MAX);
	n = tmp ? vfs_readlink(&p, tmp, PATH_MAX) : -ENOMEM;
	path_put(&p);
	if (n == -EINVAL && is_empty(path)) {
		n = -ENOENT;
	}
	if (n > size) {
		n = size;
	}
	if (n > 0 && copy_to_user(buf, tmp, (size_t)n)) {
		n = -EFAULT;
	}
	kfree(tmp);
	return n;
}
long sys_readlink(user_ptr path, user_ptr buf, int size)
{
	return sys_readlinkat(AT_FDCWD, path, buf, size);
}

/* --- statfs --- */
static int put_statfs(user_ptr buf, const struct kstatfs *k)
{
	struct linux_statfs st = {
		.f_type = (int64_t)k->type,
		.f_bsize = (int64_t)k->bsize,
		.f_blocks = k->blocks,
		.f_bfree = k->bfree,
		.f_bavail = k->bavail,
		.f_files = k->files,
		.f_ffree = k->ffree,
		.f_fsid = { (int32_t)k->fsid, (int32_t)(k->fsid >> 32) },
		.f_namelen = (int64_t)k->namelen,
		.f_frsize = (int64_t)k->frsize,
		.f_flags = (int64_t)k->flags,
	};

	return copy_to_user(buf, &st, sizeof(st));
}
long sys_statfs(user_ptr path, user_ptr buf)
{
	struct kstatfs st;
	struct path p;
	long err = at_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &p);

	if (!err) {
		err = vfs_statfs(&p, &st);
		path_put(&p);
	}
	return err ? err : put_statfs(buf, &st);
}
long sys_fstatfs(int fd, user_ptr buf)
{
	struct kstatfs st;
	struct path p;
	struct fdref r;
	long err = fdref_get_any(fd, &r);

	if (err) {
		return err;
	}
	err = file_path(r.file, &p);
	if (!err) {
		err = vfs_statfs(&p, &st);
		path_put(&p);
	}
	fdref_put(&r);
	return err ? err : put_statfs(buf, &st);
}

/* --- handles: none that outlive the VM --- */
long sys_name_to_handle_at(int dirfd, user_ptr path, user_ptr handle, user_ptr mount_id, int flags)
{
	struct path p;
	long err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	err = at_lookup(dirfd, path,
			(flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
				(flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
			&p);
	if (!err) {
		path_put(&p);
		err = -EOPNOTSUPP;
	}
	return err;
}
long sys_open_by_handle_at(int mount_fd, user_ptr handle, int flags)
{
	return cred_capable(CAP_DAC_READ_SEARCH) ? -ESTALE : -EPERM;
}
