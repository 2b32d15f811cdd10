/* SPDX-License-Identifier: MIT */
/*
 * open(2): finding or making the file, checking the caller's rights, filling struct file.
 *
 * A file that may be made is looked up under its directory's lock, so of several creators with
 * O_EXCL one wins.  inode->writers goes up before the open is done and back when it fails: a
 * program that is executed meanwhile sees either the writer or keeps it out.
 */
#include <fs/vfs.h>

#include "fs_internal.h"

#include <fs/attr.h>
#include <fs/context.h>
#include <fs/dentry.h>
#include <fs/event/notify.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/pseudo/devfs.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/stat.h>
#include <sched/thread.h>
#include <sync/mutex.h>

#define CREATE_TRIES 16
#define CREATION_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC)

static int acc_mask(int flags)
{
	static const unsigned char masks[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
					       MAY_READ | MAY_WRITE };
	int mask = masks[flags & O_ACCMODE];

	return flags & O_TRUNC ? mask | MAY_WRITE : mask;
}

/* Rights and type checks for an existing file. */
static int may_open(const struct path *p, int flags)
{
	struct inode *inode = p->dentry->inode;
	int mask = acc_mask(flags), err;

	if (!inode) {
		return -ENOENT;
	}
	if (S_ISLNK(inode->mode)) {
		return -ELOOP;
	}
	if (S_ISDIR(inode->mode) && mask & MAY_WRITE) {
		return -EISDIR;
	}
	if ((S_ISREG(inode->mode) || S_ISDIR(inode->mode)) && mask & MAY_WRITE &&
	    p->mount->read_only) {
		return -EROFS;
	}
	err = vfs_permission(inode, mask);
	if (err) {
		return err;
	}
	if (flags & O_NOATIME && !vfs_owner_or_capable(inode)) {
		return -EPERM;
	}
	return 0;
}

static int writer_count(struct file *f)
{
	int32_t n = atomic_load(&f->inode->writers);

	do {
		if (n < 0) {
			return -ETXTBSY;
		}
	} while (!atomic_compare_exchange_weak(&f->inode->writers, &n, n + 1));
	f->counted_writer = true;
	return 0;
}
int file_deny_write(struct file *f)
{
	int32_t n = atomic_load(&f->inode->writers);

	if (f->exec_denied_write) {
		return 0;
	}
	do {
		if (n > 0) {
			return -ETXTBSY;
		}
	} while (!atomic_compare_exchange_weak(&f->inode->writers, &n, n - 1));
	f->exec_denied_write = true;
	return 0;
}

static int open_by_type(struct inode *inode, struct file *f)
{
	if (inode->sb != anon_mount.sb) {
		switch (inode->mode & S_IFMT) {
		case S_IFIFO: return fifo_open(inode, f);
		case S_IFCHR:
		case S_IFBLK: return f->path.mount->sb->nodev ? -EACCES : devfs_open(inode, f);
		case S_IFSOCK: return -ENXIO;
		default: return inode->ops->open ? inode->ops->open(inode, f) : -ENXIO;
		}
	}
	return inode->ops && inode->ops->open ? inode->ops->open(inode, f) : -ENXIO;
}

static int truncate_opened(struct file *f)
{
	struct iattr a = { .valid = ATTR_SIZE | ATTR_MTIME | ATTR_MTIME_NOW | ATTR_FILE,
			   .file = f };
	struct inode *inode = f->inode;
	int err;

	if (!inode->ops->setattr) {
		return 0;
	}
	mutex_lock(&inode->lock);
	attr_drop_setid(inode, &a);
	err = inode->ops->setattr(inode, &a);
	mutex_unlock(&inode->lock);
	if (!err) {
		notify_dentry(f->path.dentry, IN_MODIFY);
	}
	return err;
}

/* f becomes an open file of the inode at p. */
int file_open_inode(struct file *f, const struct path *p, int flags)
{
	struct inode *inode = p->dentry->inode;
	int err;

	path_get(p);
	f->path = *p;
	inode_get(inode);
	f->inode = inode;
	if (flags & O_PATH) {
		return 0;
	}
	if (f->writable && S_ISREG(inode->mode)) {
		err = writer_count(f);
		if (err) {
			return err;
		}
	}
	f->no_seek = S_ISFIFO(inode->mode) || S_ISSOCK(inode->mode);
	err = open_by_type(inode, f);
	if (err) {
		f->ops = NULL; /* nothing to release */
		return err;
	}
	/* The file system clears O_TRUNC when its open truncated. */
	if (flags & O_TRUNC && S_ISREG(inode->mode)) {
		if (atomic_load(&f->flags) & O_TRUNC) {
			err = truncate_opened(f);
		} else {
			mutex_lock(&inode->lock);
			inode_drop_setid(inode);
			mutex_unlock(&inode->lock);
		}
	}
	atomic_fetch_and(&f->flags, ~(uint32_t)CREATION_FLAGS);
	return err;
}

