/* SPDX-License-Identifier: MIT */
/*
 * The file-system context of a process: what relative and absolute names start from.
 *
 * Its paths are read and replaced under its lock, and a replaced one is put after the lock was
 * dropped, as the last put may sleep.
 */
#include <fs/context.h>

#include "fs_internal.h"

#include <fs/attr.h>
#include <fs/cred.h>
#include <fs/path.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/spinlock.h>

struct fs_context *fs_context_create(void)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (c) {
		refcount_init(&c->refs, 1);
		atomic_init(&c->users, 1);
		spin_init(&c->lock, RANK_FS_CONTEXT, "fs context");
		spin_assert_unshared(&c->lock);
		c->root = c->cwd = (struct path){ root_mount, root_mount->sb->root };
		path_get(&c->root);
		path_get(&c->cwd);
		c->umask = 022;
	}
	return c;
}
struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (c) {
		refcount_init(&c->refs, 1);
		atomic_init(&c->users, 1);
		spin_init(&c->lock, RANK_FS_CONTEXT, "fs context");
		spin_lock(&from->lock);
		c->root = from->root;
		c->cwd = from->cwd;
		c->umask = from->umask;
		path_get(&c->root);
		path_get(&c->cwd);
		spin_unlock(&from->lock);
	}
	return c;
}
void fs_context_get(struct fs_context *c)
{
	refcount_get(&c->refs);
}
void fs_context_put(struct fs_context *c)
{
	if (c && refcount_put(&c->refs)) {
		path_put(&c->root);
		path_put(&c->cwd);
		kfree(c);
	}
}

void fs_context_join(struct fs_context *c)
{
	atomic_fetch_add_explicit(&c->users, 1, memory_order_relaxed);
	fs_context_get(c);
}
void fs_context_leave(struct fs_context *c)
{
	if (c) {
		atomic_fetch_sub_explicit(&c->users, 1, memory_order_release);
		fs_context_put(c);
	}
}

static int context_set(const struct path *p, bool root)
{
	struct fs_context *c = thread_current()->fs;
	struct path old, *slot = root ? &c->root : &c->cwd;
	int err;

	if (!p->dentry->inode || !S_ISDIR(p->dentry->inode->mode)) {
		return -ENOTDIR;
	}
	err = vfs_permission(p->dentry->inode, MAY_EXEC);
	if (err) {
		return err;
	}
	if (root && !cred_capable(CAP_SYS_CHROOT)) {
		return -EPERM;
	}
	path_get(p);
	spin_lock(&c->lock);
	old = *slot;
	*slot = *p;
	spin_unlock(&c->lock);
	path_put(&old);
	return 0;
}
int fs_chdir(const struct path *p)
{
	return context_set(p, false);
}
int fs_chroot(const struct path *p)
{
	return context_set(p, true);
}

void fs_get_cwd(struct path *out)
{
	struct fs_context *c = thread_current()->fs;

	spin_lock(&c->lock);
	*out = c->cwd;
	path_get(out);
	spin_unlock(&c->lock);
}
uint32_t fs_set_umask(uint32_t mask)
{
	struct fs_context *c = thread_current()->fs;
	uint32_t old;

	spin_lock(&c->lock);
	old = c->umask;
	c->umask = mask;
	spin_unlock(&c->lock);
	return old;
}
