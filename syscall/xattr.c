/* SPDX-License-Identifier: MIT */
/* Extended attributes. */
#include <syscall/syscalls.h>

#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <fs/pathname.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

/* Which file: a path or a descriptor. */
static int find_path(user_ptr path, bool follow, struct path *p)
{
	struct pathname name;
	int err = pathname_get(&name, path);

	if (!err) {
		err = vfs_lookup(AT_FDCWD, name.s, follow ? LOOKUP_FOLLOW : 0, p);
		pathname_put(&name);
	}
	return err;
}
static int find_fd(int fd, struct path *p)
{
	struct fdref r;
	int err = fdref_get(fd, &r);

	if (!err) {
		err = file_path(r.file, p);
		fdref_put(&r);
	}
	return err;
}
static int get_name(char *name, user_ptr user)
{
	long n = copy_string_from_user(name, user, XATTR_NAME_MAX + 1);

	return n == -ENAMETOOLONG || n == 0 ? -ERANGE : n < 0 ? (int)n : 0;
}

static long do_set(struct path *p, user_ptr uname, user_ptr value, size_t size, int flags)
{
	struct inode *inode = p->dentry->inode;
	char name[XATTR_NAME_MAX + 1];
	void *v = NULL;
	long err;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) {
		return -EINVAL;
	}
	err = get_name(name, uname);
	if (err) {
		return err;
	}
	if (size > XATTR_SIZE_MAX) {
		return -E2BIG;
	}
	v = kmalloc(size ? size : 1);
	if (!v) {
		return -ENOMEM;
	}
	err = copy_from_user(v, value, size);
	if (!err && p->mount->read_only) {
		err = -EROFS;
	}
	if (!err && !inode->ops->setxattr) {
		err = -EOPNOTSUPP;
	}
	if (!err) {
		err = vfs_permission(inode, MAY_WRITE);
	}
	if (!err) {
		err = inode->ops->setxattr(inode, name, v, size, flags);
	}
	kfree(v);
	return err;
}
static long do_get(struct path *p, user_ptr uname, user_ptr value, size_t size)
{
	struct inode *inode = p->dentry->inode;
	char name[XATTR_NAME_MAX + 1];
	void *v = NULL;
	long n = get_name(name, uname);

	if (n) {
		return n;
	}
	if (!inode->ops->getxattr) {
		return -EOPNOTSUPP;
	}
	size = MIN(size, (size_t)XATTR_SIZE_MAX);
	if (size) {
		v = kmalloc(size);
		if (!v) {
			return -ENOMEM;
		}
	}
	n = inode->ops->getxattr(inode, name, v, size);
	if (n > 0 && size && copy_to_user(value, v, (size_t)n)) {
		n = -EFAULT;
	}
	kfree(v);
	return n;
}
static long do_list(struct path *p, user_ptr list, size_t size)
{
	struct inode *inode = p->dentry->inode;
	char *buf = NULL;
	long n;

	if (!inode->ops->listxattr) {
		return 0;
	}
	size = MIN(size, (size_t)XATTR_LIST_MAX);
	if (size) {
		buf = kmalloc(size);
		if (!buf) {
			return -ENOMEM;
		}
	}
	n = inode->ops->listxattr(inode, buf, size);
	if (n > 0 && size && copy_to_user(list, buf, (size_t)n)) {
		n = -EFAULT;
	}
	kfree(buf);
	return n == -EOPNOTSUPP ? 0 : n;
}
static long do_remove(struct path *p, user_ptr uname)
{
	struct inode *inode = p->dentry->inode;
	char name[XATTR_NAME_MAX + 1];
	long err = get_name(name, uname);

	if (err) {
		return err;
	}
	if (p->mount->read_only) {
		return -EROFS;
	}
	if (!inode->ops->removexattr) {
		return -EOPNOTSUPP;
	}
	err = vfs_permission(inode, MAY_WRITE);
	return err ? err : inode->ops->removexattr(inode, name);
}

static long set_by_path(user_ptr path, bool follow, user_ptr name, user_ptr value, size_t size,
			int flags)
{
	struct path p;
	long err = find_path(path, follow, &p);

	if (!err) {
		err = do_set(&p, name, value, size, flags);
		path_put(&p);
	}
	return err;
}
long sys_setxattr(user_ptr path, user_ptr name, user_ptr value, size_t size, int flags)
{
	return set_by_path(path, true, name, value, size, flags);
}
long sys_lsetxattr(user_ptr path, user_ptr name, user_ptr value, size_t size, int flags)
{
	return set_by_path(path, false, name, value, size, flags);
}
long sys_fsetxattr(int fd, user_ptr name, user_ptr value, size_t size, int flags)
{
	struct path p;
	long err = find_fd(fd, &p);

	if (!err) {
		err = do_set(&p, name, value, size, flags);
		path_put(&p);
	}
	return err;
}
static long get_by_path(user_ptr path, bool follow, user_ptr name, user_ptr value, size_t size)
{
	struct path p;
	long err = find_path(path, follow, &p);

	if (!err) {
		err = do_get(&p, name, value, size);
		path_put(&p);
	}
	return err;
}
long sys_getxattr(user_ptr path, user_ptr name, user_ptr value, size_t size)
{
	return get_by_path(path, true, name, value, size);
}
long sys_lgetxattr(user_ptr path, user_ptr name, user_ptr value, size_t size)
{
	return get_by_path(path, false, name, value, size);
}
long sys_fgetxattr(int fd, user_ptr name, user_ptr value, size_t size)
{
	struct path p;
	long err = find_fd(fd, &p);

	if (!err) {
		err = do_get(&p, name, value, size);
		path_put(&p);
	}
	return err;
}
static long list_by_path(user_ptr path, bool follow, user_ptr list, size_t size)
{
	struct path p;
	long err = find_path(path, follow, &p);

	if (!err) {
		err = do_list(&p, list, size);
		path_put(&p);
	}
	return err;
}
long sys_listxattr(user_ptr path, user_ptr list, size_t size)
{
	return list_by_path(path, true, list, size);
}
long sys_llistxattr(user_ptr path, user_ptr list, size_t size)
{
	return list_by_path(path, false, list, size);
}
long sys_flistxattr(int fd, user_ptr list, size_t size)
{
	struct path p;
	long err = find_fd(fd, &p);

	if (!err) {
		err = do_list(&p, list, size);
		path_put(&p);
	}
	return err;
}
static long remove_by_path(user_ptr path, bool follow, user_ptr name)
{
	struct path p;
	long err = find_path(path, follow, &p);

	if (!err) {
		err = do_remove(&p, name);
		path_put(&p);
	}
	return err;
}
long sys_removexattr(user_ptr path, user_ptr name)
{
	return remove_by_path(path, true, name);
}
long sys_lremovexattr(user_ptr path, user_ptr name)
{
	return remove_by_path(path, false, name);
}
long sys_fremovexattr(int fd, user_ptr name)
{
	struct path p;
	long err = find_fd(fd, &p);

	if (!err) {
		err = do_remove(&p, name);
		path_put(&p);
	}
	return err;
}
