/* SPDX-License-Identifier: MIT */
/* Changes of the name space: mkdir, mknod, symlink, link, unlink, rmdir; see rename.c. */
#include <fs/vfs.h>

#include "fs_internal.h"

#include <fs/attr.h>
#include <fs/context.h>
#include <fs/cred.h>
#include <fs/dentry.h>
#include <fs/event/notify.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>
#include <sched/thread.h>
#include <sync/mutex.h>

static uint32_t masked(uint32_t mode)
{
	struct fs_context *fs = thread_current()->fs;

	return fs ? mode & ~fs->umask : mode;
}
bool entry_exists(const struct dentry *d)
{
	return d->inode || d->mounted;
}

/* The directory no longer pins d (tmpfs and the like): its name is gone. */
void entry_unpin(struct dentry *d)
{
	if (d->dir_pinned) {
		d->dir_pinned = false;
		dentry_put(d);
	}
}

/* Finds where to make a new entry.  On success the directory's lock is held and d (counted) is
 * negative; the caller ends with create_end(). */
static int create_begin(struct walk *w, int dirfd, const char *name, bool is_dir, unsigned flags,
			bool again, struct dentry **out)
{
	struct inode *dir;
	struct dentry *d;
	int err = walk_start(w, dirfd, name, flags, again);

	if (!err) {
		err = walk_to_parent(w);
	}
	if (!err && w->last_type != LAST_NORM) {
		err = -EEXIST;
	}
	if (!err) {
		err = walk_last(w, &d); /* asks the daemon where the cache is too old */
	}
	if (err) {
		goto out;
	}
	dentry_put(d);
	dir = w->cur.dentry->inode;
	mutex_lock(&dir->lock);
	err = lookup_locked(w->cur.dentry, w->last, w->last_len, w, &d);
	if (err) {
		goto out_unlock;
	}
	if (entry_exists(d)) {
		err = -EEXIST;
	} else if (!is_dir && w->last_slash) {
		err = -ENOENT;
	} else if (w->cur.mount->read_only) {
		err = -EROFS;
	} else {
		err = vfs_permission(dir, MAY_WRITE | MAY_EXEC);
	}
	if (!err) {
		*out = d;
		return 0;
	}
	dentry_put(d);
out_unlock:
	mutex_unlock(&dir->lock);
out:
	walk_end(w);
	return err;
}
static void create_end(struct walk *w, struct dentry *d, int err)
{
	if (!err && d->inode) {
		notify_inode(w->cur.dentry->inode,
			     IN_CREATE | (S_ISDIR(d->inode->mode) ? IN_ISDIR : 0), d->name, 0);
	}
	mutex_unlock(&w->cur.dentry->inode->lock);
	dentry_put(d);
	walk_end(w);
}

static int mkdir_once(int dirfd, const char *name, uint32_t mode, bool again)
{
	struct inode *dir;
	struct dentry *d;
	struct walk w;
	int err = create_begin(&w, dirfd, name, true, 0, again, &d);

	if (err) {
		return err;
	}
	dir = w.cur.dentry->inode;
	err = dir->ops->mkdir ? dir->ops->mkdir(dir, d, masked(mode & 01777)) : -EPERM;
	create_end(&w, d, err);
	return err;
}
int vfs_mkdir(int dirfd, const char *name, uint32_t mode)
{
	int err = mkdir_once(dirfd, name, mode, false);

	return err == -ESTALE ? mkdir_once(dirfd, name, mode, true) : err;
}

static int mknod_once(int dirfd, const char *name, uint32_t mode, uint64_t rdev, bool again)
{
	struct inode *dir;
	struct dentry *d;
	struct walk w;
	int err = create_begin(&w, dirfd, name, false, 0, again, &d);

	if (err) {
		return err;
	}
	dir = w.cur.dentry->inode;
	mode = masked(mode);
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && !cred_capable(CAP_MKNOD)) {
		err = -EPERM;
	} else if (S_ISREG(mode) && dir->ops->create) {
		err = dir->ops->create(dir, d, mode);
	} else {
		err = dir->ops->mknod ? dir->ops->mknod(dir, d, mode, rdev) : -EPERM;
	}
	create_end(&w, d, err);
	return err;
}
int vfs_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev)
{
	int err;

	switch (mode & S_IFMT) {
	case 0: mode |= S_IFREG; break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: break;
	case S_IFDIR: return -EPERM;
	default: return -EINVAL;
	}
	err = mknod_once(dirfd, name, mode, rdev, false);
	return err == -ESTALE ? mknod_once(dirfd, name, mode, rdev, true) : err;
}

static int symlink_once(const char *target, int dirfd, const char *name, bool again)
{
	struct inode *dir;
	struct dentry *d;
	struct walk w;
	int err = create_begin(&w, dirfd, name, false, 0, again, &d);

	if (err) {
		return err;
	}
	dir = w.cur.dentry->inode;
	err = dir->ops->symlink ? dir->ops->symlink(dir, d, target) : -EPERM;
	create_end(&w, d, err);
	return err;
}
int vfs_symlink(const char *target, int dirfd, const char *name)
{
	int err;

	if (!target[0]) {
		return -ENOENT;
	}
	err = symlink_once(target, dirfd, name, false);
	return err == -ESTALE ? symlink_once(target, dirfd, name, true) : err;
}

