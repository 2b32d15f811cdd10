/* SPDX-License-Identifier: MIT */
/*
 * Inodes and superblocks: what is common to all file systems.
 *
 * An inode is counted and belongs to its file system, whose evict() runs once, in the thread that
 * put the last reference, with no lock held.
 */
#include <fs/inode.h>

#include "fs_internal.h"

#include <arch/clock.h>
#include <fs/attr.h>
#include <fs/cred.h>
#include <lib/assert.h>
#include <lib/timespec.h>
#include <linux/stat.h>
#include <mm/pagecache.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

static _Atomic uint32_t next_minor = 1;

uint64_t vfs_new_dev(void)
{
	return dev_make(0, atomic_fetch_add(&next_minor, 1));
}

struct superblock *superblock_alloc(const struct superblock_ops *ops, const char *type,
				    uint64_t magic)
{
	struct superblock *sb = kzalloc(sizeof(*sb));

	if (sb) {
		sb->ops = ops;
		sb->type = type;
		sb->magic = magic;
		sb->dev = vfs_new_dev();
		mutex_init(&sb->rename_lock, RANK_FS_RENAME, "rename");
	}
	return sb;
}

void inode_init(struct inode *inode, struct superblock *sb, const struct inode_ops *ops,
		uint32_t mode, uint64_t ino)
{
	inode->ops = ops;
	inode->sb = sb;
	refcount_init(&inode->refs, 1);
	inode->mode = mode;
	inode->ino = ino;
	inode->nlink = 1;
	inode->blksize = PAGE_SIZE;
	mutex_init(&inode->lock, S_ISDIR(mode) ? RANK_INODE_DIR : RANK_INODE, "inode");
	spin_init(&inode->locks_lock, RANK_FILE_LOCKS, "file locks");
	pagecache_init(&inode->pages, NULL, inode);
}

void inode_init_owner(struct inode *inode, const struct inode *dir)
{
	struct cred *c = thread_current()->cred;

	inode->uid = c ? c->u.fs : 0;
	inode->gid = c ? c->g.fs : 0;
	if (dir && dir->mode & S_ISGID) {
		inode->gid = dir->gid;
		if (S_ISDIR(inode->mode)) {
			inode->mode |= S_ISGID;
		}
	}
}

void inode_get(struct inode *inode)
{
	refcount_get(&inode->refs);
}
bool inode_try_get(struct inode *inode)
{
	return refcount_try_get(&inode->refs);
}
void inode_put(struct inode *inode)
{
	if (inode && refcount_put(&inode->refs)) {
		inode->sb->ops->evict(inode);
	}
}
void inode_destroy(struct inode *inode)
{
	locks_free_state(inode);
	kfree(inode->watches); /* no watch is left: each holds the inode */
}

struct timespec64 timespec_now(void)
{
	int64_t ns = (int64_t)clock_mono_ns() + clock_wall_offset_ns();

	return (struct timespec64){ ns / (int64_t)NSEC_PER_SEC, ns % (int64_t)NSEC_PER_SEC };
}

void inode_stat_generic(struct inode *inode, struct kstat *st)
{
	st->ino = inode->ino;
	st->size = atomic_load_explicit(&inode->pages.size, memory_order_relaxed);
	st->blocks = inode->blocks;
	st->dev = inode->sb->dev;
	st->rdev = inode->rdev;
	st->mode = inode->mode;
	st->nlink = inode->nlink;
	st->uid = inode->uid;
	st->gid = inode->gid;
	st->blksize = inode->blksize;
	st->atime = inode->atime;
	st->mtime = inode->mtime;
	st->ctime = inode->ctime;
	st->btime = inode->btime;
	st->has_btime = inode->btime.sec || inode->btime.nsec;
}

void inode_setattr_generic(struct inode *inode, const struct iattr *a)
{
	struct timespec64 now = timespec_now();

	if (a->valid & ATTR_UID) {
		inode->uid = a->uid;
	}
	if (a->valid & ATTR_GID) {
		inode->gid = a->gid;
	}
	if (a->valid & ATTR_MODE) {
		inode->mode = (inode->mode & S_IFMT) | (a->mode & 07777);
	}
	if (a->valid & ATTR_ATIME) {
		inode->atime = a->valid & ATTR_ATIME_NOW ? now : a->atime;
	}
	if (a->valid & ATTR_MTIME) {
		inode->mtime = a->valid & ATTR_MTIME_NOW ? now : a->mtime;
	} else if (a->valid & ATTR_SIZE) {
		inode->mtime = now;
	}
	inode->ctime = now;
}
