/* SPDX-License-Identifier: MIT */
/* mkdir, rmdir, link, symlink, readlink, unlink, getdents64, the working directory, and how paths
 * are walked: on the share and on tmpfs.  rename(2) has a test of its own. */
#define _GNU_SOURCE
#include "scratch.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static long links_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? -1 : (long)st.st_nlink;
}
static ino_t inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_ino;
}
static dev_t device_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_dev;
}

static void test_mkdir(void)
{
	struct stat st;
	char name[300];

	CHECK_EQ(mkdir("m", 0750), 0);
	CHECK_EQ(stat("m", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0750);
	CHECK_ERR(mkdir("m", 0755), EEXIST);
	CHECK_ERR(mkdir("m/", 0755), EEXIST);
	CHECK_ERR(mkdir("m/.", 0755), EEXIST);
	CHECK_ERR(mkdir("m/..", 0755), EEXIST);
	CHECK_ERR(mkdir(".", 0755), EEXIST);
	CHECK_ERR(mkdir("/", 0755), EEXIST);
	CHECK_EQ(mkdir("m/sub/", 0755), 0);
	CHECK_ERR(mkdir("m/x/y", 0755), ENOENT);
	CHECK_ERR(mkdir("m/x/.", 0755), ENOENT);
	CHECK_ERR(mkdir("", 0755), ENOENT);
	put_file("file", "x");
	CHECK_ERR(mkdir("file", 0755), EEXIST);
	CHECK_ERR(mkdir("file/", 0755), EEXIST);
	CHECK_ERR(mkdir("file/x", 0755), ENOTDIR);
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_ERR(mkdir("dangling", 0755), EEXIST);
	for (int i = 0; i < BAD_POINTERS; i++)
		CHECK_ERR(mkdir(bad_pointer(i), 0755), EFAULT);
	memset(name, 'd', 256);
	name[256] = 0;
	CHECK_ERR(mkdir(name, 0755), ENAMETOOLONG);
	CHECK_ERR(mkdirat(-1, "x", 0755), EBADF);
	int fd = open("file", O_RDONLY);
	CHECK_ERR(mkdirat(fd, "x", 0755), ENOTDIR);
	close(fd);
	fd = open("m", O_RDONLY);
	CHECK_EQ(mkdirat(fd, "at", 0755), 0);
	CHECK(exists("m/at"));
	CHECK_EQ(links_of("m"), 4);
	CHECK_EQ(links_of("m/at"), 2);
	CHECK_EQ(rmdir("m/at"), 0);
	CHECK_EQ(links_of("m"), 3);
	close(fd);
	/* the sticky bit is kept, set-id bits depend on the file system */
	CHECK_EQ(mkdir("sticky", 01777), 0);
	CHECK_EQ(stat("sticky", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 01755);
	rmdir("sticky");
	rmdir("m/sub");
	rmdir("m");
	unlink("file");
	unlink("dangling");
}

static void test_rmdir(void)
{
	mkdir("r", 0755);
	mkdir("r/sub", 0755);
	put_file("f", "x");
	symlink("r", "l");
	CHECK_ERR(rmdir("r"), ENOTEMPTY);
	CHECK_ERR(rmdir("r/."), EINVAL);
	CHECK_ERR(rmdir("."), EINVAL);
	CHECK_ERR(rmdir("r/.."), ENOTEMPTY);
	CHECK_ERR(rmdir(".."), ENOTEMPTY);
	CHECK_ERR(rmdir("/"), EBUSY);
	CHECK_ERR(rmdir("f"), ENOTDIR);
	CHECK_ERR(rmdir("f/"), ENOTDIR);
	CHECK_ERR(rmdir("l"), ENOTDIR);
	CHECK_ERR(rmdir("l/"), ENOTDIR);
	CHECK_ERR(rmdir("missing"), ENOENT);
	CHECK_ERR(rmdir("missing/"), ENOENT);
	CHECK_ERR(rmdir(""), ENOENT);
	CHECK_ERR(rmdir(bad_kernel), EFAULT);
	CHECK_ERR(unlink("r"), EISDIR);
	CHECK_ERR(unlink("r/"), EISDIR);
	CHECK_ERR(unlink("."), EISDIR);
	CHECK_ERR(unlink(".."), EISDIR);
	CHECK_ERR(unlink("/"), EISDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "r/sub", 0), EISDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "f", 1), EINVAL);
	CHECK_ERR(unlinkat(-1, "f", 0), EBADF);
	CHECK_EQ(unlinkat(AT_FDCWD, "r/sub", AT_REMOVEDIR), 0);
	CHECK_EQ(rmdir("r/"), 0);
	CHECK_ERR(rmdir("r"), ENOENT);
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(unlink("f/x"), ENOTDIR);
	CHECK_ERR(unlink("missing"), ENOENT);
	CHECK_ERR(unlink("missing/"), ENOENT);
	CHECK_ERR(unlink("l/x"), ENOENT);
	CHECK_ERR(unlink(""), ENOENT);
	CHECK_ERR(unlink(bad_null), EFAULT);
	CHECK_EQ(unlink("l"), 0);
	CHECK_EQ(unlink("f"), 0);
}

