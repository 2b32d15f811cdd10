/* SPDX-License-Identifier: MIT */
/*
 * Path walk.  Iterative: a symlink's target is put in front of what is left of the name.
 *
 * walk_cached() goes as far as it can under one acquisition of the dcache lock, without a
 * reference per component; what needs more (a lookup in the file system, revalidation, a
 * symlink) is done by walk_component(), one component at a time.
 *
 * Errors come in Linux's order: for each component first "is the current one a directory"
 * (ENOTDIR), then search permission (EACCES), then the name's length, then the lookup.
 */
#include <fs/path.h>

#include "fs_internal.h"

#include <arch/clock.h>
#include <fs/attr.h>
#include <fs/cred.h>
#include <fs/dentry.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

#define MAX_LINKS 40

static int walk_may_exec(struct inode *dir)
{
	if ((dir->mode & 0111) == 0111) {
		return 0;
	}
	return vfs_permission(dir, MAY_EXEC);
}

static bool expired(struct walk *w, const struct dentry *d)
{
	if (d->valid_until == UINT64_MAX || d->mounted) {
		return false;
	}
	if (w->revalidate) {
		return true;
	}
	if (!w->now) {
		w->now = clock_mono_ns();
	}
	return d->valid_until < w->now;
}

/* Replaces cur by a counted path. */
static void set_cur(struct walk *w, struct path p)
{
	if (w->held) {
		path_put(&w->cur);
	}
	w->cur = p;
	w->held = true;
}
static void walk_hold(struct walk *w)
{
	if (!w->held) {
		path_get(&w->cur);
		w->held = true;
	}
}

static bool same_path(const struct path *a, const struct path *b)
{
	return a->dentry == b->dentry && a->mount == b->mount;
}

static void cross_down_locked(struct path *p)
{
	while (p->dentry->mounted) {
		p->mount = p->dentry->mount_here;
		p->dentry = p->mount->sb->root;
	}
}
void walk_cross_mounts(struct path *p)
{
	struct path old = *p, now = *p;

	if (!p->dentry->mounted) {
		return;
	}
	spin_lock(&dcache_lock);
	cross_down_locked(&now);
	mount_get(now.mount);
	dentry_ref_locked(now.dentry);
	spin_unlock(&dcache_lock);
	path_put(&old);
	*p = now;
}
void walk_step(struct walk *w, struct dentry *d)
{
	struct path p = { w->cur.mount, d };

	mount_get(p.mount);
	walk_cross_mounts(&p);
	set_cur(w, p);
}

static bool is_beneath_locked(struct path p, const struct path *root)
{
	while (!same_path(&p, root)) {
		if (p.dentry != p.mount->sb->root) {
			if (p.dentry->parent == p.dentry) {
				return false;
			}
			p.dentry = p.dentry->parent;
		} else if (p.mount->parent) {
			p.dentry = p.mount->point;
			p.mount = p.mount->parent;
		} else {
			return false;
		}
	}
	return true;
}

/* *cur := parent, under the dcache lock.  -EXDEV when a RESOLVE_ flag forbids it; -EAGAIN when
 * a rename in the middle of the walk took us out of what the walk must not leave. */
static int dotdot_locked(struct walk *w, struct path *cur)
{
	struct path p = *cur;

	if (same_path(&p, &w->root)) {
		return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
	}
	while (p.dentry == p.mount->sb->root && p.mount->parent) {
		p.dentry = p.mount->point;
		p.mount = p.mount->parent;
		if (same_path(&p, &w->root)) {
			break;
		}
	}
	if (p.mount != cur->mount && w->flags & LOOKUP_NO_XDEV) {
		return -EXDEV;
	}
	if (!same_path(&p, &w->root)) {
		p.dentry = p.dentry->parent;
	}
	cross_down_locked(&p);
	if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT) && !is_beneath_locked(p, &w->root)) {
		return -EAGAIN;
	}
	*cur = p;
	return 0;
}

