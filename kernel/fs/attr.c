/* SPDX-License-Identifier: MIT */
/*
 * Attributes: stat, and who may do or change what.
 *
 * Fields of an inode are changed under inode->lock and read without it: what stat tells of a file
 * that is being changed may be of two moments, as on Linux.  Rights are decided before the file
 * system is asked to change anything.
 */
#include <fs/attr.h>

#include "fs_internal.h"

#include <fs/cred.h>
#include <fs/event/notify.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/inotify.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <sched/thread.h>
#include <sync/mutex.h>

int vfs_stat_inode(struct inode *inode, struct kstat *st, bool force_sync)
{
	memset(st, 0, sizeof(*st));
	if (inode->ops && inode->ops->getattr) {
		return inode->ops->getattr(inode, st, force_sync);
	}
	inode_stat_generic(inode, st);
	return 0;
}
int vfs_stat_path(const struct path *p, struct kstat *st, bool force_sync)
{
	return p->dentry->inode ? vfs_stat_inode(p->dentry->inode, st, force_sync) : -ENOENT;
}

int vfs_permission(struct inode *inode, int mask)
{
	const struct cred *c = thread_current()->cred;
	uint32_t mode = inode->mode;

	if (!c) {
		return 0;
	}
	if (c->u.fs == inode->uid) {
		mode >>= 6;
	} else if (cred_in_group(c, inode->gid)) {
		mode >>= 3;
	}
	if ((mode & 7 & (uint32_t)mask) == (uint32_t)mask) {
		return 0;
	}
	if (S_ISDIR(inode->mode)) {
		if (!(mask & MAY_WRITE) && cred_capable(CAP_DAC_READ_SEARCH)) {
			return 0;
		}
		if (cred_capable(CAP_DAC_OVERRIDE)) {
			return 0;
		}
		return inode->ops && inode->ops->permits && inode->ops->permits(inode) ? 0
										       : -EACCES;
	}
	if (mask == MAY_READ && cred_capable(CAP_DAC_READ_SEARCH)) {
		return 0;
	}
	if ((!(mask & MAY_EXEC) || inode->mode & 0111) && cred_capable(CAP_DAC_OVERRIDE)) {
		return 0;
	}
	return -EACCES;
}
bool vfs_owner_or_capable(const struct inode *inode)
{
	const struct cred *c = thread_current()->cred;

	return !c || c->u.fs == inode->uid || cred_capable(CAP_FOWNER);
}

static int chown_allowed(const struct inode *inode, const struct iattr *a)
{
	const struct cred *c = thread_current()->cred;

	if (!c || cred_capable(CAP_CHOWN)) {
		return 0;
	}
	if (a->valid & ATTR_UID && (c->u.fs != inode->uid || a->uid != inode->uid)) {
		return -EPERM;
	}
	if (a->valid & ATTR_GID &&
	    (c->u.fs != inode->uid || (a->gid != inode->gid && !cred_in_group(c, a->gid)))) {
		return -EPERM;
	}
	return 0;
}

static int times_allowed(struct inode *inode, const struct iattr *a)
{
	bool now = (a->valid & (ATTR_ATIME_NOW | ATTR_MTIME_NOW)) ==
		   (ATTR_ATIME_NOW | ATTR_MTIME_NOW);

	if (vfs_owner_or_capable(inode)) {
		return 0;
	}
	if (now) {
		return vfs_permission(inode, MAY_WRITE);
	}
	return -EPERM;
}

/* Who is neither in the file's group nor CAP_FSETID: may not leave S_ISGID on it. */
static bool may_keep_setgid(const struct inode *inode)
{
	const struct cred *c = thread_current()->cred;

	return !c || cred_in_group(c, inode->gid) || cred_capable(CAP_FSETID);
}
static uint32_t mode_without_setid(const struct inode *inode)
{
	uint32_t mode = inode->mode & 07777 & ~(uint32_t)S_ISUID;

	/* Without the group's x it means mandatory locking, not rights. */
	return mode & S_IXGRP || !may_keep_setgid(inode) ? mode & ~(uint32_t)S_ISGID : mode;
}
void attr_drop_setid(const struct inode *inode, struct iattr *a)
{
	uint32_t mode = mode_without_setid(inode);

	if (S_ISREG(inode->mode) && mode != (inode->mode & 07777) && thread_current()->cred &&
	    !cred_capable(CAP_FSETID)) {
		a->valid |= ATTR_MODE;
		a->mode = mode;
	}
}
void inode_drop_setid_slow(struct inode *inode)
{
	struct iattr a = { 0 };

	attr_drop_setid(inode, &a);
	if (a.valid && inode->ops->setattr) {
		int err = inode->ops->setattr(inode, &a);

		(void)err; /* as on Linux, the change itself goes on */
	}
}