static void test_link(void)
{
	mkdir("d", 0755);
	put_file("a", "text");
	symlink("a", "s");
	CHECK_EQ(link("a", "b"), 0);
	CHECK_EQ(links_of("a"), 2);
	CHECK_EQ(inode_of("a"), inode_of("b"));
	close(open("b", O_WRONLY | O_TRUNC));
	CHECK_EQ(size_of("a"), 0);
	CHECK_ERR(link("a", "b"), EEXIST);
	CHECK_ERR(link("a", "a"), EEXIST);
	CHECK_ERR(link("a", "d"), EEXIST);
	CHECK_ERR(link("d", "d2"), EPERM);
	CHECK_ERR(link("missing", "x"), ENOENT);
	CHECK_ERR(link("missing", "b"), ENOENT);
	CHECK_ERR(link("a", "missing/x"), ENOENT);
	CHECK_ERR(link("a", "a/x"), ENOTDIR);
	CHECK_ERR(link("a/", "x"), ENOTDIR);
	CHECK_ERR(link("a", "x/"), ENOENT);
	CHECK_ERR(link("", "x"), ENOENT);
	CHECK_ERR(link("a", ""), ENOENT);
	CHECK_ERR(link(bad_kernel, "x"), EFAULT);
	CHECK_ERR(link("a", bad_kernel), EFAULT);
	CHECK_ERR(linkat(AT_FDCWD, "a", AT_FDCWD, "x", 1), EINVAL);
	CHECK_ERR(linkat(-1, "a", AT_FDCWD, "x", 0), EBADF);
	CHECK_ERR(linkat(AT_FDCWD, "a", -1, "x", 0), EBADF);
	/* a link of a symbolic link, and of what it points to */
	CHECK_EQ(link("s", "s2"), 0);
	CHECK_EQ(inode_of("s2"), inode_of("s"));
	CHECK_EQ(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW), 0);
	CHECK_EQ(inode_of("s3"), inode_of("a"));
	CHECK_EQ(links_of("a"), 3);
	/* by descriptor */
	int fd = open("a", O_RDONLY);
	CHECK_EQ(linkat(fd, "", AT_FDCWD, "d/byfd", AT_EMPTY_PATH), 0);
	CHECK_EQ(links_of("a"), 4);
	close(fd);
	/* to another file system */
	if (device_of("/dev") != device_of(".")) { /* not so in a bare chroot */
		CHECK_ERR(link("a", "/dev/no-such-name"), EXDEV);
	}
	unlink("a");
	CHECK_EQ(links_of("b"), 3);
	remove_tree("d");
	unlink("b");
	unlink("s");
	unlink("s2");
	unlink("s3");
}

