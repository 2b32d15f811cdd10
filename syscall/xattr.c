/* SPDX-License-Identifier: MIT */
/* Extended attributes. */
#include <syscall/at.h>
#include <syscall/syscalls.h>

#include <fs/path.h>
#include <fs/xattr.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

/* The file: of a path (PATH, LINK: the symlink itself) or of a descriptor. */
enum which { PATH, LINK, FD };
union target {
	user_ptr path;
	int fd;
};
static int find(enum which which, union target t, struct path *p)
{
	if (which == FD) {
		return at_file(t.fd, p);
	}
	return at_lookup(AT_FDCWD, t.path, which == PATH ? LOOKUP_FOLLOW : 0, p);
}
static int get_name(char *name, user_ptr user)
{
	long n = copy_string_from_user(name, user, XATTR_NAME_MAX + 1);

	if (n == -ENAMETOOLONG || n == 0) {
		return -ERANGE;
	}
	return n < 0 ? (int)n : 0;
}

static long set(enum which which, union target t, user_ptr uname, user_ptr value, size_t size,
		int flags)
{
	char name[XATTR_NAME_MAX + 1];
	struct path p;
	void *v;
	long err = find(which, t, &p);

	if (err) {
		return err;
	}
	err = flags & ~(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL : get_name(name, uname);
	if (!err && size > XATTR_SIZE_MAX) {
		err = -E2BIG;
	}
	if (err) {
		goto out;
	}
	v = kmalloc(size ? size : 1);
	err = v ? copy_from_user(v, value, size) : -ENOMEM;
	if (!err) {
		err = vfs_setxattr(&p, name, v, size, flags);
	}
	kfree(v);
out:
	path_put(&p);
	return err;
}

/* A value (uname given) or the list of names into the caller's buffer. */
static long get(enum which which, union target t, const user_ptr *uname, user_ptr to, size_t size)
{
	char name[XATTR_NAME_MAX + 1];
	char *buf = NULL;
	struct path p;
	long n = find(which, t, &p);

	if (n) {
		return n;
	}
	n = uname ? get_name(name, *uname) : 0;
	size = MIN(size, (size_t)(uname ? XATTR_SIZE_MAX : XATTR_LIST_MAX));
	if (!n && size) {
		buf = kmalloc(size);
		n = buf ? 0 : -ENOMEM;
	}
	if (!n) {
		n = uname ? vfs_getxattr(&p, name, buf, size) : vfs_listxattr(&p, buf, size);
	}
	if (n > 0 && size && copy_to_user(to, buf, (size_t)n)) {
		n = -EFAULT;
	}
	kfree(buf);
	path_put(&p);
	return n;
}

static long drop(enum which which, union target t, user_ptr uname)
{
	char name[XATTR_NAME_MAX + 1];
	struct path p;
	long err = find(which, t, &p);

	if (!err) {
		err = get_name(name, uname);
		if (!err) {
			err = vfs_removexattr(&p, name);
		}
		path_put(&p);
	}
	return err;
}

long sys_setxattr(user_ptr path, user_ptr name, user_ptr value, size_t size, int flags)
{
	return set(PATH, (union target){ .path = path }, name, value, size, flags);
}
long sys_getxattr(user_ptr path, user_ptr name, user_ptr value, size_t size)
{
	return get(PATH, (union target){ .path = path }, &name, value, size);
}
long sys_listxattr(user_ptr path, user_ptr list, size_t size)
{
	return get(PATH, (union target){ .path = path }, NULL, list, size);
}
long sys_removexattr(user_ptr path, user_ptr name)
{
	return drop(PATH, (union target){ .path = path }, name);
}

long sys_lsetxattr(user_ptr path, user_ptr name, user_ptr value, size_t size, int flags)
{
	return set(LINK, (union target){ .path = path }, name, value, size, flags);
}
long sys_lgetxattr(user_ptr path, user_ptr name, user_ptr value, size_t size)
{
	return get(LINK, (union target){ .path = path }, &name, value, size);
}
long sys_llistxattr(user_ptr path, user_ptr list, size_t size)
{
	return get(LINK, (union target){ .path = path }, NULL, list, size);
}
long sys_lremovexattr(user_ptr path, user_ptr name)
{
	return drop(LINK, (union target){ .path = path }, name);
}

long sys_fsetxattr(int fd, user_ptr name, user_ptr value, size_t size, int flags)
{
	return set(FD, (union target){ .fd = fd }, name, value, size, flags);
}
long sys_fgetxattr(int fd, user_ptr name, user_ptr value, size_t size)
{
	return get(FD, (union target){ .fd = fd }, &name, value, size);
}
long sys_flistxattr(int fd, user_ptr list, size_t size)
{
	return get(FD, (union target){ .fd = fd }, NULL, list, size);
}
long sys_fremovexattr(int fd, user_ptr name)
{
	return drop(FD, (union target){ .fd = fd }, name);
}