static int prepare(struct inode *inode, struct iattr *a)
{
	int err = 0;

	if (a->valid & ATTR_OWNER) {
		a->valid &= ~(unsigned)ATTR_OWNER;
		err = chown_allowed(inode, a);
		a->mode = mode_without_setid(inode);
		if (!err && !S_ISDIR(inode->mode) && a->mode != (inode->mode & 07777)) {
			a->valid |= ATTR_MODE;
			err = vfs_owner_or_capable(inode) ? 0 : -EPERM;
		}
	} else if (a->valid & ATTR_MODE) {
		err = vfs_owner_or_capable(inode) ? 0 : -EPERM;
		if (!may_keep_setgid(inode)) {
			a->mode &= ~(uint32_t)S_ISGID;
		}
	} else if (a->valid & ATTR_SIZE) {
		attr_drop_setid(inode, a);
	}
	if (!err && a->valid & (ATTR_ATIME | ATTR_MTIME) && !(a->valid & ATTR_SIZE)) {
		err = times_allowed(inode, a);
	}
	if (!err && a->valid & ATTR_SIZE && a->size > atomic_load(&inode->pages.size) &&
	    a->size > fs_upcalls->rlimit(RLIMIT_FSIZE)) {
		fs_upcalls->send_sigxfsz();
		err = -EFBIG;
	}
	return err;
}

/* What inotify calls such a change. */
static uint32_t event_of(unsigned valid)
{
	if (valid & (ATTR_UID | ATTR_GID | ATTR_MODE)) {
		return IN_ATTRIB;
	}
	if (valid & ATTR_SIZE) {
		return IN_MODIFY;
	}
	if (valid & ATTR_ATIME) {
		return valid & ATTR_MTIME ? IN_ATTRIB : IN_ACCESS;
	}
	return IN_MODIFY;
}

int vfs_setattr(const struct path *p, struct iattr *a)
{
	struct inode *inode = p->dentry->inode;
	int err;

	if (!inode) {
		return -ENOENT;
	}
	if (a->valid & ATTR_MODE && S_ISLNK(inode->mode)) {
		return -EOPNOTSUPP;
	}
	if (p->mount && p->mount->read_only) {
		return -EROFS;
	}
	if (!inode->ops || !inode->ops->setattr) {
		return -EPERM;
	}
	mutex_lock(&inode->lock);
	err = prepare(inode, a);
	if (!err && a->valid) {
		err = inode->ops->setattr(inode, a);
	}
	mutex_unlock(&inode->lock);
	if (!err) {
		notify_dentry(p->dentry, event_of(a->valid));
	}
	return err;
}

int vfs_truncate(const struct path *p, uint64_t size)
{
	struct iattr a = { .valid = ATTR_SIZE, .size = size };
	struct inode *inode = p->dentry->inode;
	int err;

	if (!inode) {
		return -ENOENT;
	}
	if (!S_ISREG(inode->mode)) {
		return S_ISDIR(inode->mode) ? -EISDIR : -EINVAL;
	}
	if (p->mount->read_only) {
		return -EROFS;
	}
	err = vfs_permission(inode, MAY_WRITE);
	if (!err && atomic_load(&inode->writers) < 0) {
		err = -ETXTBSY;
	}
	return err ? err : vfs_setattr(p, &a);
}

int file_truncate(struct file *f, uint64_t size)
{
	struct iattr a = { .valid = ATTR_SIZE | ATTR_FILE, .size = size, .file = f };
	struct path p;
	int err;

	if (!S_ISREG(f->inode->mode) || !f->writable) {
		return -EINVAL;
	}
	err = file_path(f, &p); /* message queues have no name of their own */
	if (!err) {
		err = vfs_setattr(&p, &a);
		path_put(&p);
	}
	return err;
}

long vfs_readlink(const struct path *p, char *buf, size_t size)
{
	struct inode *inode = p->dentry->inode;

	if (!inode || !S_ISLNK(inode->mode) || !inode->ops->readlink) {
		return -EINVAL;
	}
	return inode->ops->readlink(inode, buf, size);
}

/* access(2): what the file's and the mount's state allow current's fs ids. */
int vfs_access(const struct path *p, int mask)
{
	struct inode *inode = p->dentry->inode;
	int err;

	if (!inode) {
		return -ENOENT;
	}
	err = mask ? vfs_permission(inode, mask) : 0;
	if (!err && mask & MAY_WRITE && p->mount->read_only &&
	    (S_ISREG(inode->mode) || S_ISDIR(inode->mode) || S_ISLNK(inode->mode))) {
		err = -EROFS;
	}
	return err;
}
