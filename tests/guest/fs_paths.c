/* SPDX-License-Identifier: MIT */
/* Names: walks, symlinks, errors in the right order, create, link, rename, unlink.  In a
 * directory of its own below $TMPDIR or /tmp, and once more beside the program when that can be
 * written (the share). */
#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif
struct my_statx { /* <linux/stat.h> and <sys/stat.h> do not mix under musl */
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, rest[32];
};
#define BASIC_STATS 0x7ff

static char base[256];

static int touch(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0644);

	return fd < 0 ? -1 : close(fd);
}
static int exists(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

static void walks(void)
{
	struct stat a, b;
	char longname[300], deep[PATH_MAX + 10];

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(mkdir("d/e", 0755), 0);
	CHECK_EQ(touch("d/e/f"), 0);
	CHECK_EQ(stat("d/e/f", &a), 0);
	CHECK_EQ(stat("./d//e/../e/./f", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(stat("d/e/../../d/e/f", &b), 0);
	CHECK_EQ(stat("/..", &a), 0);
	CHECK_EQ(stat("/", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_ERR(stat("", &a), ENOENT);
	CHECK_ERR(stat("d/none/f", &a), ENOENT);
	CHECK_ERR(stat("d/e/f/x", &a), ENOTDIR);
	CHECK_ERR(stat("d/e/f/", &a), ENOTDIR);
	CHECK_ERR(stat("d/e/f/.", &a), ENOTDIR);
	CHECK_ERR(stat("d/e/f/..", &a), ENOTDIR);
	CHECK_EQ(stat("d/e/", &a), 0);
	memset(longname, 'x', sizeof(longname));
	longname[255] = 0;
	CHECK_EQ(touch(longname), 0);
	CHECK_EQ(unlink(longname), 0);
	longname[255] = 'x';
	longname[256] = 0;
	CHECK_ERR(stat(longname, &a), ENAMETOOLONG);
	CHECK_ERR(mkdir(longname, 0755), ENAMETOOLONG);
	memset(deep, '/', sizeof(deep));
	memcpy(deep, "d", 1);
	deep[PATH_MAX - 1] = 0;
	CHECK_EQ(stat(deep, &a), 0);
	deep[PATH_MAX - 1] = '/';
	deep[PATH_MAX] = 0;
	CHECK_ERR(stat(deep, &a), ENAMETOOLONG);
	CHECK_ERR(stat((char *)8, &a), EFAULT);
	CHECK_ERR(fstatat(99, "x", &a, 0), EBADF);
	CHECK_EQ(fstatat(99, "/", &a, 0), 0);
	CHECK_EQ(unlink("d/e/f"), 0);
	CHECK_EQ(rmdir("d/e"), 0);
	CHECK_EQ(rmdir("d"), 0);
}

static void symlinks(void)
{
	struct stat st;
	char buf[64];

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(touch("d/f"), 0);
	CHECK_EQ(symlink("d/f", "l"), 0);
	CHECK_EQ(symlink("d", "ld"), 0);
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_EQ(symlink("loop2", "loop1"), 0);
	CHECK_EQ(symlink("loop1", "loop2"), 0);
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 3);
	CHECK(!memcmp(buf, "d/f", 3));
	CHECK_EQ(readlink("l", buf, 2), 2);
	CHECK_ERR(syscall(SYS_readlink, "l", buf, 0), EINVAL);
	CHECK_ERR(readlink("d", buf, 8), EINVAL);
	CHECK_EQ(lstat("l", &st), 0);
	CHECK(S_ISLNK(st.st_mode) && st.st_size == 3);
	CHECK_EQ(stat("l", &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(stat("ld/f", &st), 0);
	CHECK_EQ(lstat("ld/", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(lstat("ld/../l", &st), 0);
	CHECK_ERR(stat("dangling", &st), ENOENT);
	CHECK_ERR(stat("loop1", &st), ELOOP);
	CHECK_ERR(open("loop1", O_CREAT | O_RDWR, 0600), ELOOP);
	CHECK_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("ld", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_ERR(mkdir("dangling", 0700), EEXIST);
	CHECK_ERR(symlink("x", "l"), EEXIST);
	CHECK_ERR(symlink("", "y"), ENOENT);
	/* O_CREAT goes through a dangling link. */
	int fd = open("dangling", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK(exists("nowhere"));
	CHECK_EQ(unlink("nowhere"), 0);
	/* 40 links are fine, 41 are not. */
	CHECK_EQ(symlink("d/f", "s0"), 0);
	for (int i = 1; i < 42; i++) {
		char to[8], from[8];

		snprintf(to, sizeof(to), "s%d", i - 1);
		snprintf(from, sizeof(from), "s%d", i);
		CHECK_EQ(symlink(to, from), 0);
	}
	CHECK_EQ(stat("s39", &st), 0);
	CHECK_ERR(stat("s40", &st), ELOOP);
	for (int i = 0; i < 42; i++) {
		snprintf(buf, sizeof(buf), "s%d", i);
		CHECK_EQ(unlink(buf), 0);
	}
	const char *all[] = { "l", "ld", "dangling", "loop1", "loop2", "d/f" };
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(unlink(all[i]), 0);
	CHECK_EQ(rmdir("d"), 0);
}

static void opens(void)
{
	struct stat st;
	char buf[8];
	int fd;

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	fd = open("f", O_CREAT | O_EXCL | O_WRONLY, 0640);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	close(fd);
	CHECK_ERR(open("f", O_CREAT | O_EXCL | O_WRONLY, 0640), EEXIST);
	CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("d", O_WRONLY), EISDIR);
	CHECK_ERR(open("d", O_RDWR), EISDIR);
	CHECK_ERR(open("d", O_CREAT | O_RDONLY, 0600), EISDIR);
	CHECK_ERR(open("d/", O_CREAT | O_RDONLY, 0600), EISDIR);
	CHECK_ERR(open("new/", O_CREAT | O_RDWR, 0600), EISDIR);
	CHECK_ERR(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("none/x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(open("f/x", O_CREAT | O_RDWR, 0600), ENOTDIR);
	fd = open("d", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, buf, 1), EISDIR);
	CHECK_ERR(write(fd, buf, 1), EBADF);
	close(fd);
	fd = open("f", O_WRONLY | O_TRUNC);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 0);
	close(fd);
	fd = open("f", O_PATH);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, buf, 1), EBADF);
	CHECK_ERR(syscall(SYS_fchmod, fd, 0600), EBADF);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_PATH);
	close(fd);
	/* A file lives on without a name. */
	fd = open("f", O_RDWR);
	CHECK_EQ(unlink("f"), 0);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(pread(fd, buf, 3, 0), 3);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	close(fd);
	mode_t old = umask(077);
	fd = open("f", O_CREAT | O_RDWR, 0666);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	close(fd);
	CHECK_EQ(umask(old), 077);
	CHECK_EQ(unlink("f"), 0);
	CHECK_EQ(rmdir("d"), 0);
}

static void removing(void)
{
	struct stat st;
	int fd;

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(mkdir("d/sub", 0755), 0);
	CHECK_EQ(touch("f"), 0);
	CHECK_ERR(mkdir("d", 0755), EEXIST);
	CHECK_ERR(mkdir("d/", 0755), EEXIST);
	CHECK_ERR(mkdir("f", 0755), EEXIST);
	CHECK_ERR(mkdir("none/x", 0755), ENOENT);
	CHECK_ERR(mkdir("f/x", 0755), ENOTDIR);
	CHECK_ERR(mkdir(".", 0755), EEXIST);
	CHECK_ERR(mkdir("/", 0755), EEXIST);
	CHECK_EQ(mkdir("slash/", 0755), 0);
	CHECK_EQ(rmdir("slash/"), 0);
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(rmdir("f"), ENOTDIR);
	CHECK_ERR(rmdir("d/."), EINVAL);
	CHECK_ERR(rmdir("d/.."), ENOTEMPTY);
	CHECK_ERR(rmdir("none"), ENOENT);
	CHECK_ERR(unlink("d"), EISDIR);
	CHECK_ERR(unlink("d/."), EISDIR);
	CHECK_ERR(unlink("none"), ENOENT);
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(unlink("f/x"), ENOTDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "f", 1), EINVAL);
	CHECK_EQ(stat("d", &st), 0);
	CHECK_EQ(unlinkat(AT_FDCWD, "d/sub", AT_REMOVEDIR), 0);
	/* A removed directory takes no new entries. */
	fd = open("d", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERR(openat(fd, "x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(mkdirat(fd, "x", 0700), ENOENT);
	close(fd);
	CHECK_EQ(unlink("f"), 0);
}

static void links(void)
{
	struct stat a, b;

	CHECK_EQ(touch("a"), 0);
	CHECK_EQ(link("a", "b"), 0);
	CHECK_EQ(stat("a", &a), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_nlink, 2);
	CHECK_ERR(link("a", "b"), EEXIST);
	CHECK_ERR(link("none", "c"), ENOENT);
	CHECK_ERR(link("a", "none/c"), ENOENT);
	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_ERR(link("d", "e"), EPERM);
	CHECK_EQ(rmdir("d"), 0);
	CHECK_EQ(unlink("a"), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(b.st_nlink, 1);
	CHECK_EQ(unlink("b"), 0);
}

static void renames(void)
{
	struct stat st;

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(mkdir("d/sub", 0755), 0);
	CHECK_EQ(mkdir("e", 0755), 0);
	CHECK_EQ(touch("f"), 0);
	CHECK_EQ(touch("g"), 0);
	CHECK_EQ(rename("f", "d/f"), 0);
	CHECK(!exists("f") && exists("d/f"));
	CHECK_EQ(rename("d/f", "g"), 0);
	CHECK(!exists("d/f"));
	CHECK_ERR(rename("none", "x"), ENOENT);
	CHECK_ERR(rename("g", "e"), EISDIR);
	CHECK_ERR(rename("e", "g"), ENOTDIR);
	CHECK_ERR(rename("e", "d"), ENOTEMPTY);
	CHECK_ERR(rename("d", "d/sub/x"), EINVAL);
	CHECK_ERR(rename("d/sub", "d"), ENOTEMPTY);
	CHECK_ERR(rename("g", "x/"), ENOTDIR);
	CHECK_ERR(rename(".", "x"), EBUSY);
	CHECK_EQ(rename("d", "d"), 0);
	CHECK_EQ(rename("e", "d/sub"), 0);
	CHECK(!exists("e"));
	CHECK_EQ(rename("d/sub", "e"), 0);
	CHECK_EQ(rename("d", "moved/"), 0);
	CHECK_EQ(rename("moved", "d"), 0);
	CHECK_EQ(touch("f"), 0);
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "h", RENAME_NOREPLACE), 0);
	errno = 0;
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "h", AT_FDCWD, "g", RENAME_NOREPLACE) == -1 &&
	      errno == EEXIST);
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "h", AT_FDCWD, "g", 64) == -1 && errno == EINVAL);
	CHECK_EQ(syscall(SYS_renameat2, AT_FDCWD, "h", AT_FDCWD, "e", RENAME_EXCHANGE), 0);
	CHECK_EQ(stat("h", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(stat("e", &st), 0);
	CHECK(S_ISREG(st.st_mode));
	/* Two names of one file: nothing happens. */
	CHECK_EQ(link("g", "g2"), 0);
	CHECK_EQ(rename("g", "g2"), 0);
	CHECK(exists("g") && exists("g2"));
	CHECK_EQ(unlink("g"), 0);
	CHECK_EQ(unlink("g2"), 0);
	CHECK_EQ(unlink("e"), 0);
	CHECK_EQ(rmdir("h"), 0);
	CHECK_EQ(rmdir("d"), 0);
}

static void cwd(void)
{
	char buf[512], want[600];
	int fd;

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(chdir("d"), 0);
	CHECK(getcwd(buf, sizeof(buf)) != NULL);
	snprintf(want, sizeof(want), "%s/d", base);
	CHECK(!strcmp(buf, want));
	CHECK_ERR(syscall(SYS_getcwd, buf, (size_t)3), ERANGE);
	fd = open("..", O_RDONLY);
	CHECK_EQ(rename("../d", "../e"), 0);
	CHECK(getcwd(buf, sizeof(buf)) != NULL);
	snprintf(want, sizeof(want), "%s/e", base);
	CHECK(!strcmp(buf, want));
	CHECK_EQ(fchdir(fd), 0);
	CHECK(getcwd(buf, sizeof(buf)) != NULL);
	CHECK(!strcmp(buf, base));
	close(fd);
	CHECK_EQ(chdir("e"), 0);
	CHECK_EQ(rmdir("../e"), 0);
	CHECK_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	CHECK_ERR(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_EQ(chdir(base), 0);
	CHECK_ERR(chdir("none"), ENOENT);
	CHECK_EQ(touch("f"), 0);
	CHECK_ERR(chdir("f"), ENOTDIR);
	CHECK_EQ(unlink("f"), 0);
}

static int read_all(const char *name, char names[][32], int max)
{
	DIR *d = opendir(name);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)) && n < max)
		snprintf(names[n++], 32, "%.31s", e->d_name);
	if (d)
		closedir(d);
	return n;
}
static void listing(void)
{
	static char names[1100][32];
	static char seen[1000];
	char name[64], buf[64];
	int n, fd;

	memset(seen, 0, sizeof(seen));
	CHECK_EQ(mkdir("d", 0755), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d/file%03d", i);
		CHECK_EQ(touch(name), 0);
	}
	n = read_all("d", names, 1100);
	CHECK_EQ(n, 1002);
	for (int i = 0; i < n; i++) {
		if (names[i][0] == 'f')
			seen[atoi(names[i] + 4)]++;
	}
	for (int i = 0; i < 1000 && !test_failed_here; i++)
		CHECK_EQ(seen[i], 1);
	fd = open("d", O_RDONLY);
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 10), EINVAL);
	close(fd);
	CHECK_ERR(syscall(SYS_getdents64, 99, buf, 64), EBADF);
	fd = open("d/file000", O_RDONLY);
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 64), ENOTDIR);
	close(fd);
	/* Removing while reading misses nothing that stays. */
	DIR *dir = opendir("d");
	struct dirent *e;
	int removed = 0;
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == 'f' && !unlinkat(dirfd(dir), e->d_name, 0))
			removed++;
	}
	if (dir)
		closedir(dir);
	CHECK_EQ(removed, 1000);
	CHECK_EQ(rmdir("d"), 0);
}

