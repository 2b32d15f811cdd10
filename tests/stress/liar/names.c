/* SPDX-License-Identifier: MIT */
/* Names and attributes. */
#define _GNU_SOURCE
#include "liar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

void step_names(struct self *t)
{
	const char *a = any_path(t, t->path), *b = any_path(t, t->other);
	int fd;

	switch (below(t, 12)) {
	case 0: result(mkdir(a, 0777)); break;
	case 1: result(rmdir(a)); break;
	case 2: result(unlink(a)); break;
	case 3: result(rename(a, b)); break;
	case 4: result(syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, below(t, 4))); break;
	case 5: result(link(a, b)); break;
	case 6: result(symlink(chance(t, 2) ? "f0" : b, a)); break;
	case 7: result(mknod(a, (chance(t, 2) ? S_IFIFO : S_IFREG) | 0666, 0)); break;
	case 8:
		fd = (int)result(
			open(a, O_CREAT | O_RDWR | O_NONBLOCK | (chance(t, 2) ? O_EXCL : O_TRUNC),
			     0666));
		if (fd >= 0) {
			result(write(fd, t->path, below(t, PATH_SIZE)));
			close(fd);
		}
		break;
	case 9:
		fd = (int)result(open(a, O_TMPFILE | O_RDWR, 0600));
		if (fd >= 0) {
			snprintf(t->path, sizeof(t->path), "/proc/self/fd/%d", fd);
			result(linkat(AT_FDCWD, t->path, AT_FDCWD, b, AT_SYMLINK_FOLLOW));
			close(fd);
		}
		break;
	case 10:
		if (chance(t, 10) && result(mount(a, b, NULL, MS_BIND, NULL)) == 0) {
			result(access(b, R_OK));
			result(umount2(b, MNT_DETACH));
		}
		break;
	default: result(access(a, (int)below(t, 8))); break;
	}
}

/* One buffer of getdents64(2). */
static void check_records(const char *buf, long n)
{
	for (long at = 0; at < n;) {
		const struct dirent64 *d = (const void *)(buf + at);

		if (d->d_reclen < 20 || d->d_reclen > n - at || d->d_reclen % 8) {
			failed("a record's length", d->d_reclen);
			return;
		}
		if (!memchr(d->d_name, 0, d->d_reclen - offsetof(struct dirent64, d_name)) ||
		    !d->d_name[0] || strchr(d->d_name, '/')) {
			failed("a name in a listing", at);
		}
		if (d->d_off < 0) {
			failed("an offset in a listing", d->d_off);
		}
		at += d->d_reclen;
	}
}

void step_listing(struct self *t)
{
	int fd = (int)result(
		open(chance(t, 3) ? "/lies" : any_path(t, t->path), O_RDONLY | O_DIRECTORY));
	long n;

	for (unsigned i = 0; fd >= 0 && i < 20; i++) {
		n = result(syscall(SYS_getdents64, fd, t->buf, 64u << below(t, 11)));
		if (n <= 0) {
			break;
		}
		check_records(t->buf, n);
		if (chance(t, 8)) {
			result(lseek(fd, (off_t)below(t, 5), SEEK_SET));
		}
	}
	if (fd >= 0) {
		result(fsync(fd));
		close(fd);
	}
}

/* Where the process stands: the way up must end. */
static void check_cwd(struct self *t)
{
	if (result(syscall(SYS_getcwd, t->buf, 4096)) > 0 && t->buf[0] != '/' && t->buf[0] != '(') {
		failed("getcwd()", t->buf[0]);
	}
}

void step_directory(struct self *t)
{
	static const char *const names[] = {
		"..", ".", "../d0", "d1", "../..", "d0", "../d1", "f0"
	};
	struct stat st;

	/* One working directory for all threads of the process. */
	if (result(chdir(chance(t, 2) ? any_path(t, t->path) : "/lies/d0")) < 0) {
		return;
	}
	for (unsigned i = 0; i < 8; i++) {
		const char *a = names[below(t, 8)], *b = names[below(t, 8)];

		check_cwd(t);
		switch (below(t, 5)) {
		case 0:
			if (result(fstatat(AT_FDCWD, a, &st, 0)) == 0) {
				check_stat(&st);
			}
			break;
		case 1: result(mkdir(a, 0777)); break;
		case 2: result(rename(a, b)); break;
		default: result(chdir(a)); break;
		}
	}
	result(chdir("/lies"));
}

static void check_xattrs(struct self *t, const char *path)
{
	ssize_t size = result(listxattr(path, NULL, 0)), n;

	if (size > 65536) {
		failed("the size of a list of attributes", size);
	}
	n = result(listxattr(path, t->buf, 65536));
	if (n > 65536 || (n > 0 && t->buf[n - 1])) {
		failed("a list of attributes", n);
	}
	n = result(getxattr(path, "user.x", t->buf, below(t, 2) * 4096));
	if (n > 65536) {
		failed("the size of an attribute", n);
	}
	result(setxattr(path, "user.x", t->buf, below(t, 300), 0));
	if (chance(t, 4)) {
		result(removexattr(path, "user.x"));
	}
}

void step_attributes(struct self *t)
{
	const char *path = any_path(t, t->path);
	struct timespec times[2] = { { 1, 2 }, { -1, UTIME_NOW } };
	struct statfs fs;
	struct stat st;
	long n;

	if (result(chance(t, 2) ? stat(path, &st) : lstat(path, &st)) == 0) {
		check_stat(&st);
	}
	switch (below(t, 8)) {
	case 0: result(chmod(path, below(t, 01000))); break;
	case 1: result(lchown(path, below(t, 3) * 1000, 0)); break;
	case 2: result(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW)); break;
	case 3: result(truncate(path, (off_t)1 << below(t, 40))); break;
	case 4: result(statfs(path, &fs)); break;
	case 5: check_xattrs(t, path); break;
	default:
		n = result(readlink(path, t->buf, 1 + below(t, 5000)));
		if (n > 4096 || (n > 0 && memchr(t->buf, 0, (size_t)n))) {
			failed("a link's target", n);
		}
	}
}