static int link_once(int olddirfd, const char *old, int newdirfd, const char *name, int flags,
		     bool again)
{
	unsigned lflags = (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
			  (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct inode *dir, *inode;
	struct dentry *d;
	struct path p;
	struct walk w;
	int err = vfs_lookup(olddirfd, old, lflags, &p);

	if (err) {
		return err;
	}
	err = create_begin(&w, newdirfd, name, false, 0, again, &d);
	if (err) {
		goto out;
	}
	dir = w.cur.dentry->inode;
	inode = p.dentry->inode;
	if (p.mount != w.cur.mount || !inode) {
		err = -EXDEV;
	} else if (S_ISDIR(inode->mode) || !dir->ops->link) {
		err = -EPERM;
	} else if (inode->nlink == 0 && !inode->linkable) {
		err = -ENOENT; /* its last name went: it stays without */
	} else {
		err = dir->ops->link(dir, d, inode);
		inode->linkable = err && inode->linkable;
		if (!err) {
			notify_inode(inode, IN_ATTRIB, NULL, 0);
		}
	}
	create_end(&w, d, err);
out:
	path_put(&p);
	return err;
}
int vfs_link(int olddirfd, const char *old, int newdirfd, const char *name, int flags)
{
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	if (flags & AT_EMPTY_PATH && !old[0] && !cred_capable(CAP_DAC_READ_SEARCH)) {
		return -ENOENT;
	}
	err = link_once(olddirfd, old, newdirfd, name, flags, false);
	return err == -ESTALE ? link_once(olddirfd, old, newdirfd, name, flags, true) : err;
}

/* May the caller take the entry d away from dir? */
int entry_may_delete(struct inode *dir, const struct dentry *d, bool is_dir)
{
	const struct cred *c = thread_current()->cred;
	int err = vfs_permission(dir, MAY_WRITE | MAY_EXEC);

	if (err) {
		return err;
	}
	if (d->mounted) {
		return -EBUSY;
	}
	if (dir->mode & S_ISVTX && c && c->u.fs != d->inode->uid && c->u.fs != dir->uid &&
	    !cred_capable(CAP_FOWNER)) {
		return -EPERM;
	}
	if (is_dir) {
		return S_ISDIR(d->inode->mode) ? 0 : -ENOTDIR;
	}
	return S_ISDIR(d->inode->mode) ? -EISDIR : 0;
}

void entry_notify_gone(struct inode *inode, bool last_name)
{
	if (!S_ISDIR(inode->mode)) {
		notify_inode(inode, IN_ATTRIB, NULL, 0);
	}
	if (last_name) {
		notify_inode(inode, IN_DELETE_SELF, NULL, 0);
	}
}

static int remove_locked(struct inode *dir, struct dentry *d, bool is_dir, bool slash)
{
	struct inode *victim = d->inode;
	bool last_name;
	int err;

	if (!entry_exists(d)) {
		return -ENOENT;
	}
	if (slash && !is_dir && victim) {
		return S_ISDIR(victim->mode) ? -EISDIR : -ENOTDIR;
	}
	err = entry_may_delete(dir, d, is_dir);
	if (err) {
		return err;
	}
	last_name = is_dir || victim->nlink <= 1;
	if (!is_dir) {
		err = dir->ops->unlink ? dir->ops->unlink(dir, d) : -EPERM;
	} else {
		mutex_lock_nested(&victim->lock);
		err = dir->ops->rmdir ? dir->ops->rmdir(dir, d) : -EPERM;
		if (!err) {
			victim->nlink = 0;
		}
		mutex_unlock(&victim->lock);
	}
	if (!err) {
		notify_inode(dir, IN_DELETE | (is_dir ? IN_ISDIR : 0), d->name, 0);
		entry_notify_gone(victim, last_name);
		dentry_drop(d);
		entry_unpin(d);
	}
	return err;
}

static int unlink_once(int dirfd, const char *name, bool is_dir, bool again)
{
	struct inode *dir;
	struct dentry *d;
	struct walk w;
	int err = walk_start(&w, dirfd, name, 0, again);

	if (!err) {
		err = walk_to_parent(&w);
	}
	if (!err && w.last_type != LAST_NORM) {
		err = !is_dir			   ? -EISDIR
		      : w.last_type == LAST_DOTDOT ? -ENOTEMPTY
		      : w.last_type == LAST_DOT	   ? -EINVAL
						   : -EBUSY;
	}
	if (!err && w.cur.mount->read_only) {
		err = -EROFS;
	}
	if (!err) {
		err = walk_last(&w, &d);
	}
	if (err) {
		goto out;
	}
	dentry_put(d);
	d = NULL;
	dir = w.cur.dentry->inode;
	mutex_lock(&dir->lock);
	err = lookup_locked(w.cur.dentry, w.last, w.last_len, &w, &d);
	if (!err) {
		err = remove_locked(dir, d, is_dir, w.last_slash);
	}
	mutex_unlock(&dir->lock);
	if (d) {
		dentry_put(d);
	}
out:
	walk_end(&w);
	return err;
}
int vfs_unlink(int dirfd, const char *name, bool dir)
{
	int err = unlink_once(dirfd, name, dir, false);

	return err == -ESTALE ? unlink_once(dirfd, name, dir, true) : err;
}
