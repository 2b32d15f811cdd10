/* SPDX-License-Identifier: MIT */
/*
 * rename(2): both directories locked, the ancestor first; then the dentries trade places.
 *
 * rename_lock of the superblock keeps the tree's shape: nothing becomes an ancestor of something
 * else between the look at the ancestors and the rename.  Renames within one directory cannot
 * change the shape and do without it.
 */
#include <fs/vfs.h>

#include "fs_internal.h"

#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/event/notify.h>
#include <fs/inode.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>
#include <sched/thread.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

struct rename {
	struct walk from, to;
	struct dentry *old_d, *new_d;
	unsigned flags;
	bool last_name; /* of what the new name named */
};

/* Locks two directories; *trap: the child of one on the way to the other, or NULL.  Under
 * rename_lock no directory moves, so who is whose ancestor stays true. */
static void lock_two(struct dentry *a, struct dentry *b, struct dentry **trap)
	ACQUIRES(fs_rename_role, inode_role)
{
	struct dentry *d;
	bool a_first = a < b;

	*trap = NULL;
	mutex_lock(&a->sb->rename_lock);
	spin_lock(&dcache_lock);
	for (d = b; d->parent != d; d = d->parent) {
		if (d->parent == a) {
			*trap = d;
			a_first = true;
			break;
		}
	}
	for (d = a; !*trap && d->parent != d; d = d->parent) {
		if (d->parent == b) {
			*trap = d;
			a_first = false;
			break;
		}
	}
	spin_unlock(&dcache_lock);
	mutex_lock(a_first ? &a->inode->lock : &b->inode->lock);
	mutex_lock_nested(a_first ? &b->inode->lock : &a->inode->lock);
}
static void unlock_two(struct dentry *a, struct dentry *b) RELEASES(fs_rename_role, inode_role)
{
	mutex_unlock_nested(&a->inode->lock);
	mutex_unlock(&b->inode->lock);
	mutex_unlock(&a->sb->rename_lock);
}

static int rename_check(struct rename *r, const struct dentry *trap)
{
	struct inode *old = r->old_d->inode;
	bool is_dir = old && S_ISDIR(old->mode);

	if (!entry_exists(r->old_d)) {
		return -ENOENT;
	}
	if (r->flags & RENAME_NOREPLACE && entry_exists(r->new_d)) {
		return -EEXIST;
	}
	if (r->flags & RENAME_EXCHANGE && !entry_exists(r->new_d)) {
		return -ENOENT;
	}
	if (r->old_d->mounted || r->new_d->mounted) {
		return -EBUSY;
	}
	if (r->flags & RENAME_EXCHANGE && r->to.last_slash && !S_ISDIR(r->new_d->inode->mode)) {
		return -ENOTDIR;
	}
	if (!is_dir &&
	    (r->from.last_slash || (r->to.last_slash && !(r->flags & RENAME_EXCHANGE)))) {
		return -ENOTDIR;
	}
	if (r->old_d == trap) {
		return -EINVAL;
	}
	if (r->new_d == trap) {
		return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	}
	return 0;
}

static int rename_permission(struct rename *r)
{
	struct inode *old_dir = r->from.cur.dentry->inode, *new_dir = r->to.cur.dentry->inode;
	bool is_dir = S_ISDIR(r->old_d->inode->mode);
	int err = entry_may_delete(old_dir, r->old_d, is_dir);

	if (err) {
		return err;
	}
	if (!r->new_d->inode) {
		err = vfs_permission(new_dir, MAY_WRITE | MAY_EXEC);
	} else if (r->flags & RENAME_EXCHANGE) {
		err = entry_may_delete(new_dir, r->new_d, S_ISDIR(r->new_d->inode->mode));
	} else {
		err = entry_may_delete(new_dir, r->new_d, is_dir);
	}
	if (!err && is_dir && old_dir != new_dir) {
		err = vfs_permission(r->old_d->inode, MAY_WRITE);
	}
	return err;
}

/* Before the dentries change places. */
static void notify_rename(struct rename *r)
{
	struct inode *old_dir = r->from.cur.dentry->inode, *new_dir = r->to.cur.dentry->inode;
	struct inode *inode = r->old_d->inode, *victim = r->new_d->inode;
	uint32_t dir = S_ISDIR(inode->mode) ? IN_ISDIR : 0, cookie = notify_new_cookie();

	notify_inode(old_dir, IN_MOVED_FROM | dir, r->old_d->name, cookie);
	notify_inode(new_dir, IN_MOVED_TO | dir, r->new_d->name, cookie);
	notify_inode(inode, IN_MOVE_SELF, NULL, 0);
	if (victim && !(r->flags & RENAME_EXCHANGE)) {
		entry_notify_gone(victim, r->last_name);
	}
}

