/* SPDX-License-Identifier: MIT */
/*
 * Open files: life, reading and writing, positions.
 *
 * A file's position is changed under pos_lock, or by its only holder (one reference: no second
 * descriptor, no second thread inside).  Writes to regular files hold inode->lock, so that an
 * appending write finds the end where it writes.  Neither lock is held by an operation on a
 * stream, which may wait for ever.
 */
#include <fs/file.h>

#include "fs_internal.h"

#include <fs/attr.h>
#include <fs/cred.h>
#include <fs/event/async.h>
#include <fs/event/notify.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/upcalls.h>
#include <lib/assert.h>
#include <lib/list.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <mm/mm.h>
#include <mm/pagecache.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

/* A struct file's memory is only ever a struct file, with refs 0 while it is free, so that
 * fdtable.c may try to raise the count of one that is just going.  Free ones wait on a list. */
static SPINLOCK(free_files) free_lock = SPINLOCK_INIT(RANK_FS_LEAF, "free files");
static struct list free_files = LIST_INIT(free_files);
static _Atomic uint64_t nfiles; /* a sum: orders nothing */

uint64_t file_count(void)
{
	return atomic_load_explicit(&nfiles, memory_order_relaxed);
}
uint64_t file_max(void)
{
	return MAX(mem_total_pages() * (PAGE_SIZE / 1024) / 10, 8192ull);
}

/* One more; false: there are too many. */
static bool count_file(void)
{
	if (likely(atomic_fetch_add_explicit(&nfiles, 1, memory_order_relaxed) < file_max()) ||
	    cred_capable(CAP_SYS_ADMIN)) {
		return true;
	}
	atomic_fetch_sub_explicit(&nfiles, 1, memory_order_relaxed);
	return false;
}

static struct file *file_memory(void)
{
	struct file *f = NULL;
	struct list *n;

	spin_lock(&free_lock);
	n = list_pop_front(&free_files);
	spin_unlock(&free_lock);
	if (!n) {
		return kzalloc(sizeof(*f));
	}
	f = list_entry(n, struct file, epoll_items);
	ASSERT(atomic_load_explicit(&f->refs, memory_order_relaxed) == 0);
	memset((char *)f + sizeof(f->refs), 0, sizeof(*f) - sizeof(f->refs));
	return f;
}