static void test_symlink(void)
{
	char buf[5000], *e = edge(3), *text = malloc(5000);
	struct stat st;

	CHECK_EQ(symlink("some/target", "s"), 0);
	CHECK_EQ(lstat("s", &st), 0);
	CHECK_EQ(st.st_mode, S_IFLNK | 0777);
	CHECK_EQ(st.st_size, 11);
	CHECK_EQ(readlink("s", buf, sizeof(buf)), 11);
	CHECK(!memcmp(buf, "some/target", 11));
	CHECK_EQ(readlink("s", buf, 4), 4); /* cut off, no NUL */
	CHECK_EQ(readlink("s", e, 3), 3);
	CHECK_ERR(readlink("s", e, 20), EFAULT);
	CHECK_ERR(syscall(SYS_readlink, "s", buf, 0), EINVAL);
	CHECK_ERR(syscall(SYS_readlink, "s", buf, -1), EINVAL);
	CHECK_ERR(syscall(SYS_readlink, "missing", buf, 0), EINVAL);
	CHECK_ERR(readlink("s", bad_kernel, 100), EFAULT);
	CHECK_ERR(readlink(bad_kernel, buf, 100), EFAULT);
	CHECK_ERR(readlink(".", buf, 100), EINVAL);
	CHECK_ERR(readlink("missing", buf, 100), ENOENT);
	CHECK_ERR(readlink("", buf, 100), ENOENT);
	CHECK_ERR(readlink("s/", buf, 100), ENOENT);
	CHECK_ERR(symlink("x", "s"), EEXIST);
	CHECK_ERR(symlink("x", "."), EEXIST);
	CHECK_ERR(symlink("", "t"), ENOENT);
	CHECK_ERR(symlink("x", ""), ENOENT);
	CHECK_ERR(symlink("x", "missing/t"), ENOENT);
	CHECK_ERR(symlink("x", "s/t"), ENOENT);
	CHECK_ERR(symlink("x", "new/"), ENOENT);
	CHECK_ERR(symlink(bad_kernel, "t"), EFAULT);
	CHECK_ERR(symlink("x", bad_kernel), EFAULT);
	memset(text, 't', 4096);
	text[4096] = 0;
	CHECK_ERR(symlink(text, "long"), ENAMETOOLONG);
	text[4000] = 0;
	CHECK_EQ(symlink(text, "long"), 0);
	CHECK_EQ(readlink("long", buf, sizeof(buf)), 4000);
	CHECK(!memcmp(buf, text, 4000));
	unlink("long");
	unlink("s");
	/* forty links in a row are followed, not more */
	put_file("s0", "end");
	for (int i = 1; i <= 41; i++) {
		char from[16], to[16];

		snprintf(from, sizeof(from), "s%d", i);
		snprintf(to, sizeof(to), "s%d", i - 1);
		CHECK_EQ(symlink(to, from), 0);
	}
	CHECK(file_is("s40", "end"));
	CHECK_ERR(open("s41", O_RDONLY), ELOOP);
	CHECK_ERR(stat("s41", &st), ELOOP);
	CHECK_EQ(lstat("s41", &st), 0);
	for (int i = 0; i <= 41; i++) {
		snprintf(buf, sizeof(buf), "s%d", i);
		CHECK_EQ(unlink(buf), 0);
	}
	free(text);
}