/* Next component of w->rest: its start and length; false at the end of the name. */
static bool next_component(struct walk *w, const char **name, size_t *len)
{
	const char *s = w->rest, *e;

	while (*s == '/') {
		s++;
	}
	w->rest = s;
	for (e = s; *e && *e != '/'; e++) {
	}
	*name = s;
	*len = (size_t)(e - s);
	return e != s;
}
static enum last_type classify(const char *name, size_t len)
{
	if (name[0] == '.' && len == 1) {
		return LAST_DOT;
	}
	return name[0] == '.' && len == 2 && name[1] == '.' ? LAST_DOTDOT : LAST_NORM;
}
static bool only_slashes(const char *s)
{
	while (*s == '/') {
		s++;
	}
	return !*s;
}

/* One step in the cache; false = needs the slow way (or fails there).  *absent: the cache
 * knows that there is no such name. */
static bool cached_step(struct walk *w, struct path *p, const char *name, size_t len, bool *absent)
{
	struct dentry *d;
	bool last = only_slashes(name + len);

	if (!p->dentry->inode || !S_ISDIR(p->dentry->inode->mode) || len > NAME_MAX ||
	    walk_may_exec(p->dentry->inode)) {
		return false;
	}
	switch (classify(name, len)) {
	case LAST_DOT: return true;
	case LAST_DOTDOT:
		return !(w->flags & (LOOKUP_BENEATH | LOOKUP_NO_XDEV)) && !dotdot_locked(w, p);
	default: break;
	}
	d = dentry_find_locked(p->dentry, name, len);
	if (!d || expired(w, d)) {
		return false;
	}
	if (!d->inode && !d->mounted) {
		*absent = true;
		return false;
	}
	if (d->mounted) {
		if (w->flags & LOOKUP_NO_XDEV) {
			return false;
		}
	} else if (S_ISLNK(d->inode->mode) &&
		   (!last || w->flags & LOOKUP_FOLLOW || name[len] == '/')) {
		return false;
	}
	p->dentry = d;
	cross_down_locked(p);
	return true;
}

static int walk_cached(struct walk *w, bool to_parent)
{
	struct path p = w->cur, old;
	bool absent = false;
	const char *name;
	size_t len;

	spin_lock(&dcache_lock);
	while (next_component(w, &name, &len)) {
		if ((to_parent && only_slashes(name + len)) ||
		    !cached_step(w, &p, name, len, &absent)) {
			break;
		}
		w->rest = name + len;
	}
	if (absent || same_path(&p, &w->cur)) {
		spin_unlock(&dcache_lock);
		return absent ? -ENOENT : 0;
	}
	mount_get(p.mount);
	dentry_ref_locked(p.dentry);
	spin_unlock(&dcache_lock);
	old = w->cur;
	w->cur = p;
	if (w->held) {
		path_put(&old);
	}
	w->held = true;
	return 0;
}

/* The cached child if it may be trusted; NULL: look it up under the directory's lock. */
static int find_valid(struct walk *w, const char *name, size_t len, struct dentry **out)
{
	struct dentry *d = dentry_find(w->cur.dentry, name, len);
	int err;

	*out = d;
	if (!d || !expired(w, d)) {
		return 0;
	}
	if (!d->inode) {
		dentry_put(d);
		*out = NULL;
		return 0;
	}
	if (w->revalidate) {
		WRITE_ONCE(d->valid_until, 0); /* whatever the daemon promised */
	}
	err = d->sb->dops && d->sb->dops->revalidate ? d->sb->dops->revalidate(d) : 0;
	if (err) {
		*out = NULL;
		if (err == -ESTALE || err == -ENOENT) {
			dentry_drop(d);
			err = 0;
		}
		dentry_put(d);
	}
	return err;
}

/* With the directory's lock: the child, from the cache or new; `ask` the file system whether there is
 * such a file, or take it for absent. */