int file_alloc(int flags, struct file **out)
{
	struct file *f;

	if (!count_file()) {
		return -ENFILE;
	}
	f = file_memory();
	if (!f) {
		atomic_fetch_sub_explicit(&nfiles, 1, memory_order_relaxed);
		return -ENOMEM;
	}
	atomic_init(&f->flags, (uint32_t)flags);
	mutex_init(&f->pos_lock, RANK_FILE_POS, "file pos");
	list_init(&f->epoll_items);
	spin_init(&f->epoll_lock, RANK_FS_LEAF, "file epoll");
	if (!(flags & O_PATH)) {
		f->readable = (flags & O_ACCMODE) == O_RDONLY || (flags & O_ACCMODE) == O_RDWR;
		f->writable = (flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR;
	}
	atomic_store_explicit(&f->refs, 1, memory_order_release);
	*out = f;
	return 0;
}

bool file_try_get(struct file *f)
{
	int32_t refs = atomic_load_explicit(&f->refs, memory_order_relaxed);

	while (refs > 0) {
		if (atomic_compare_exchange_weak_explicit(&f->refs, &refs, refs + 1,
							  memory_order_acquire,
							  memory_order_relaxed)) {
			return true;
		}
	}
	return false;
}
void file_get(struct file *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
}

static void file_free(struct file *f)
{
	epoll_file_release(f);
	if (unlikely(f->async)) {
		(void)!file_set_async(f, -1, false);
	}
	if (unlikely(f->owner.pid)) {
		fs_upcalls->drop_owner(f);
	}
	if (f->ops && f->path.dentry) {
		notify_dentry(f->path.dentry, f->writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	}
	if (f->inode) {
		locks_release_file(f);
	}
	if (f->ops && f->ops->release) {
		f->ops->release(f);
	}
	if (f->counted_writer) {
		atomic_fetch_sub(&f->inode->writers, 1);
	}
	if (f->exec_denied_write) {
		atomic_fetch_add(&f->inode->writers, 1);
	}
	if (f->path.dentry) {
		path_put(&f->path);
	}
	inode_put(f->inode);
	atomic_fetch_sub_explicit(&nfiles, 1, memory_order_relaxed);
	list_init(&f->epoll_items);
	spin_lock(&free_lock);
	list_push_front(&free_files, &f->epoll_items);
	spin_unlock(&free_lock);
}
void file_put(struct file *f)
{
	if (CONFIG_DEBUG && f) {
		/* Any put may be the last, and what it then takes begins with the gate of epolls. */
		lockcheck_acquire(RANK_EPOLL_GATE, "a file's last put", false);
		lockcheck_release(RANK_EPOLL_GATE);
	}
	if (f && atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1) {
		file_free(f);
	}
}

/* Linux: negative positions and wraps are refused before anything else. */
static int check_position(const struct file *f, uint64_t pos, uint64_t n)
{
	if ((int64_t)pos < 0 || (int64_t)(pos + n) < 0) {
		return f->no_seek ? 0 : -EINVAL;
	}
	return 0;
}

/* A file with one reference has no second descriptor and no second thread inside: the position
 * needs no lock. */
static bool lock_position(struct file *f) LOCK_UNCHECKED("taken only while f is shared")
{
	if (f->no_seek || atomic_load_explicit(&f->refs, memory_order_acquire) == 1) {
		return false;
	}
	mutex_lock(&f->pos_lock);
	return true;
}

static void unlock_position(struct file *f, bool locked) LOCK_UNCHECKED("as lock_position() said")
{
	if (locked) {
		mutex_unlock(&f->pos_lock);
	}
}

long file_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	uint64_t at;
	bool locked;
	long n;
	int err;

	if (unlikely(!f->readable)) {
		return -EBADF;
	}
	if (unlikely(!f->ops || !f->ops->read)) {
		return f->inode && S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	}
	if (pos) {
		if (unlikely(f->no_seek)) {
			return -ESPIPE;
		}
		err = check_position(f, *pos, u->left);
		n = err ? err : f->ops->read(f, u, pos, flags);
		if (n > 0) {
			notify_dentry(f->path.dentry, IN_ACCESS);
		}
		return n;
	}
	locked = lock_position(f);
	at = f->pos;
	err = check_position(f, at, u->left);
	n = err ? err : f->ops->read(f, u, &at, flags);
	if (n > 0) {
		f->pos = at;
		notify_dentry(f->path.dentry, IN_ACCESS);
	}
	unlock_position(f, locked);
	return n;
}

/* RLIMIT_FSIZE: shortens the write or fails it with a signal. */
static int limit_write(struct uio *u, uint64_t pos)
{
	uint64_t limit = fs_upcalls->rlimit(RLIMIT_FSIZE);

	if (likely(limit == UINT64_MAX)) {
		return 0;
	}
	if (pos >= limit) {
		if (u->left == 0) {
			return 0;
		}
		fs_upcalls->send_sigxfsz();
		return -EFBIG;
	}
	if (u->left > limit - pos) {
		u->left = limit - pos;
	}
	return 0;
}

bool file_write_fits(uint64_t pos, size_t n)
{
	uint64_t limit = fs_upcalls->rlimit(RLIMIT_FSIZE);

	return pos <= limit && n <= limit - pos;
}

static long write_regular(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct inode *inode = f->inode;
	long n;

	mutex_lock(&inode->lock);
	if (atomic_load_explicit(&f->flags, memory_order_relaxed) & O_APPEND) {
		flags |= IO_APPEND;
	}
	if (flags & IO_APPEND) {
		*pos = atomic_load(&inode->pages.size);
	}
	n = limit_write(u, *pos);
	if (!n) {
		inode_drop_setid(inode);
		n = f->ops->write(f, u, pos, flags);
	}
	mutex_unlock(&inode->lock);
	if (n > 0 && (flags & IO_DSYNC || atomic_load(&f->flags) & O_DSYNC) && f->ops->fsync) {
		int err = f->ops->fsync(f, (atomic_load(&f->flags) & O_SYNC) != O_SYNC);

		n = err ? err : n;
	}
	return n;
}

long file_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	bool regular = f->inode && S_ISREG(f->inode->mode);
	uint64_t at;
	bool locked;
	long n;
	int err;

	if (unlikely(!f->writable)) {
		return -EBADF;
	}
	if (unlikely(!f->ops || !f->ops->write)) {
		return -EINVAL;
	}
	if (pos) {
		if (unlikely(f->no_seek)) {
			return -ESPIPE;
		}
		err = check_position(f, *pos, u->left);
		if (err) {
			return err;
		}
		n = regular ? write_regular(f, u, pos, flags) : f->ops->write(f, u, pos, flags);
		if (n > 0) {
			notify_dentry(f->path.dentry, IN_MODIFY);
		}
		return n;
	}
	locked = lock_position(f);
	at = f->pos;
	err = check_position(f, at, u->left);
	if (err) {
		n = err;
	} else {
		n = regular ? write_regular(f, u, &at, flags) : f->ops->write(f, u, &at, flags);
	}
	if (n > 0) {
		f->pos = at;
		notify_dentry(f->path.dentry, IN_MODIFY);
	}
	unlock_position(f, locked);
	return n;
}

