/* SPDX-License-Identifier: MIT */
/*
 * Opening, closing, reading, writing and positioning files.  Buffers are checked here, once, and
 * travel as uio; what a file allows is kernel/fs.
 */
#include <syscall/at.h>
#include <syscall/iovecs.h>
#include <syscall/syscalls.h>

#include <fs/attr.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <fs/pathname.h>
#include <fs/pseudo/pseudo.h>
#include <fs/vfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <mm/pagecache.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

#define VALID_OPEN_FLAGS                                                                       \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |  \
	 O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | \
	 O_PATH | O_TMPFILE_BIT)

static long open_fd(int dirfd, user_ptr path, int flags, uint32_t mode, unsigned lookup)
{
	struct pathname name;
	struct file *f;
	long fd;
	int err = pathname_get(&name, path);

	if (err) {
		return err;
	}
	fd = fd_reserve(0, flags & O_CLOEXEC);
	if (fd >= 0) {
		err = vfs_openat2(dirfd, name.s, flags, mode, lookup, &f);
		if (err) {
			fd_unreserve((int)fd);
			fd = err == -ERESTARTSYS ? -EINTR : err;
		} else {
			fd_install((int)fd, f);
		}
	}
	pathname_put(&name);
	return fd;
}
long sys_openat(int dirfd, user_ptr path, int flags, uint32_t mode)
{
	return open_fd(dirfd, path, flags & VALID_OPEN_FLAGS, mode & 07777, 0);
}
long sys_open(user_ptr path, int flags, uint32_t mode)
{
	return sys_openat(AT_FDCWD, path, flags, mode);
}
long sys_creat(user_ptr path, uint32_t mode)
{
	return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

static unsigned resolve_to_lookup(uint64_t resolve)
{
	return (resolve & RESOLVE_NO_XDEV ? LOOKUP_NO_XDEV : 0) |
	       (resolve & RESOLVE_NO_MAGICLINKS ? LOOKUP_NO_MAGICLINKS : 0) |
	       (resolve & RESOLVE_NO_SYMLINKS ? LOOKUP_NO_SYMLINKS : 0) |
	       (resolve & RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
	       (resolve & RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0);
}
/* Bytes of the user's struct beyond ours must be zero: the caller is from the future. */
static int check_tail(user_ptr how, size_t size)
{
	char c;

	for (size_t i = sizeof(struct linux_open_how); i < size; i++) {
		if (copy_from_user(&c, user_ptr_add(how, i), 1)) {
			return -EFAULT;
		}
		if (c) {
			return -E2BIG;
		}
	}
	return 0;
}
long sys_openat2(int dirfd, user_ptr path, user_ptr user_how, size_t size)
{
	struct linux_open_how how;
	int err;

	if (size < sizeof(how)) {
		return -EINVAL;
	}
	if (size > PAGE_SIZE) {
		return -E2BIG;
	}
	err = copy_from_user(&how, user_how, sizeof(how));
	if (!err) {
		err = check_tail(user_how, size);
	}
	if (err) {
		return err;
	}
	if (how.flags & ~(uint64_t)VALID_OPEN_FLAGS || how.resolve & ~(uint64_t)RESOLVE_ALL ||
	    (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ==
		    (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) {
		return -EINVAL;
	}
	if (how.mode & ~07777ull || (how.mode && !(how.flags & (O_CREAT | O_TMPFILE_BIT)))) {
		return -EINVAL;
	}
	if (how.flags & O_PATH &&
	    how.flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {
		return -EINVAL;
	}
	if (how.resolve & RESOLVE_CACHED) {
		return -EAGAIN; /* always allowed: the caller tries again without */
	}
	return open_fd(dirfd, path, (int)how.flags, (uint32_t)how.mode,
		       resolve_to_lookup(how.resolve));
}

long sys_close(int fd)
{
	long err = fd_close(fd);

	/* The descriptor is gone whatever flush said: never restart. */
	return err <= -ERESTARTSYS && err >= -ERESTART_RESTARTBLOCK ? -EINTR : err;
}

/* --- reading and writing one buffer --- */
static long transfer(int fd, user_ptr buf, size_t n, uint64_t *pos, bool write)
{
	struct uio_seg seg;
	struct fdref r;
	struct uio u;
	long ret = fdref_get(fd, &r);

	if (unlikely(ret)) {
		return ret;
	}
	if (unlikely(pos && r.file->no_seek)) {
		ret = -ESPIPE; /* before all that could be wrong with the rest */
	} else if (unlikely(!user_range_ok(buf, n))) {
		ret = (write ? r.file->writable : r.file->readable) ? -EFAULT : -EBADF;
	} else {
		uio_init_user(&u, &seg, buf, MIN(n, MAX_RW_COUNT));
		ret = write ? file_write(r.file, &u, pos, 0) : file_read(r.file, &u, pos, 0);
	}
	fdref_put(&r);
	return ret;
}
long sys_read(int fd, user_ptr buf, size_t n)
{
	return transfer(fd, buf, n, NULL, false);
}
long sys_write(int fd, user_ptr buf, size_t n)
{
	return transfer(fd, buf, n, NULL, true);
}
long sys_pread64(int fd, user_ptr buf, size_t n, int64_t off)
{
	uint64_t pos = (uint64_t)off;

	return off < 0 ? -EINVAL : transfer(fd, buf, n, &pos, false);
}
long sys_pwrite64(int fd, user_ptr buf, size_t n, int64_t off)
{
	uint64_t pos = (uint64_t)off;

	return off < 0 ? -EINVAL : transfer(fd, buf, n, &pos, true);
}

/* --- vectors --- */
int iovecs_get(struct iovecs *v, user_ptr iov, uint64_t n)
{
	int err = 0;

	if (n > UIO_MAXIOV) {
		return -EINVAL;
	}
	v->segs = v->few;
	v->total = 0;
	if (n > IOVECS_INLINE) {
		v->segs = kmalloc(n * sizeof(*v->segs));
		if (!v->segs) {
			return -ENOMEM;
		}
	}
	if (n) {
		err = copy_from_user(v->segs, iov, n * sizeof(*v->segs));
	}
	for (uint64_t i = 0; i < n && !err; i++) {
		struct uio_seg *s = &v->segs[i];

		if ((int64_t)s->len < 0) {
			err = -EINVAL;
		} else if (!user_range_ok((user_ptr){ s->base }, s->len)) {
			err = -EFAULT;
		} else {
			s->len = MIN(s->len, MAX_RW_COUNT - v->total);
			v->total += s->len;
		}
	}
	if (err) {
		iovecs_put(v);
	}
	return err;
}
void iovecs_put(struct iovecs *v)
{
	if (v->segs != v->few) {
		kfree(v->segs);
	}
}
/* RWF_* as IO_*; Linux refuses those that it does not know only when there is something to move. */
static long vector_flags(const struct file *f, int flags, unsigned *io)
{
	if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND) ||
	    (flags & ~RWF_HIPRI && S_ISDIR(f->inode->mode))) {
		return -EOPNOTSUPP;
	}
	*io = (flags & RWF_NOWAIT ? IO_NOWAIT : 0) | (flags & RWF_APPEND ? IO_APPEND : 0) |
	      (flags & (RWF_DSYNC | RWF_SYNC) ? IO_DSYNC : 0);
	return 0;
}
static long transfer_vector(int fd, user_ptr iov, uint64_t n, uint64_t *pos, int flags, bool write)
{
	unsigned io = 0;
	struct iovecs v;
	struct fdref r;
	struct uio u;
	long ret = fdref_get(fd, &r);

	if (ret) {
		return ret;
	}
	if (pos && r.file->no_seek) {
		ret = -ESPIPE;
		goto out;
	}
	if (!(write ? r.file->writable : r.file->readable)) {
		ret = -EBADF;
		goto out;
	}
	ret = iovecs_get(&v, iov, n);
	if (ret) {
		goto out;
	}
	ret = v.total ? vector_flags(r.file, flags, &io) : 0;
	if (!ret && v.total) {
		uio_init_segs(&u, v.segs, (unsigned)n, v.total);
		ret = write ? file_write(r.file, &u, pos, io) : file_read(r.file, &u, pos, io);
	}
	iovecs_put(&v);
out:
	fdref_put(&r);
	return ret;
}
long sys_readv(int fd, user_ptr iov, uint64_t n)
{
	return transfer_vector(fd, iov, n, NULL, 0, false);
}
long sys_writev(int fd, user_ptr iov, uint64_t n)
{
	return transfer_vector(fd, iov, n, NULL, 0, true);
}
long sys_preadv(int fd, user_ptr iov, uint64_t n, uint64_t pos_low, uint64_t pos_high)
{
	return (int64_t)pos_low < 0 ? -EINVAL : transfer_vector(fd, iov, n, &pos_low, 0, false);
}
long sys_pwritev(int fd, user_ptr iov, uint64_t n, uint64_t pos_low, uint64_t pos_high)
{
	return (int64_t)pos_low < 0 ? -EINVAL : transfer_vector(fd, iov, n, &pos_low, 0, true);
}

static long vector2(int fd, user_ptr iov, uint64_t n, uint64_t pos, int flags, bool write)
{
	if (pos != UINT64_MAX && (int64_t)pos < 0) {
		return -EINVAL;
	}
	return transfer_vector(fd, iov, n, pos == UINT64_MAX ? NULL : &pos, flags, write);
}
long sys_preadv2(int fd, user_ptr iov, uint64_t n, uint64_t pos_low, uint64_t pos_high, int flags)
{
	return vector2(fd, iov, n, pos_low, flags, false);
}
long sys_pwritev2(int fd, user_ptr iov, uint64_t n, uint64_t pos_low, uint64_t pos_high, int flags)
{
	return vector2(fd, iov, n, pos_low, flags, true);
}

long sys_lseek(int fd, int64_t off, unsigned whence)
{
	struct fdref r;
	long ret = fdref_get(fd, &r);

	if (!ret) {
		ret = file_lseek(r.file, off, whence > SEEK_HOLE ? -1 : (int)whence);
		fdref_put(&r);
	}
	return ret;
}

/* --- sizes and syncing --- */
long sys_truncate(user_ptr path, int64_t length)
{
	struct path p;
	int err;

	if (length < 0) {
		return -EINVAL;
	}
	err = at_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (!err) {
		err = vfs_truncate(&p, (uint64_t)length);
		path_put(&p);
	}
	return err;
}
long sys_ftruncate(int fd, int64_t length)
{
	struct fdref r;
	int err;

	if (length < 0) {
		return -EINVAL;
	}
	err = fdref_get(fd, &r);
	if (!err) {
		err = file_truncate(r.file, (uint64_t)length);
		fdref_put(&r);
	}
	return err;
}

long sys_fallocate(int fd, int mode, int64_t off, int64_t len)
{
	struct fdref r;
	long err = fdref_get(fd, &r);

	if (!err) {
		err = off < 0 || len <= 0
			      ? -EINVAL
			      : file_fallocate(r.file, mode, (uint64_t)off, (uint64_t)len);
		fdref_put(&r);
	}
	return err;
}

static long sync_fd(int fd, bool data_only)
{
	struct fdref r;
	long err = fdref_get(fd, &r);

	if (!err) {
		err = file_fsync(r.file, data_only);
		fdref_put(&r);
	}
	return err;
}
long sys_fsync(int fd)
{
	return sync_fd(fd, false);
}
long sys_fdatasync(int fd)
{
	return sync_fd(fd, true);
}
long sys_sync(void)
{
	vfs_sync_all();
	return 0;
}
long sys_syncfs(int fd)
{
	struct fdref r;
	long err = fdref_get(fd, &r);

	if (!err) {
		err = vfs_sync(r.file->inode->sb);
		fdref_put(&r);
	}
	return err;
}
long sys_sync_file_range(int fd, int64_t off, int64_t n, unsigned flags)
{
	struct fdref r;
	long err = fdref_get(fd, &r);

	if (err) {
		return err;
	}
	if (off < 0 || n < 0 || n > INT64_MAX - off || flags & ~(unsigned)SYNC_FILE_RANGE_ALL) {
		err = -EINVAL;
	} else if (S_ISREG(r.file->inode->mode)) {
		uint64_t last = n ? (uint64_t)(off + n - 1) / PAGE_SIZE : UINT64_MAX / PAGE_SIZE;

		err = flags ? pagecache_sync(&r.file->inode->pages, (uint64_t)off / PAGE_SIZE, last)
			    : 0;
	} else if (!S_ISDIR(r.file->inode->mode) && !S_ISBLK(r.file->inode->mode)) {
		err = -ESPIPE;
	}
	fdref_put(&r);
	return err;
}
/* Hints: the arguments are checked, the page cache's own read-ahead does the rest. */
long sys_readahead(int fd, int64_t off, size_t n)
{
	struct fdref r;
	long err = fdref_get(fd, &r);

	if (!err) {
		if (!r.file->readable) {
			err = -EBADF;
		} else if (!S_ISREG(r.file->inode->mode) || (int64_t)n < 0) {
			err = -EINVAL;
		}
		fdref_put(&r);
	}
	return err;
}
long sys_fadvise64(int fd, int64_t off, size_t n, int advice)
{
	struct fdref r;
	long err = fdref_get(fd, &r);

	if (!err) {
		if (S_ISFIFO(r.file->inode->mode)) {
			err = -ESPIPE;
		} else if (advice < 0 || advice > POSIX_FADV_NOREUSE || (int64_t)n < 0) {
			err = -EINVAL;
		}
		fdref_put(&r);
	}
	return err;
}

long sys_memfd_create(user_ptr uname, unsigned flags)
{
	char name[NAME_MAX - 5];
	struct file *f;
	long n;

	if (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) ||
	    (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC)) {
		return -EINVAL;
	}
	n = copy_string_from_user(name, uname, sizeof(name));
	if (n < 0) {
		return n == -ENAMETOOLONG ? -EINVAL : n;
	}
	n = memfd_create_file(name, flags, &f);
	if (n) {
		return n;
	}
	return fd_give(f, flags & MFD_CLOEXEC);
}