static void resolve(void)
{
	struct open_how how = { .flags = O_RDONLY };
	int fd;

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(touch("d/f"), 0);
	CHECK_EQ(symlink("/", "d/root"), 0);
	CHECK_EQ(symlink("f", "d/l"), 0);
	int dir = open("d", O_PATH | O_DIRECTORY);
	how.resolve = RESOLVE_BENEATH;
	fd = (int)syscall(SYS_openat2, dir, "l", &how, sizeof(how));
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(syscall(SYS_openat2, dir, "../x", &how, sizeof(how)), EXDEV);
	CHECK_ERR(syscall(SYS_openat2, dir, "/etc", &how, sizeof(how)), EXDEV);
	CHECK_ERR(syscall(SYS_openat2, dir, "root", &how, sizeof(how)), EXDEV);
	how.resolve = RESOLVE_IN_ROOT;
	fd = (int)syscall(SYS_openat2, dir, "/root/../../f", &how, sizeof(how));
	CHECK(fd >= 0);
	close(fd);
	how.resolve = RESOLVE_NO_SYMLINKS;
	CHECK_ERR(syscall(SYS_openat2, dir, "l", &how, sizeof(how)), ELOOP);
	how.resolve = 1 << 20;
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, sizeof(how)), EINVAL);
	how.resolve = 0;
	how.mode = 0600;
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, sizeof(how)), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, dir, "f", &how, (size_t)8), EINVAL);
	close(dir);
	CHECK_EQ(unlink("d/root"), 0);
	CHECK_EQ(unlink("d/l"), 0);
	CHECK_EQ(unlink("d/f"), 0);
	CHECK_EQ(rmdir("d"), 0);
}