/* All n bytes at off, in as many calls as it takes; what was done, or the first one's error. */
static long transfer_kernel(struct file *f, void *buf, size_t n, uint64_t off,
			    long (*transfer)(struct file *, struct uio *, uint64_t *, unsigned))
{
	size_t done = 0;

	while (done < n) {
		uint64_t pos = off + done;
		struct uio_seg seg;
		struct uio u;
		long got;

		uio_init_kernel(&u, &seg, (char *)buf + done, n - done);
		got = transfer(f, &u, f->no_seek ? NULL : &pos, 0);
		if (got < 0) {
			return done ? (long)done : got;
		}
		if (got == 0) {
			break;
		}
		done += (size_t)got;
	}
	return (long)done;
}
long file_read_kernel(struct file *f, void *buf, size_t n, uint64_t off)
{
	return transfer_kernel(f, buf, n, off, file_read);
}
long file_write_kernel(struct file *f, const void *buf, size_t n, uint64_t off)
{
	return transfer_kernel(f, (void *)(uintptr_t)buf, n, off, file_write);
}

int file_object(struct file *f, struct page_cache **object)
{
	if (!f->ops || !f->ops->mmap) {
		return -ENODEV;
	}
	return f->ops->mmap(f, PROT_READ, MAP_PRIVATE, object);
}

int file_fsync(struct file *f, bool data_only)
{
	if (f->ops && f->ops->fsync) {
		return f->ops->fsync(f, data_only);
	}
	return S_ISDIR(f->inode->mode) || S_ISREG(f->inode->mode) ? 0 : -EINVAL;
}

int file_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	const int known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |
			  FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;
	struct inode *inode = f->inode;
	int err;

	if (mode & ~known || (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE))) {
		return -EOPNOTSUPP;
	}
	if (!f->writable) {
		return -EBADF;
	}
	if (S_ISFIFO(inode->mode)) {
		return -ESPIPE;
	}
	if (!S_ISREG(inode->mode)) {
		return S_ISDIR(inode->mode) ? -EISDIR : -ENODEV;
	}
	if (len > INT64_MAX - off) {
		return -EFBIG;
	}
	if (!f->ops->fallocate || mode & FALLOC_FL_UNSHARE_RANGE) {
		return -EOPNOTSUPP;
	}
	mutex_lock(&inode->lock);
	if (!mode && off + len > atomic_load(&inode->pages.size) && !file_write_fits(off, len)) {
		mutex_unlock(&inode->lock);
		fs_upcalls->send_sigxfsz();
		return -EFBIG;
	}
	inode_drop_setid(inode);
	err = f->ops->fallocate(f, mode, off, len);
	mutex_unlock(&inode->lock);
	return err;
}

/* --- lseek --- */
long file_lseek(struct file *f, int64_t off, int whence)
{
	bool locked;
	long ret;

	if (whence < 0 || whence > SEEK_HOLE) {
		return -EINVAL;
	}
	if (f->no_seek) {
		return -ESPIPE;
	}
	locked = lock_position(f);
	ret = f->ops && f->ops->lseek ? f->ops->lseek(f, off, whence)
				      : generic_lseek(f, off, whence);
	unlock_position(f, locked);
	return ret;
}

/* --- what mm wants to know of files --- */
static void describe(struct file *f, char *path, size_t size, uint64_t *dev, uint64_t *ino)
{
	char *s = NULL;

	if (f->path.dentry) {
		s = vfs_path_string(&f->path, path, size);
	}
	if (s) {
		memmove(path, s, strlen(s) + 1);
	} else {
		str_copy(path, f->anon_name ? f->anon_name : "", size);
	}
	*dev = f->inode->sb->dev;
	*ino = f->inode->ino;
}
static const struct mm_file_ops file_ops_for_mm = {
	.get = file_get,
	.put = file_put,
	.describe = describe,
};

void files_init(void)
{
	mm_file_ops = &file_ops_for_mm;
}
