/* SPDX-License-Identifier: MIT */
/*
 * Changes of the name space: mkdir, mknod, symlink, link, unlink, rmdir; see rename.c.
 *
 * The walk to the directory goes without locks, and so does a look at what is cached of the entry,
 * which may ask the daemon whether it still holds.  Then the directory's lock is taken and the entry
 * is looked up: what is decided and done under the lock is about that look.  -ESTALE from anywhere
 * repeats the whole once, trusting no cached name.
 */
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

/* In a set-group-ID directory the file will be the directory's group's: a program of that group is
 * not for everybody to make. */
uint32_t creation_mode(const struct inode *dir, uint32_t mode)
{
	const struct cred *c = thread_current()->cred;
	struct fs_context *fs = thread_current()->fs;

	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !S_ISDIR(mode) &&
	    dir->mode & S_ISGID && c && !cred_in_group(c, dir->gid) && !cred_capable(CAP_FSETID)) {
		mode &= ~(uint32_t)S_ISGID;
	}
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
static int create_begin(struct walk *w, int dirfd, const char *name, bool is_dir, bool again,
			struct dentry **out) TRY_ACQUIRES(0, inode_role)
{
	struct inode *dir;
	struct dentry *d;
	int err = walk_start(w, dirfd, name, 0, again);

	if (!err) {
		err = walk_to_parent(w);
	}
	if (!err && w->last_type != LAST_NORM) {
		err = -EEXIST;
	}
	if (!err) {
		err = walk_last_known(w, &d);
	}
	if (err) {
		goto out;
	}
	dentry_put(d);
	dir = w->cur.dentry->inode;
	mutex_lock(&dir->lock);
	err = lookup_new_locked(w->cur.dentry, w->last, w->last_len, w, &d);
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
static void create_end(struct walk *w, struct dentry *d, int err) RELEASES(inode_role)
{
	if (!err && d->inode) {
		notify_inode(w->cur.dentry->inode,
			     IN_CREATE | (S_ISDIR(d->inode->mode) ? IN_ISDIR : 0), d->name, 0);
	}
	mutex_unlock(&w->cur.dentry->inode->lock);
	dentry_put(d);
	walk_end(w);
}

int walk_retry(int (*once)(void *arg, bool again), void *arg)
{
	int err = once(arg, false);

	return err == -ESTALE ? once(arg, true) : err;
}

/* A new entry. */
struct creation {
	int dirfd;
	const char *name;
	uint32_t mode;
	uint64_t rdev;		   /* mknod */
	const char *target;	   /* symlink */
	const struct path *source; /* link */
	/* Makes d, which is negative, in dir, whose lock is held. */
	int (*make)(const struct creation *c, const struct walk *w, struct inode *dir,
		    struct dentry *d);
};
static int create_once(void *arg, bool again)
{
	const struct creation *c = arg;
	struct dentry *d;
	struct walk w;
	int err = create_begin(&w, c->dirfd, c->name, S_ISDIR(c->mode), again, &d);

	if (!err) {
		err = c->make(c, &w, w.cur.dentry->inode, d);
		create_end(&w, d, err);
	}
	return err;
}

static int make_dir(const struct creation *c, const struct walk *w, struct inode *dir,
		    struct dentry *d)
{
	return dir->ops->mkdir ? dir->ops->mkdir(dir, d, creation_mode(dir, c->mode & 01777))
			       : -EPERM;
}
int vfs_mkdir(int dirfd, const char *name, uint32_t mode)
{
	return walk_retry(create_once, &(struct creation){ .dirfd = dirfd,
							   .name = name,
							   .mode = S_IFDIR | (mode & 07777),
							   .make = make_dir });
}

static int make_node(const struct creation *c, const struct walk *w, struct inode *dir,
		     struct dentry *d)
{
	uint32_t mode = creation_mode(dir, c->mode);

	/* A character device 0:0 is an overlay's mark that a name is gone: anybody's. */
	if ((S_ISBLK(mode) || (S_ISCHR(mode) && c->rdev)) && !cred_capable(CAP_MKNOD)) {
		return -EPERM;
	}
	if (S_ISREG(mode) && dir->ops->create) {
		return dir->ops->create(dir, d, mode);
	}
	return dir->ops->mknod ? dir->ops->mknod(dir, d, mode, c->rdev) : -EPERM;
}
int vfs_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev)
{
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
	return walk_retry(create_once, &(struct creation){ .dirfd = dirfd,
							   .name = name,
							   .mode = mode,
							   .rdev = rdev,
							   .make = make_node });
}