static void test_walk(void)
{
	struct stat st, up;

	mkdir("a", 0755);
	mkdir("a/b", 0755);
	put_file("a/b/f", "x");
	symlink("a/b", "ab");
	symlink("../..", "a/b/top");
	CHECK_EQ(stat("a/b/f", &st), 0);
	CHECK_EQ(stat("./a/.//b/../b/./f", &st), 0);
	CHECK_EQ(stat("a///b////f", &st), 0);
	CHECK_EQ(stat("ab/f", &st), 0);
	/* ".." is the target's parent, not the link's */
	CHECK_EQ(stat("ab/..", &st), 0);
	CHECK_EQ(st.st_ino, inode_of("a"));
	CHECK_EQ(stat("a/b/top/a/b/top/a/b/f", &st), 0);
	CHECK_ERR(stat("a/b/f/", &st), ENOTDIR);
	CHECK_ERR(stat("a/b/f/.", &st), ENOTDIR);
	CHECK_ERR(stat("a/b/f/..", &st), ENOTDIR);
	CHECK_ERR(stat("a/b/f/../f", &st), ENOTDIR);
	CHECK_ERR(stat("a/none/../b", &st), ENOENT);
	CHECK_EQ(stat("a/b/", &st), 0);
	CHECK_EQ(lstat("ab/", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(lstat("ab", &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	/* above the root is the root */
	CHECK_EQ(stat("/", &st), 0);
	CHECK_EQ(stat("/../../..", &up), 0);
	CHECK(st.st_ino == up.st_ino && st.st_dev == up.st_dev);
	remove_tree("a");
	unlink("ab");
}

static void test_cwd(void)
{
	char home[PATH_MAX], buf[PATH_MAX], want[PATH_MAX + 16];
	int fd = open(".", O_RDONLY), f;

	CHECK(getcwd(home, sizeof(home)));
	CHECK_EQ(home[0], '/');
	mkdir("w", 0755);
	symlink("w", "wl");
	CHECK_EQ(chdir("wl"), 0);
	CHECK(getcwd(buf, sizeof(buf)));
	snprintf(want, sizeof(want), "%s/w", home);
	CHECK(!strcmp(buf, want));
	CHECK_EQ(syscall(SYS_getcwd, buf, sizeof(buf)), (long)strlen(want) + 1);
	CHECK_EQ(syscall(SYS_getcwd, buf, strlen(want) + 1), (long)strlen(want) + 1);
	CHECK_ERR(syscall(SYS_getcwd, buf, strlen(want)), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, buf, 0), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, bad_kernel, 4096), EFAULT);
	CHECK_ERR(syscall(SYS_getcwd, bad_null, 4096), EFAULT);
	CHECK_EQ(rename("../w", "../w2"), 0);
	CHECK(getcwd(buf, sizeof(buf)));
	CHECK(!strcmp(buf + strlen(home), "/w2"));
	CHECK_EQ(chdir(".."), 0);
	CHECK(getcwd(buf, sizeof(buf)));
	CHECK(!strcmp(buf, home));
	/* in a directory that is gone */
	CHECK_EQ(chdir("w2"), 0);
	CHECK_EQ(rmdir("../w2"), 0);
	CHECK_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	CHECK_ERR(open("x", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_ERR(mkdir("x", 0700), ENOENT);
	CHECK_ERR(symlink("t", "x"), ENOENT);
	f = open(".", O_RDONLY);
	CHECK(f >= 0);
	CHECK_EQ(syscall(SYS_getdents64, f, buf, sizeof(buf)) > 0 ? 1 : 0, 0);
	close(f);
	CHECK_EQ(chdir(".."), 0);
	CHECK(getcwd(buf, sizeof(buf)));
	CHECK(!strcmp(buf, home));
	CHECK_EQ(chdir("/"), 0);
	CHECK(getcwd(buf, sizeof(buf)));
	CHECK(!strcmp(buf, "/"));
	CHECK_EQ(fchdir(fd), 0);
	CHECK_ERR(chdir("missing"), ENOENT);
	CHECK_ERR(chdir(""), ENOENT);
	CHECK_ERR(chdir(bad_kernel), EFAULT);
	put_file("f", "");
	CHECK_ERR(chdir("f"), ENOTDIR);
	f = open("f", O_RDONLY);
	CHECK_ERR(fchdir(f), ENOTDIR);
	CHECK_ERR(syscall(SYS_fchdir, -1), EBADF);
	close(f);
	close(fd);
	unlink("f");
	unlink("wl");
}

static void test_deep(void)
{
	int home = open(".", O_RDONLY), depth = 0;
	char buf[PATH_MAX + 1000];

	/* deeper than PATH_MAX: only relative paths reach it */
	for (; depth < 30; depth++) {
		memset(buf, 'D', 200);
		buf[200] = 0;
		if (mkdir(buf, 0755) || chdir(buf))
			break;
	}
	CHECK_EQ(depth, 30);
	put_file("bottom", "x");
	CHECK_ERR(syscall(SYS_getcwd, buf, sizeof(buf)), ENAMETOOLONG);
	unlink("bottom");
	memset(buf, 'D', 200);
	buf[200] = 0;
	while (depth-- > 0) {
		CHECK_EQ(chdir(".."), 0);
		CHECK_EQ(rmdir(buf), 0);
	}
	CHECK_EQ(fchdir(home), 0);
	close(home);
}

struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static void test_getdents(void)
{
	enum { N = 1000 };
	static char seen[N];
	int dots = 0, total = 0, wrong = 0, fd;
	char buf[1200] __attribute__((aligned(8))), name[64];
	long n;

	memset(seen, 0, sizeof(seen));
	mkdir("many", 0755);
	fd = open("many", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "entry-%d", i);
		close(openat(fd, name, O_CREAT | O_WRONLY, 0600));
	}
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			struct entry *e = (struct entry *)(buf + at);
			int i = -1;

			wrong += e->reclen % 8 || at + e->reclen > n || !e->ino;
			if (!strcmp(e->name, ".") || !strcmp(e->name, "..")) {
				dots++;
				wrong += e->type != DT_DIR;
			} else if (sscanf(e->name, "entry-%d", &i) == 1 && i >= 0 && i < N) {
				seen[i]++;
				wrong += e->type != DT_REG && e->type != DT_UNKNOWN;
			} else {
				wrong++;
			}
			total++;
			at += e->reclen;
		}
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(dots, 2);
	CHECK_EQ(total, N + 2);
	CHECK_EQ(wrong, 0);
	for (int i = 0; i < N; i++)
		wrong += seen[i] != 1;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(syscall(SYS_getdents64, fd, buf, sizeof(buf)), 0);
	/* from the start again, into buffers that are too small or bad */
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, 1), EINVAL);
	CHECK_ERR(syscall(SYS_getdents64, fd, bad_kernel, 1000), EFAULT);
	CHECK_ERR(syscall(SYS_getdents64, -1, buf, 1000), EBADF);
	CHECK(syscall(SYS_getdents64, fd, buf, sizeof(buf)) > 0);
	close(fd);
	put_file("plain", "");
	fd = open("plain", O_RDONLY);
	CHECK_ERR(syscall(SYS_getdents64, fd, buf, sizeof(buf)), ENOTDIR);
	close(fd);
	unlink("plain");
	remove_tree("many");
}