static void attributes(void)
{
	struct timespec ts[2] = { { 100, 5 }, { 200, 7 } };
	struct stat st;
	struct statfs fs;

	CHECK_EQ(touch("f"), 0);
	CHECK_EQ(chmod("f", 04711), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 04711);
	CHECK_EQ(utimensat(AT_FDCWD, "f", ts, 0), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 100);
	CHECK_EQ(st.st_mtim.tv_sec, 200);
	CHECK_EQ(st.st_mtim.tv_nsec, 7);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(utimensat(AT_FDCWD, "f", ts, 0), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 100);
	CHECK(st.st_mtim.tv_sec > 1000000);
	ts[1].tv_nsec = 1000000000;
	CHECK_ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	CHECK_EQ(truncate("f", 1000), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_size, 1000);
	CHECK_ERR(truncate("f", -1), EINVAL);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate("none", 0), ENOENT);
	CHECK_EQ(access("f", R_OK | W_OK), 0);
	CHECK_EQ(access("f", F_OK), 0);
	CHECK_ERR(access("none", F_OK), ENOENT);
	CHECK_ERR(access("f", 8), EINVAL);
	CHECK_EQ(chmod("f", 0600), 0);
	CHECK_ERR(access("f", X_OK), EACCES);
	CHECK_EQ(statfs("f", &fs), 0);
	CHECK(fs.f_namelen >= 255 && fs.f_bsize > 0);
	struct my_statx x;
	CHECK_EQ(syscall(SYS_statx, AT_FDCWD, "f", 0, BASIC_STATS, &x), 0);
	CHECK_EQ(x.size, 1000);
	CHECK_EQ(x.mode & 0777, 0600);
	CHECK_EQ(x.ino, st.st_ino);
	CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "f", 0x8000, BASIC_STATS, &x), EINVAL);
	CHECK_EQ(unlink("f"), 0);
}

static void all_in(const char *where)
{
	printf("# in %s\n", where);
	snprintf(base, sizeof(base), "%s/fs_paths.%d", where, (int)getpid());
	if (mkdir(base, 0755) || chdir(base)) {
		printf("Bail out! cannot write there (errno %d)\n", errno);
		exit(1);
	}
	RUN(walks);
	RUN(symlinks);
	RUN(opens);
	RUN(removing);
	RUN(links);
	RUN(renames);
	RUN(cwd);
	RUN(listing);
	RUN(resolve);
	RUN(attributes);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(rmdir(base), 0);
}
int main(int argc, char **argv)
{
	char *here = strrchr(argv[0], '/'), dir[200], real[200];

	umask(022);
	all_in("/tmp");
	if (here && here - argv[0] < 190) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(here - argv[0]), argv[0]);
		if (realpath(dir[0] ? dir : "/", real) && strcmp(real, "/"))
			all_in(real);
		else
			all_in("");
	}
	return test_done();
}
