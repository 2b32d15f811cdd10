/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: who may change them, and which file systems have any.  No lock is held
 * around the file system's operations.
 */
#include <fs/xattr.h>

#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <linux/errno.h>

static int may_change(const struct path *p, bool supported)
{
	if (p->mount->read_only) {
		return -EROFS;
	}
	return supported ? vfs_permission(p->dentry->inode, MAY_WRITE) : -EOPNOTSUPP;
}

int vfs_setxattr(const struct path *p, const char *name, const void *value, size_t size, int flags)
{
	struct inode *inode = p->dentry->inode;
	int err = may_change(p, inode->ops->setxattr);

	return err ? err : inode->ops->setxattr(inode, name, value, size, flags);
}

long vfs_getxattr(const struct path *p, const char *name, void *buf, size_t size)
{
	struct inode *inode = p->dentry->inode;

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
	int err = may_change(p, inode->ops->removexattr);

	return err ? err : inode->ops->removexattr(inode, name);
}