static int child_locked(struct dentry *dir, const char *name, size_t len, struct walk *w, bool ask,
			struct dentry **out)
{
	struct inode *inode = dir->inode;
	struct dentry *d;
	int err = 0;

	if (len > NAME_MAX) {
		return -ENAMETOOLONG;
	}
	d = dentry_find(dir, name, len);
	if (d && (d->inode || d->mounted || !expired(w, d))) {
		*out = d; /* a positive one was revalidated just before the lock was taken */
		return 0;
	}
	if (d) {
		dentry_drop(d);
		dentry_put(d);
	}
	if (inode->nlink == 0) {
		return -ENOENT; /* the directory was removed */
	}
	d = dentry_new(dir, name, len);
	if (!d) {
		return -ENOMEM;
	}
	if (!ask) {
		d->valid_until = 0; /* nobody else is to believe it */
	} else if (inode->ops->lookup) {
		err = inode->ops->lookup(inode, d);
	}
	if (err && err != -ENOENT) {
		dentry_put(d);
		return err;
	}
	return dentry_publish(d, out);
}

int lookup_locked(struct dentry *dir, const char *name, size_t len, struct walk *w,
		  struct dentry **out)
{
	return child_locked(dir, name, len, w, true, out);
}

int lookup_new_locked(struct dentry *dir, const char *name, size_t len, struct walk *w,
		      struct dentry **out)
{
	/* Who may not make it is told EEXIST all the same where it exists. */
	bool ask = !dir->inode->sb->creates_exclusively || w->cur.mount->read_only ||
		   vfs_permission(dir->inode, MAY_WRITE | MAY_EXEC);

	return child_locked(dir, name, len, w, ask, out);
}

static int walk_name(struct walk *w, const char *name, size_t len, struct dentry **out)
{
	struct inode *dir = w->cur.dentry->inode;
	int err;

	if (len > NAME_MAX) {
		return -ENAMETOOLONG;
	}
	walk_hold(w);
	err = find_valid(w, name, len, out);
	if (err || *out) {
		return err;
	}
	mutex_lock(&dir->lock);
	err = lookup_locked(w->cur.dentry, name, len, w, out);
	mutex_unlock(&dir->lock);
	return err;
}
int walk_last(struct walk *w, struct dentry **out)
{
	return walk_name(w, w->last, w->last_len, out);
}

int walk_last_known(struct walk *w, struct dentry **out)
{
	*out = NULL;
	if (w->last_len > NAME_MAX) {
		return -ENAMETOOLONG;
	}
	walk_hold(w);
	return find_valid(w, w->last, w->last_len, out);
}

/* As fs.protected_symlinks = 1: where everybody may make names, a link at the end of a name is
 * followed only if the follower made it, or the directory's owner did. */
static bool may_follow(const struct walk *w, const struct inode *link)
{
	const struct inode *dir = w->cur.dentry->inode;
	const struct cred *c = thread_current()->cred;

	return !only_slashes(w->rest) || !c || c->u.fs == link->uid ||
	       (dir->mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) || dir->uid == link->uid;
}

int walk_follow_link(struct walk *w, struct dentry *d)
{
	struct inode *inode = d->inode;
	size_t rest_len = strlen(w->rest);
	struct path p;
	char *buf;
	long n;
	int err = -ELOOP;

	if (w->flags & LOOKUP_NO_SYMLINKS || ++w->links > MAX_LINKS) {
		goto out;
	}
	if (!may_follow(w, inode)) {
		err = -EACCES;
		goto out;
	}
	if (inode->ops->follow) {
		if (w->flags & LOOKUP_NO_MAGICLINKS) {
			goto out;
		}
		err = inode->ops->follow(inode, &p);
		if (!err && w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
			path_put(&p);
			err = -EXDEV;
		}
		if (!err) {
			set_cur(w, p);
		}
		goto out;
	}
	err = -EINVAL;
	if (!inode->ops->readlink) {
		goto out;
	}
	err = -ENOMEM;
	buf = kmalloc(PATH_MAX + rest_len + 1);
	if (!buf) {
		goto out;
	}
	n = inode->ops->readlink(inode, buf, PATH_MAX);
	err = n > 0 ? 0 : (int)n;
	if (n == 0) {
		err = -ENOENT;
	}
	if (!err && buf[0] == '/' && w->flags & LOOKUP_BENEATH) {
		err = -EXDEV;
	}
	if (err) {
		kfree(buf);
		goto out;
	}
	memcpy(buf + n, w->rest, rest_len + 1);
	kfree(w->owned);
	w->owned = buf;
	w->rest = buf;
	if (buf[0] == '/') {
		path_get(&w->root);
		set_cur(w, w->root);
	}
out:
	dentry_put(d);
	return err;
}