static int rename_checked(struct rename *r, const struct dentry *trap) REQUIRES(inode_role)
{
	struct inode *old_dir = r->from.cur.dentry->inode, *new_dir = r->to.cur.dentry->inode;
	struct inode *victim;
	int err = rename_check(r, trap);

	if (err || r->old_d == r->new_d || r->old_d->inode == r->new_d->inode) {
		return err;
	}
	err = rename_permission(r);
	if (err) {
		return err;
	}
	if (!old_dir->ops->rename) {
		return -EPERM;
	}
	/* Neither of the directories: those have one dentry each, and one above r->old_d is trap. */
	victim = r->flags & RENAME_EXCHANGE ? NULL : r->new_d->inode;
	if (victim) {
		mutex_lock_nested(&victim->lock);
		r->last_name = S_ISDIR(victim->mode) || victim->nlink <= 1;
	}
	err = old_dir->ops->rename(old_dir, r->old_d, new_dir, r->new_d, r->flags);
	if (!err && victim && S_ISDIR(victim->mode)) {
		victim->nlink = 0;
	}
	if (victim) {
		mutex_unlock_nested(&victim->lock);
	}
	if (err) {
		return err;
	}
	notify_rename(r);
	if (r->flags & RENAME_EXCHANGE) {
		dentry_exchange(r->old_d, r->new_d);
	} else {
		dentry_move(r->old_d, r->new_d);
		entry_unpin(r->new_d);
	}
	return 0;
}

static int rename_walks(struct rename *r)
{
	struct dentry *d;
	int err = walk_to_parent(&r->from);

	if (!err) {
		err = walk_to_parent(&r->to);
	}
	if (err) {
		return err;
	}
	if (r->from.cur.mount != r->to.cur.mount) {
		return -EXDEV;
	}
	if (r->from.last_type != LAST_NORM) {
		return -EBUSY;
	}
	if (r->to.last_type != LAST_NORM) {
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	}
	if (r->from.cur.mount->read_only) {
		return -EROFS;
	}
	err = walk_last_known(&r->from, &d);
	if (err) {
		return err;
	}
	dentry_put(d);
	err = walk_last_known(&r->to, &d);
	if (!err) {
		dentry_put(d);
	}
	return err;
}

/* Both directories' locks are held: what the names stand for now, and the rename. */
static int rename_locked(struct rename *r, const struct dentry *trap) REQUIRES(inode_role)
{
	struct dentry *a = r->from.cur.dentry, *b = r->to.cur.dentry;
	int err;

	mutex_assert_held(&a->inode->lock);
	mutex_assert_held(&b->inode->lock);
	err = lookup_locked(a, r->from.last, r->from.last_len, &r->from, &r->old_d);
	if (!err) {
		err = lookup_locked(b, r->to.last, r->to.last_len, &r->to, &r->new_d);
	}
	return err ? err : rename_checked(r, trap);
}

struct rename_names {
	int olddirfd, newdirfd;
	const char *old, *name;
	unsigned flags;
};
static int rename_once(void *arg, bool again)
{
	const struct rename_names *n = arg;
	struct rename r = { .flags = n->flags };
	struct dentry *trap, *a, *b;
	int err = walk_start(&r.from, n->olddirfd, n->old, 0, again);

	if (!err) {
		err = walk_start(&r.to, n->newdirfd, n->name, 0, again);
	}
	if (!err) {
		err = rename_walks(&r);
	}
	if (err) {
		goto out;
	}
	a = r.from.cur.dentry;
	b = r.to.cur.dentry;
	if (a == b) {
		mutex_lock(&a->inode->lock);
		err = rename_locked(&r, NULL);
		mutex_unlock(&a->inode->lock);
	} else {
		lock_two(a, b, &trap);
		err = rename_locked(&r, trap);
		unlock_two(a, b);
	}
	dentry_put(r.old_d);
	dentry_put(r.new_d);
out:
	walk_end(&r.from);
	walk_end(&r.to);
	return err;
}
int vfs_rename(int olddirfd, const char *old, int newdirfd, const char *name, unsigned flags)
{
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
		return -EINVAL;
	}
	return walk_retry(rename_once,
			  &(struct rename_names){ olddirfd, newdirfd, old, name, flags });
}
