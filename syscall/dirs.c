/* SPDX-License-Identifier: MIT */
/* Directories and names: reading, making, removing, linking, renaming; the working directory. */
#include <syscall/at.h>
#include <syscall/syscalls.h>

#include <fs/context.h>
#include <fs/dentry.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <fs/pathname.h>
#include <fs/readdir.h>
#include <fs/vfs.h>
#include <lib/string.h>
#include <linux/dirent.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

/* --- getdents --- */
struct getdents {
	struct dir_context ctx;
	user_ptr buf;
	size_t left, done;
	bool old_form;
	bool too_small; /* not even the first record fits */
	int err;
};
static bool emit_record(struct dir_context *ctx, const char *name, size_t len, uint64_t ino,
			unsigned type, uint64_t next_pos)
{
	struct getdents *g = container_of(ctx, struct getdents, ctx);
	size_t head = g->old_form ? sizeof(struct linux_dirent) : sizeof(struct linux_dirent64);
	size_t size = ALIGN_UP(head + len + (g->old_form ? 2 : 1), (size_t)8);
	char rec[sizeof(struct linux_dirent64) + NAME_MAX + 16];
	struct linux_dirent64 *d64 = (struct linux_dirent64 *)rec;

	if (len > NAME_MAX) {
		return true; /* no Linux program could name it */
	}
	if (size > g->left) {
		g->too_small = g->done == 0;
		return false;
	}
	memset(rec, 0, size);
	d64->d_ino = ino;
	d64->d_off = (int64_t)next_pos;
	d64->d_reclen = (uint16_t)size;
	if (g->old_form) {
		rec[size - 1] = (char)type;
	} else {
		d64->d_type = (uint8_t)type;
	}
	memcpy(rec + head, name, len);
	g->err = copy_to_user(user_ptr_add(g->buf, g->done), rec, size);
	if (g->err) {
		return false;
	}
	g->done += size;
	g->left -= size;
	return true;
}
static long getdents(int fd, user_ptr buf, unsigned count, bool old_form)
{
	struct getdents g = {
		.ctx.emit = emit_record, .buf = buf, .left = count, .old_form = old_form
	};
	struct file *f;
	int err = fd_get(fd, &f);

	if (err) {
		return err;
	}
	err = file_readdir(f, &g.ctx);
	file_put(f);
	if (g.done) {
		return (long)g.done;
	}
	if (!err) {
		err = g.err;
	}
	return !err && g.too_small ? -EINVAL : err;
}
long sys_getdents(int fd, user_ptr buf, unsigned count)
{
	return getdents(fd, buf, count, true);
}
long sys_getdents64(int fd, user_ptr buf, unsigned count)
{
	return getdents(fd, buf, count, false);
}

/* --- one name --- */
long sys_mkdirat(int dirfd, user_ptr path, uint32_t mode)
{
	struct pathname name;
	long err = pathname_get(&name, path);

	if (!err) {
		err = vfs_mkdir(dirfd, name.s, mode);
		pathname_put(&name);
	}
	return err;
}
long sys_mkdir(user_ptr path, uint32_t mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}
long sys_mknodat(int dirfd, user_ptr path, uint32_t mode, unsigned dev)
{
	struct pathname name;
	long err = pathname_get(&name, path);

	if (!err) {
		err = vfs_mknod(dirfd, name.s, mode, dev);
		pathname_put(&name);
	}
	return err;
}
long sys_mknod(user_ptr path, uint32_t mode, unsigned dev)
{
	return sys_mknodat(AT_FDCWD, path, mode, dev);
}
static long remove_name(int dirfd, user_ptr path, bool dir)
{
	struct pathname name;
	long err = pathname_get(&name, path);

	if (!err) {
		err = vfs_unlink(dirfd, name.s, dir);
		pathname_put(&name);
	}
	return err;
}
long sys_unlinkat(int dirfd, user_ptr path, int flags)
{
	return flags & ~AT_REMOVEDIR ? -EINVAL : remove_name(dirfd, path, flags & AT_REMOVEDIR);
}
long sys_unlink(user_ptr path)
{
	return remove_name(AT_FDCWD, path, false);
}
long sys_rmdir(user_ptr path)
{
	return remove_name(AT_FDCWD, path, true);
}