static int make_symlink(const struct creation *c, const struct walk *w, struct inode *dir,
			struct dentry *d)
{
	return dir->ops->symlink ? dir->ops->symlink(dir, d, c->target) : -EPERM;
}
int vfs_symlink(const char *target, int dirfd, const char *name)
{
	if (!target[0]) {
		return -ENOENT;
	}
	return walk_retry(create_once, &(struct creation){ .dirfd = dirfd,
							   .name = name,
							   .target = target,
							   .make = make_symlink });
}

/* As fs.protected_hardlinks = 1: nobody keeps a name of another's file that he could not write, or
 * that gives its owner's rights, beyond the moment when its owner removes or mends it. */
static bool may_link(struct inode *inode)
{
	if (vfs_owner_or_capable(inode)) {
		return true;
	}
	return S_ISREG(inode->mode) && !(inode->mode & S_ISUID) &&
	       (inode->mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) &&
	       !vfs_permission(inode, MAY_READ | MAY_WRITE);
}

static int make_link(const struct creation *c, const struct walk *w, struct inode *dir,
		     struct dentry *d)
{
	struct inode *inode = c->source->dentry->inode;
	int err;

	mutex_assert_held(&dir->lock);
	if (c->source->mount != w->cur.mount || !inode) {
		return -EXDEV;
	}
	if (!may_link(inode) || S_ISDIR(inode->mode) || !dir->ops->link) {
		return -EPERM;
	}
	mutex_lock_nested(&inode->lock);
	if (inode->nlink == 0 && !inode->linkable) {
		err = -ENOENT; /* its last name went: it stays without */
	} else {
		err = dir->ops->link(dir, d, inode);
		inode->linkable = err && inode->linkable;
	}
	mutex_unlock_nested(&inode->lock);
	if (!err) {
		notify_inode(inode, IN_ATTRIB, NULL, 0);
	}
	return err;
}
int vfs_link(int olddirfd, const char *old, int newdirfd, const char *name, int flags)
{
	unsigned lflags = (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
			  (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct path source;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	if (flags & AT_EMPTY_PATH && !old[0] && !cred_capable(CAP_DAC_READ_SEARCH)) {
		return -ENOENT;
	}
	err = vfs_lookup(olddirfd, old, lflags, &source);
	if (!err) {
		err = walk_retry(create_once, &(struct creation){ .dirfd = newdirfd,
								  .name = name,
								  .source = &source,
								  .make = make_link });
		path_put(&source);
	}
	return err;
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
	REQUIRES(inode_role)
{
	struct inode *victim = d->inode;
	bool last_name;
	int err;

	mutex_assert_held(&dir->lock);
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
	mutex_lock_nested(&victim->lock);
	last_name = is_dir || victim->nlink <= 1;
	if (!is_dir) {
		err = dir->ops->unlink ? dir->ops->unlink(dir, d) : -EPERM;
	} else {
		err = dir->ops->rmdir ? dir->ops->rmdir(dir, d) : -EPERM;
		if (!err) {
			victim->nlink = 0;
		}
	}
	mutex_unlock_nested(&victim->lock);
	if (!err) {
		notify_inode(dir, IN_DELETE | (is_dir ? IN_ISDIR : 0), d->name, 0);
		entry_notify_gone(victim, last_name);
		dentry_drop(d);
		entry_unpin(d);
	}
	return err;
}

struct removal {
	int dirfd;
	const char *name;
	bool is_dir;
};
/* "/", "." and ".." have no entry to remove. */
static int special_error(const struct walk *w, bool is_dir)
{
	if (!is_dir) {
		return -EISDIR;
	}
	switch (w->last_type) {
	case LAST_DOTDOT: return -ENOTEMPTY;
	case LAST_DOT: return -EINVAL;
	default: return -EBUSY;
	}
}
static int remove_once(void *arg, bool again)
{
	const struct removal *r = arg;
	struct inode *dir;
	struct dentry *d;
	struct walk w;
	int err = walk_start(&w, r->dirfd, r->name, 0, again);

	if (!err) {
		err = walk_to_parent(&w);
	}
	if (!err && w.last_type != LAST_NORM) {
		err = special_error(&w, r->is_dir);
	}
	if (!err && w.cur.mount->read_only) {
		err = -EROFS;
	}
	if (!err) {
		err = walk_last_known(&w, &d);
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
		err = remove_locked(dir, d, r->is_dir, w.last_slash);
	}
	mutex_unlock(&dir->lock);
	dentry_put(d);
out:
	walk_end(&w);
	return err;
}
int vfs_unlink(int dirfd, const char *name, bool dir)
{
	return walk_retry(remove_once, &(struct removal){ dirfd, name, dir });
}
