/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: who may change them, and which file systems have any.  No lock is held
 * around the file system's operations.
 */
#include <fs/xattr.h>

#include <fs/attr.h>
#include <fs/cred.h>
#include <fs/dentry.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/stat.h>

static bool starts(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* xattr(7): trusted.* is for the administrator's eyes, too; user.* is of files and directories,
 * with their permissions, as symbolic links and devices have none that mean anything. */
static int permission(struct inode *inode, const char *name, unsigned mask)
{
	bool change = mask & MAY_WRITE;
	bool admin = cred_capable(CAP_SYS_ADMIN);

	if (starts(name, "trusted.") && !admin) {
		return change ? -EPERM : -ENODATA;
	}
	if (starts(name, "security.") || starts(name, "system.")) {
		return change && !admin && starts(name, "security.") ? -EPERM : 0;
	}
	if (starts(name, "user.") && !S_ISREG(inode->mode) && !S_ISDIR(inode->mode)) {
		return change ? -EPERM : -ENODATA;
	}
	return vfs_permission(inode, mask);
}

static int may_change(const struct path *p, const char *name, bool supported)
{
	struct inode *inode = p->dentry->inode;
	int err;

	if (p->mount->read_only) {
		return -EROFS;
	}
	err = permission(inode, name, MAY_WRITE);
	if (!err && supported) {
		err = vfs_permission(inode, MAY_WRITE);
	}
	return err ? err : supported ? 0 : -EOPNOTSUPP;
}

int vfs_setxattr(const struct path *p, const char *name, const void *value, size_t size, int flags)
{
	struct inode *inode = p->dentry->inode;
	int err = may_change(p, name, inode->ops->setxattr);

	return err ? err : inode->ops->setxattr(inode, name, value, size, flags);
}

long vfs_getxattr(const struct path *p, const char *name, void *buf, size_t size)
{
	struct inode *inode = p->dentry->inode;

	long err = permission(inode, name, MAY_READ);

	if (err) {
		return err;
	}
	return inode->ops->getxattr ? inode->ops->getxattr(inode, name, buf, size) : -EOPNOTSUPP;
}

long vfs_listxattr(const struct path *p, char *buf, size_t size)
{
	struct inode *inode = p->dentry->inode;
	long n = inode->ops->listxattr ? inode->ops->listxattr(inode, buf, size) : 0;

	return n == -EOPNOTSUPP ? 0 : n;
}

int vfs_removexattr(const struct path *p, const char *name)
{
	struct inode *inode = p->dentry->inode;
	int err = may_change(p, name, inode->ops->removexattr);

	return err ? err : inode->ops->removexattr(inode, name);
}