/* --- two names --- */
struct two_names {
	struct pathname a, b;
};
static int two_names_get(struct two_names *n, user_ptr a, user_ptr b)
{
	int err = pathname_get(&n->a, a);

	if (!err) {
		err = pathname_get(&n->b, b);
		if (err) {
			pathname_put(&n->a);
		}
	}
	return err;
}
static void two_names_put(struct two_names *n)
{
	pathname_put(&n->a);
	pathname_put(&n->b);
}
long sys_symlinkat(user_ptr target, int dirfd, user_ptr path)
{
	struct two_names n;
	long err = two_names_get(&n, target, path);

	if (!err) {
		err = vfs_symlink(n.a.s, dirfd, n.b.s);
		two_names_put(&n);
	}
	return err;
}
long sys_symlink(user_ptr target, user_ptr path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}
long sys_linkat(int olddirfd, user_ptr old, int newdirfd, user_ptr new, int flags)
{
	struct two_names n;
	long err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
		return -EINVAL;
	}
	err = two_names_get(&n, old, new);
	if (!err) {
		err = vfs_link(olddirfd, n.a.s, newdirfd, n.b.s, flags);
		two_names_put(&n);
	}
	return err;
}
long sys_link(user_ptr old, user_ptr new)
{
	return sys_linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}
long sys_renameat2(int olddirfd, user_ptr old, int newdirfd, user_ptr new, unsigned flags)
{
	struct two_names n;
	long err;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
		return -EINVAL;
	}
	err = two_names_get(&n, old, new);
	if (!err) {
		err = vfs_rename(olddirfd, n.a.s, newdirfd, n.b.s, flags);
		two_names_put(&n);
	}
	return err;
}
long sys_renameat(int olddirfd, user_ptr old, int newdirfd, user_ptr new)
{
	return sys_renameat2(olddirfd, old, newdirfd, new, 0);
}
long sys_rename(user_ptr old, user_ptr new)
{
	return sys_renameat2(AT_FDCWD, old, AT_FDCWD, new, 0);
}

/* --- working directory and root --- */
long sys_getcwd(user_ptr buf, size_t size)
{
	static const char prefix[] = "(unreachable)";
	char *tmp = kmalloc(PATH_MAX + sizeof(prefix)), *s;
	bool reachable;
	struct path p;
	long n;

	if (!tmp) {
		return -ENOMEM;
	}
	fs_get_cwd(&p);
	if (p.dentry->unhashed) {
		n = -ENOENT;
		goto out;
	}
	s = vfs_path_string_root(&p, tmp + sizeof(prefix), PATH_MAX, &reachable);
	if (s && !reachable) {
		s -= sizeof(prefix) - 1;
		memcpy(s, prefix, sizeof(prefix) - 1);
	}
	n = s ? (long)strlen(s) + 1 : -ENAMETOOLONG;
	if (n > 0 && (size_t)n > size) {
		n = -ERANGE;
	}
	if (n > 0 && copy_to_user(buf, s, (size_t)n)) {
		n = -EFAULT;
	}
out:
	path_put(&p);
	kfree(tmp);
	return n;
}
static long change_dir(user_ptr path, int (*set)(const struct path *p))
{
	struct path p;
	long err = at_lookup(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (!err) {
		err = set(&p);
		path_put(&p);
	}
	return err;
}
long sys_chdir(user_ptr path)
{
	return change_dir(path, fs_chdir);
}
long sys_chroot(user_ptr path)
{
	return change_dir(path, fs_chroot);
}
long sys_fchdir(int fd)
{
	struct fdref r;
	long err = fdref_get_any(fd, &r);

	if (!err) {
		err = r.file->path.dentry ? fs_chdir(&r.file->path) : -ENOTDIR;
		fdref_put(&r);
	}
	return err;
}
long sys_umask(uint32_t mask)
{
	return fs_set_umask(mask & 0777);
}

/* --- mounts --- */
long sys_mount(user_ptr source, user_ptr target, user_ptr type, uint64_t flags, user_ptr data)
{
	char kind[32], options[128];
	struct pathname where;
	long err;

	if (user_ptr_is_null(type)) {
		kind[0] = '\0';
	} else {
		err = copy_string_from_user(kind, type, sizeof(kind));
		if (err < 0) {
			return err == -ENAMETOOLONG ? -ENODEV : err;
		}
	}
	options[0] = '\0';
	if (!user_ptr_is_null(data)) {
		err = copy_string_from_user(options, data, sizeof(options));
		if (err < 0) {
			return err == -ENAMETOOLONG ? -EINVAL : err;
		}
	}
	err = pathname_get(&where, target);
	if (!err) {
		err = vfs_mount_type(kind, where.s, options, flags);
		pathname_put(&where);
	}
	return err;
}
long sys_umount2(user_ptr target, int flags)
{
	struct pathname where;
	long err = pathname_get(&where, target);

	if (!err) {
		err = vfs_umount(where.s, flags);
		pathname_put(&where);
	}
	return err;
}