struct open_args {
	int flags;
	uint32_t mode;
	unsigned lookup;
	struct file *f;
};

static int finish_open(struct open_args *o, const struct path *p, bool created)
{
	struct inode *inode = p->dentry->inode;
	int err = 0;

	if (o->flags & O_DIRECTORY && (!inode || !S_ISDIR(inode->mode))) {
		return -ENOTDIR;
	}
	if (!created && !(o->flags & O_PATH)) {
		err = may_open(p, o->flags);
	}
	/* what is new need not be cut, which would drop its set-id bits */
	return err ? err : file_open_inode(o->f, p, created ? o->flags & ~O_TRUNC : o->flags);
}

/* Makes the file at d (negative, directory locked). */
static int create_locked(struct open_args *o, struct walk *w, struct dentry *d, bool *opened)
{
	struct inode *dir = w->cur.dentry->inode;
	uint32_t mode = creation_mode(dir, S_IFREG | (o->mode & 07777));
	int err;

	if (w->cur.mount->read_only) {
		return -EROFS;
	}
	err = vfs_permission(dir, MAY_WRITE | MAY_EXEC);
	if (err) {
		return err;
	}
	if (dir->ops->create_open) {
		err = dir->ops->create_open(dir, d, o->f, mode);
		if (!err) {
			*opened = true;
			return 0;
		}
		if (err != -ENOSYS) {
			return err;
		}
	}
	return dir->ops->create ? dir->ops->create(dir, d, mode) : -EACCES;
}

static int adopt_created(struct open_args *o, struct walk *w, struct dentry *d)
{
	struct file *f = o->f;

	f->path = (struct path){ w->cur.mount, d };
	path_get(&f->path);
	if (!f->inode) {
		f->inode = d->inode;
		inode_get(f->inode);
	}
	atomic_fetch_and(&f->flags, ~(uint32_t)CREATION_FLAGS);
	return f->writable ? writer_count(f) : 0;
}

/* What the last component names, made if it is not there.  The host may make it between our look and
 * our try (EEXIST), and take it away again, even ours before the daemon has looked at it (ENOENT):
 * then we look again. */
static int find_or_create(struct open_args *o, struct walk *w, struct dentry **out, bool *opened,
			  bool *created)
{
	struct inode *dir = w->cur.dentry->inode;
	bool again;
	int err;

	mutex_lock(&dir->lock);
	for (unsigned tries = 0;; tries++) {
		err = (o->flags & O_EXCL ? lookup_new_locked : lookup_locked)(
			w->cur.dentry, w->last, w->last_len, w, out);
		if (err || entry_exists(*out)) {
			break;
		}
		err = create_locked(o, w, *out, opened);
		if (!err) {
			*created = true;
			notify_inode(dir, IN_CREATE, (*out)->name, 0);
			break;
		}
		again = tries < CREATE_TRIES &&
			(err == -ENOENT || (err == -EEXIST && !(o->flags & O_EXCL)));
		dentry_drop(*out); /* what we believed of it may be wrong */
		dentry_put(*out);
		if (!again) {
			break;
		}
	}
	mutex_unlock(&dir->lock);
	return err;
}

/* d: what the last component names, maybe nothing; NULL when that is not known.  Consumes d.
 * 1 = a symlink was followed. */
static int open_last(struct open_args *o, struct walk *w, struct dentry *d)
{
	bool opened = false, created = false;
	int err;

	if (!d || !entry_exists(d)) {
		dentry_put(d);
		err = find_or_create(o, w, &d, &opened, &created);
		if (err) {
			return err;
		}
	}
	if (opened) {
		err = adopt_created(o, w, d);
		dentry_put(d);
		return err;
	}
	if (o->flags & O_EXCL && !created) {
		dentry_put(d);
		return -EEXIST;
	}
	if (!d->mounted && S_ISLNK(d->inode->mode)) {
		if (o->flags & O_NOFOLLOW) {
			dentry_put(d);
			return -ELOOP;
		}
		err = walk_follow_link(w, d);
		return err ? err : 1;
	}
	walk_step(w, d);
	if (S_ISDIR(w->cur.dentry->inode->mode)) {
		return -EISDIR;
	}
	return finish_open(o, &w->cur, created);
}

