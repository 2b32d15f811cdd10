/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * inotify: who watches an inode is told what programs of this VM do to it; what happens on the
 * host is not seen.
 *
 * The VFS calls the notify functions after an operation succeeded.  While nobody watches
 * anything they cost one load.  A watch holds its inode.
 *
 * Locks: one spinlock (RANK_FILE_LOCKS: below the dcache lock) for watches and queues.
 */
#include <fs/dentry.h>
#include <lib/util.h>
#include <linux/inotify.h>
#include <stdatomic.h>

struct file;
struct inode;

/* Of one user: /proc/sys/fs/inotify. */
#define INOTIFY_MAX_INSTANCES 1024
#define INOTIFY_MAX_WATCHES 65536

extern _Atomic unsigned notify_watches;

void notify_inode_slow(struct inode *inode, uint32_t mask, const char *name, uint32_t cookie);
void notify_dentry_slow(struct dentry *d, uint32_t mask);
uint32_t notify_new_cookie(void);

/* Something happened in directory dir to the entry `name`, or (name NULL) to inode itself. */
static inline void notify_inode(struct inode *inode, uint32_t mask, const char *name,
				uint32_t cookie)
{
	if (unlikely(atomic_load_explicit(&notify_watches, memory_order_relaxed))) {
		notify_inode_slow(inode, mask, name, cookie);
	}
}
/* To the file at d, and to its directory with its name. */
static inline void notify_dentry(struct dentry *d, uint32_t mask)
{
	if (unlikely(atomic_load_explicit(&notify_watches, memory_order_relaxed)) && d &&
	    d->inode) {
		notify_dentry_slow(d, mask);
	}
}

MUST_USE int inotify_create(int flags, struct file **out);
/* Watch descriptor or -errno. */
long inotify_add(struct file *f, struct inode *inode, uint32_t mask);
MUST_USE int inotify_remove(struct file *f, int wd);
bool file_is_inotify(const struct file *f);