/* One component the slow way. */
static int walk_component(struct walk *w, const char *name, size_t len)
{
	struct inode *dir = w->cur.dentry->inode;
	struct dentry *d;
	bool last = only_slashes(name + len);
	int err;

	if (!dir || !S_ISDIR(dir->mode)) {
		return -ENOTDIR;
	}
	err = walk_may_exec(dir);
	if (err) {
		return err;
	}
	if (classify(name, len) == LAST_DOTDOT) {
		struct path p = w->cur;

		spin_lock(&dcache_lock);
		err = dotdot_locked(w, &p);
		if (!err) {
			mount_get(p.mount);
			dentry_ref_locked(p.dentry);
		}
		spin_unlock(&dcache_lock);
		if (!err) {
			set_cur(w, p);
			w->rest = name + len;
		}
		return err;
	}
	if (classify(name, len) == LAST_DOT) {
		w->rest = name + len;
		return 0;
	}
	err = walk_name(w, name, len, &d);
	if (err) {
		return err;
	}
	if (!d->inode && !d->mounted) {
		dentry_put(d);
		return -ENOENT;
	}
	w->rest = name + len;
	if (d->mounted && w->flags & LOOKUP_NO_XDEV) {
		dentry_put(d);
		return -EXDEV;
	}
	if (!d->mounted && S_ISLNK(d->inode->mode) &&
	    (!last || w->flags & LOOKUP_FOLLOW || name[len] == '/')) {
		return walk_follow_link(w, d);
	}
	walk_step(w, d);
	return 0;
}

static int check_dir(const struct walk *w)
{
	const struct inode *inode = w->cur.dentry->inode;

	return inode && S_ISDIR(inode->mode) ? 0 : -ENOTDIR;
}

int walk_all(struct walk *w)
{
	const char *name;
	size_t len;
	bool slash;
	int err;

	for (;;) {
		err = walk_cached(w, false);
		if (err) {
			return err;
		}
		if (!next_component(w, &name, &len)) {
			slash = w->rest[-1] == '/'; /* no name and no link target is empty */
			break;
		}
		err = walk_component(w, name, len);
		if (err) {
			return err;
		}
	}
	walk_hold(w);
	if (w->flags & LOOKUP_DIRECTORY || slash) {
		return check_dir(w);
	}
	return 0;
}

int walk_to_parent(struct walk *w)
{
	const char *name;
	size_t len;
	int err;

	for (;;) {
		err = walk_cached(w, true);
		if (err) {
			return err;
		}
		if (!next_component(w, &name, &len)) {
			w->last_type = LAST_ROOT;
			w->last = name;
			w->last_len = 0;
			w->last_slash = true;
			walk_hold(w);
			return check_dir(w);
		}
		if (only_slashes(name + len)) {
			break;
		}
		err = walk_component(w, name, len);
		if (err) {
			return err;
		}
	}
	w->last_type = classify(name, len);
	w->last = name;
	w->last_len = len;
	w->last_slash = name[len] == '/';
	w->rest = name + len;
	walk_hold(w);
	err = check_dir(w);
	return err ? err : walk_may_exec(w->cur.dentry->inode);
}