static int open_creat(struct open_args *o, struct walk *w)
{
	struct dentry *d;
	int err;

	for (;;) {
		err = walk_to_parent(w);
		if (err) {
			return err;
		}
		if (w->last_type != LAST_NORM || w->last_slash) {
			return -EISDIR;
		}
		err = walk_last_known(w, &d);
		if (err) {
			return err;
		}
		err = open_last(o, w, d);
		if (err != 1) {
			return err;
		}
		if (!w->rest[0]) { /* a magic link led straight to a file */
			if (S_ISDIR(w->cur.dentry->inode->mode)) {
				return -EISDIR;
			}
			return finish_open(o, &w->cur, false);
		}
	}
}

static int open_tmpfile(struct open_args *o, struct walk *w)
{
	struct inode *dir;
	struct dentry *d;
	struct path p;
	int err;

	w->flags |= LOOKUP_DIRECTORY;
	err = walk_all(w);
	if (err) {
		return err;
	}
	dir = w->cur.dentry->inode;
	if (w->cur.mount->read_only) {
		return -EROFS;
	}
	err = vfs_permission(dir, MAY_WRITE | MAY_EXEC);
	if (err) {
		return err;
	}
	if (!dir->ops->tmpfile) {
		return -EOPNOTSUPP;
	}
	d = dentry_new(w->cur.dentry, "#tmpfile", 8);
	if (!d) {
		return -ENOMEM;
	}
	mutex_lock(&dir->lock);
	err = dir->ops->tmpfile(dir, d, creation_mode(dir, S_IFREG | (o->mode & 07777)));
	mutex_unlock(&dir->lock);
	if (!err) {
		p = (struct path){ w->cur.mount, d };
		d->inode->linkable = !(o->flags & O_EXCL);
		o->flags &= ~O_TMPFILE;
		err = file_open_inode(o->f, &p, o->flags);
	}
	dentry_put(d);
	return err;
}

static int open_once(int dirfd, const char *name, struct open_args *o, bool again)
{
	unsigned lookup = o->lookup;
	struct walk w;
	int err;

	if (!(o->flags & O_NOFOLLOW)) {
		lookup |= LOOKUP_FOLLOW;
	}
	err = walk_start(&w, dirfd, name, lookup, again);
	if (err) {
		goto out;
	}
	if (o->flags & O_TMPFILE_BIT) {
		err = open_tmpfile(o, &w);
	} else if (o->flags & O_CREAT) {
		err = open_creat(o, &w);
	} else {
		if (o->flags & O_DIRECTORY) {
			w.flags |= LOOKUP_DIRECTORY;
		}
		err = walk_all(&w);
		if (!err) {
			err = finish_open(o, &w.cur, false);
		}
	}
out:
	walk_end(&w);
	return err;
}

int vfs_openat2(int dirfd, const char *name, int flags, uint32_t mode, unsigned lookup,
		struct file **out)
{
	struct open_args o = { .mode = mode, .lookup = lookup };
	int err = -ESTALE;

	if (flags & O_PATH) {
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	} else if (flags & O_TMPFILE_BIT) {
		if ((flags & O_TMPFILE) != O_TMPFILE || !(flags & (O_WRONLY | O_RDWR)) ||
		    flags & O_CREAT) {
			return -EINVAL;
		}
	}
	if (flags & O_CREAT && flags & O_DIRECTORY) {
		return -EINVAL;
	}
	if (!(flags & O_PATH)) {
		flags |= O_LARGEFILE;
	}
	for (int try = 0; try < 2 && err == -ESTALE; try++) {
		o.flags = flags;
		err = file_alloc(flags & ~O_CLOEXEC, &o.f);
		if (err) {
			return err;
		}
		err = open_once(dirfd, name, &o, try > 0);
		if (err) {
			file_put(o.f);
		}
	}
	if (!err) {
		if (!(flags & O_PATH)) {
			notify_dentry(o.f->path.dentry, IN_OPEN);
		}
		*out = o.f;
	}
	return err;
}
int vfs_open(int dirfd, const char *name, int open_flags, uint32_t mode, struct file **out)
{
	return vfs_openat2(dirfd, name, open_flags, mode, 0, out);
}

int vfs_open_exec(const struct path *p, struct file **out)
{
	struct file *f;
	int err = file_alloc(O_RDONLY | O_LARGEFILE, &f);

	if (err) {
		return err;
	}
	err = file_open_inode(f, p, O_RDONLY | O_LARGEFILE);
	if (err) {
		file_put(f);
		return err;
	}
	*out = f;
	return 0;
}