static void test_seekdir(void)
{
	char name[64], order[50][256];
	long place_of[50];
	struct dirent *e;
	int n = 0;
	DIR *d;

	mkdir("sd", 0755);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "sd/f%d", i);
		put_file(name, "");
	}
	d = opendir("sd");
	CHECK(d != NULL);
	while (n < 50) {
		place_of[n] = telldir(d);
		e = readdir(d);
		if (!e)
			break;
		snprintf(order[n++], sizeof(order[0]), "%s", e->d_name);
	}
	CHECK_EQ(n, 42);
	for (int i = n - 1; i >= 0; i -= 3) {
		seekdir(d, place_of[i]);
		e = readdir(d);
		CHECK(e && !strcmp(e->d_name, order[i]));
		/* and on from there */
		if (i + 1 < n) {
			e = readdir(d);
			CHECK(e && !strcmp(e->d_name, order[i + 1]));
		}
	}
	rewinddir(d);
	e = readdir(d);
	CHECK(e && !strcmp(e->d_name, order[0]));
	closedir(d);
	/* removing while reading: each file is seen once */
	d = opendir("sd");
	n = 0;
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "sd/%.60s", e->d_name);
		CHECK_EQ(unlink(name), 0);
		n++;
	}
	CHECK_EQ(n, 40);
	closedir(d);
	CHECK_EQ(rmdir("sd"), 0);
}

static void test_types(void)
{
	DIR *d;
	struct dirent *e;
	int found = 0;

	mkdir("ty", 0755);
	mkdir("ty/dir", 0755);
	put_file("ty/reg", "");
	symlink("x", "ty/lnk");
	CHECK_EQ(mkfifo("ty/fifo", 0600), 0);
	d = opendir("ty");
	while (d && (e = readdir(d))) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "ty/%s", e->d_name);
		CHECK_EQ(lstat(path, &st), 0);
		if (strcmp(e->d_name, ".."))
			CHECK_EQ(st.st_ino, e->d_ino);
		if (e->d_type != DT_UNKNOWN)
			CHECK_EQ(e->d_type, (st.st_mode & S_IFMT) >> 12);
		found++;
	}
	CHECK_EQ(found, 6);
	closedir(d);
	remove_tree("ty");
}

/* Makers and removers of the same names, with somebody who lists: no surprise, and the
 * directory is empty in the end. */
static atomic_int odd_errors;
static void *churn(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;
	char a[32], b[32];

	for (int i = 0; i < 300; i++) {
		snprintf(a, sizeof(a), "race/n%d", rand_r(&seed) % 8);
		snprintf(b, sizeof(b), "race/n%d", rand_r(&seed) % 8);
		int r, k = rand_r(&seed) % 6;

		errno = 0;
		switch (k) {
		case 0: r = mkdir(a, 0755); break;
		case 1: r = rmdir(a); break;
		case 2:
			r = open(a, O_CREAT | O_RDWR, 0600);
			if (r >= 0)
				close(r);
			break;
		case 3: r = unlink(a); break;
		case 4: r = link(a, b); break;
		default: r = rename(a, b);
		}
		if (r < 0 && errno != EEXIST && errno != ENOENT && errno != ENOTDIR &&
		    errno != EISDIR && errno != EPERM && errno != ENOTEMPTY) {
			printf("# operation %d: errno %d\n", k, errno);
			odd_errors++;
		}
	}
	return NULL;
}
static void test_race(void)
{
	pthread_t t[4];

	odd_errors = 0;
	mkdir("race", 0755);
	for (intptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, churn, (void *)(i + 1));
	for (int round = 0; round < 30; round++) {
		DIR *d = opendir("race");

		while (d && readdir(d))
			;
		closedir(d);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(odd_errors, 0);
	for (int i = 0; i < 8; i++) {
		char a[32];

		snprintf(a, sizeof(a), "race/n%d", i);
		remove(a);
	}
	CHECK_EQ(links_of("race"), 2);
	CHECK_EQ(rmdir("race"), 0);
}

static void tests(void)
{
	RUN(test_mkdir);
	RUN(test_rmdir);
	RUN(test_link);
	RUN(test_symlink);
	RUN(test_walk);
	RUN(test_cwd);
	RUN(test_deep);
	RUN(test_getdents);
	RUN(test_seekdir);
	RUN(test_types);
	RUN(test_race);
}
int main(void)
{
	RUN_EVERYWHERE(tests);
	return test_done();
}
