/* SPDX-License-Identifier: MIT */
/* stat family, statx, access, chmod, chown, timestamps, statfs, what another user may do: on the
 * share and on tmpfs. */
#define _GNU_SOURCE
#include "scratch.h"

#include <limits.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>
#include <utime.h>

struct statx_buf {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct {
		int64_t sec;
		uint32_t nsec, pad;
	} atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id, more[13];
};
static int xstat(int dir, const char *path, int flags, unsigned mask, void *out)
{
	return (int)syscall(SYS_statx, dir, path, flags, mask, out);
}

static int newer(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}
static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
}

static void test_stat(void)
{
	struct stat st, other;
	struct timespec now;
	int fd = make_file("f", "12345");

	symlink("f", "s");
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 0);
	CHECK(st.st_blksize >= 512);
	CHECK(st.st_ino != 0);
	CHECK(st.st_mtime >= now.tv_sec - 100 && st.st_mtime <= now.tv_sec + 100);
	CHECK_EQ(fstat(fd, &other), 0);
	CHECK_EQ(other.st_ino, st.st_ino);
	CHECK_EQ(other.st_dev, st.st_dev);
	CHECK_EQ(stat("s", &other), 0);
	CHECK_EQ(other.st_ino, st.st_ino);
	CHECK_EQ(lstat("s", &other), 0);
	CHECK(S_ISLNK(other.st_mode));
	CHECK_EQ(other.st_size, 1);
	CHECK_EQ(fstatat(AT_FDCWD, "s", &other, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISLNK(other.st_mode));
	CHECK_EQ(syscall(SYS_newfstatat, fd, "", &other, AT_EMPTY_PATH), 0);
	CHECK_EQ(other.st_ino, st.st_ino);
	CHECK_ERR(syscall(SYS_newfstatat, fd, "", &other, 0), ENOENT);
	CHECK_ERR(syscall(SYS_newfstatat, fd, "x", &other, 0), ENOTDIR);
	CHECK_ERR(syscall(SYS_newfstatat, -1, "f", &other, 0), EBADF);
	CHECK_ERR(syscall(SYS_newfstatat, AT_FDCWD, "f", &other, 1), EINVAL);
	CHECK_ERR(syscall(SYS_newfstatat, AT_FDCWD, "missing", &other, 1), EINVAL);
	CHECK_ERR(syscall(SYS_stat, "missing", &st), ENOENT);
	CHECK_ERR(syscall(SYS_stat, "f/x", &st), ENOTDIR);
	CHECK_ERR(syscall(SYS_stat, "", &st), ENOENT);
	CHECK_ERR(syscall(SYS_fstat, -1, &st), EBADF);
	CHECK_ERR(syscall(SYS_fstat, -1, bad_kernel), EBADF);
	for (int i = 0; i < BAD_POINTERS; i++) {
		CHECK_ERR(syscall(SYS_stat, bad_pointer(i), &st), EFAULT);
		CHECK_ERR(syscall(SYS_stat, "f", bad_pointer(i)), EFAULT);
		CHECK_ERR(syscall(SYS_fstat, fd, bad_pointer(i)), EFAULT);
		CHECK_ERR(syscall(SYS_lstat, "f", bad_pointer(i)), EFAULT);
	}
	CHECK_ERR(syscall(SYS_stat, "missing", bad_kernel), ENOENT);
	CHECK_ERR(syscall(SYS_stat, "f", edge(sizeof(st) - 1)), EFAULT);
	CHECK_EQ(syscall(SYS_stat, "f", edge(sizeof(st))), 0);
	close(fd);
	unlink("s");
	unlink("f");
}

static void test_sizes(void)
{
	struct stat st;
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	static char buf[100000];

	CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	fsync(fd);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 100000);
	CHECK(st.st_blocks >= 100000 / 512 && st.st_blocks < 400);
	CHECK_EQ(ftruncate(fd, 7ll << 32), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_size, 7ll << 32);
	close(fd);
	unlink("f");
}

static void test_statx(void)
{
	struct statx_buf x;
	struct stat st;
	int fd = make_file("f", "123");

	_Static_assert(sizeof(x) == 256, "struct statx");
	CHECK_EQ(stat("f", &st), 0);
	memset(&x, 0xff, sizeof(x));
	CHECK_EQ(xstat(AT_FDCWD, "f", 0, 0x7ff, &x), 0);
	CHECK_EQ(x.mask & 0x7ff, 0x7ff);
	CHECK_EQ(x.mode, S_IFREG | 0644);
	CHECK_EQ(x.size, 3);
	CHECK_EQ(x.ino, st.st_ino);
	CHECK_EQ(x.nlink, 1);
	CHECK_EQ(x.uid, 0);
	CHECK_EQ(makedev(x.dev_major, x.dev_minor), st.st_dev);
	CHECK_EQ(x.mtime.sec, st.st_mtim.tv_sec);
	CHECK_EQ(x.mtime.nsec, st.st_mtim.tv_nsec);
	CHECK_EQ(x.blksize, st.st_blksize);
	CHECK_EQ(x.spare, 0);
	CHECK_EQ(xstat(fd, "", AT_EMPTY_PATH, 0x7ff, &x), 0);
	CHECK_EQ(x.ino, st.st_ino);
	CHECK_ERR(xstat(fd, "", 0, 0x7ff, &x), ENOENT);
	CHECK_ERR(xstat(AT_FDCWD, "missing", 0, 0x7ff, &x), ENOENT);
	CHECK_ERR(xstat(AT_FDCWD, "f", 1, 0x7ff, &x), EINVAL);
	CHECK_ERR(xstat(AT_FDCWD, "f", 0x6000, 0x7ff, &x), EINVAL);
	CHECK_ERR(xstat(AT_FDCWD, "f", 0, 0x80000000, &x), EINVAL);
	CHECK_ERR(xstat(AT_FDCWD, "f", 0, 0x7ff, bad_kernel), EFAULT);
	CHECK_ERR(xstat(AT_FDCWD, bad_kernel, 0, 0x7ff, &x), EFAULT);
	CHECK_ERR(xstat(-1, "f", 0, 0x7ff, &x), EBADF);
	CHECK_EQ(xstat(AT_FDCWD, "f", 0x2000 /* FORCE_SYNC */, 0x7ff, &x), 0);
	CHECK_EQ(xstat(AT_FDCWD, "f", 0x4000 /* DONT_SYNC */, 0x7ff, &x), 0);
	CHECK_EQ(x.size, 3);
	close(fd);
	unlink("f");
}

static void test_access(void)
{
	put_file("f", "");
	mkdir("d", 0755);
	symlink("none", "dangling");
	CHECK_EQ(chmod("f", 0644), 0);
	CHECK_EQ(access("f", F_OK), 0);
	CHECK_EQ(access("f", R_OK | W_OK), 0);
	/* root runs what somebody may run */
	CHECK_ERR(access("f", X_OK), EACCES);
	chmod("f", 0100);
	CHECK_EQ(access("f", R_OK | W_OK | X_OK), 0);
	chmod("f", 0);
	CHECK_EQ(access("f", R_OK | W_OK), 0);
	CHECK_ERR(access("f", X_OK), EACCES);
	chmod("d", 0);
	CHECK_EQ(access("d", R_OK | W_OK | X_OK), 0);
	CHECK_ERR(access("f", 8), EINVAL);
	CHECK_ERR(access("f", -1), EINVAL);
	CHECK_ERR(access("missing", 8), EINVAL);
	CHECK_ERR(access("missing", F_OK), ENOENT);
	CHECK_ERR(access("f/x", F_OK), ENOTDIR);
	CHECK_ERR(access("", F_OK), ENOENT);
	CHECK_ERR(access("dangling", F_OK), ENOENT);
	CHECK_ERR(access(bad_kernel, F_OK), EFAULT);
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS), 0);
	CHECK_ERR(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 1), EINVAL);
	CHECK_ERR(syscall(SYS_faccessat, -1, "f", R_OK), EBADF);
	unlink("f");
	rmdir("d");
	unlink("dangling");
}

static void test_chmod(void)
{
	struct stat st, before;
	int fd = make_file("f", "x");

	CHECK_EQ(stat("f", &before), 0);
	nap();
	CHECK_EQ(chmod("f", 07777), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 07777);
	CHECK(newer(st.st_ctim, before.st_ctim));
	CHECK_EQ(st.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(chmod("f", 0170644), 0); /* the type is not part of it */
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	symlink("f", "s");
	CHECK_EQ(chmod("s", 0640), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_ERR(chmod("missing", 0600), ENOENT);
	CHECK_ERR(chmod("f/x", 0600), ENOTDIR);
	CHECK_ERR(chmod("", 0600), ENOENT);
	CHECK_ERR(chmod(bad_kernel, 0600), EFAULT);
	CHECK_ERR(syscall(SYS_fchmod, -1, 0600), EBADF);
	CHECK_ERR(syscall(SYS_fchmodat, -1, "f", 0600), EBADF);
	unlink("s");
	close(fd);
	unlink("f");
}

static void test_chown(void)
{
	struct stat st;
	int fd = make_file("f", "x");

	symlink("f", "s");
	CHECK_EQ(chown("f", 1000, 2000), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(st.st_gid, 2000);
	CHECK_EQ(chown("f", (uid_t)-1, 3000), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(st.st_gid, 3000);
	CHECK_EQ(fchown(fd, 7, (gid_t)-1), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(lchown("s", 5, 5), 0);
	CHECK_EQ(lstat("s", &st), 0);
	CHECK_EQ(st.st_uid, 5);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(fchownat(fd, "", 8, 8, AT_EMPTY_PATH), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_uid, 8);
	/* set-id bits go with the owner, group-exec decides about set-gid */
	CHECK_EQ(chmod("f", 06755), 0);
	CHECK_EQ(chown("f", 9, (gid_t)-1), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0755);
	CHECK_EQ(chmod("f", 02745), 0);
	CHECK_EQ(chown("f", 0, 0), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 02745);
	CHECK_ERR(chown("missing", 0, 0), ENOENT);
	CHECK_ERR(chown(bad_kernel, 0, 0), EFAULT);
	CHECK_ERR(fchown(-1, 0, 0), EBADF);
	CHECK_ERR(fchownat(AT_FDCWD, "f", 0, 0, 1), EINVAL);
	close(fd);
	unlink("s");
	unlink("f");
}

static void test_set_times(void)
{
	struct timespec ts[2] = { { 1000000000, 123456789 }, { 2000000000, 987654321 } };
	struct timespec before_epoch[2] = { { -5, 1000 }, { 1ll << 32, 0 } };
	struct stat st, before;
	int fd = make_file("f", "x");

	CHECK_EQ(stat("f", &before), 0);
	nap();
	CHECK_EQ(utimensat(AT_FDCWD, "f", ts, 0), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000000000);
	CHECK_EQ(st.st_atim.tv_nsec, 123456789);
	CHECK_EQ(st.st_mtim.tv_sec, 2000000000);
	CHECK_EQ(st.st_mtim.tv_nsec, 987654321);
	CHECK(newer(st.st_ctim, before.st_ctim));
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(futimens(fd, ts), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000000000);
	CHECK(labs(st.st_mtim.tv_sec - before.st_mtim.tv_sec) < 100);
	ts[1].tv_nsec = UTIME_OMIT;
	CHECK_EQ(futimens(fd, ts), 0);
	CHECK_EQ(futimens(fd, NULL), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK(labs(st.st_atim.tv_sec - before.st_mtim.tv_sec) < 100);
	CHECK_EQ(futimens(fd, before_epoch), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, -5);
	CHECK_EQ(st.st_mtim.tv_sec, 1ll << 32);
	ts[0].tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", ts, 0), EINVAL);
	ts[0].tv_nsec = -1;
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", ts, 0), EINVAL);
	ts[0].tv_nsec = 0;
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", ts, 1), EINVAL);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "f", bad_kernel, 0), EFAULT);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, bad_kernel, ts, 0), EFAULT);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, "missing", ts, 0), ENOENT);
	CHECK_ERR(syscall(SYS_utimensat, -1, NULL, ts, 0), EBADF);
	/* a link's own times */
	symlink("f", "s");
	ts[0] = (struct timespec){ 77, 0 };
	ts[1] = (struct timespec){ 78, 0 };
	CHECK_EQ(utimensat(AT_FDCWD, "s", ts, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_EQ(lstat("s", &st), 0);
	CHECK_EQ(st.st_mtim.tv_sec, 78);
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mtim.tv_sec, 1ll << 32);
	CHECK_EQ(utime("f", &(struct utimbuf){ 11, 12 }), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK(st.st_atime == 11 && st.st_mtime == 12 && st.st_mtim.tv_nsec == 0);
	CHECK_EQ(syscall(SYS_utimes, "f", (struct timeval[]){ { 1, 2 }, { 3, 4 } }), 0);
	CHECK_EQ(stat("f", &st), 0);
	CHECK(st.st_mtim.tv_sec == 3 && st.st_mtim.tv_nsec == 4000);
	CHECK_ERR(syscall(SYS_utimes, "f", (struct timeval[]){ { 1, 1000000 }, { 3, 4 } }), EINVAL);
	close(fd);
	unlink("s");
	unlink("f");
}

/* Which operation moves which time. */
static struct stat was;
static void moved(const char *path, int mtime, int ctime, int line)
{
	struct stat st;

	CHECK_EQ(stat(path, &st), 0);
	if (newer(st.st_mtim, was.st_mtim) != mtime || newer(st.st_ctim, was.st_ctim) != ctime) {
		printf("# line %d: %s: mtime %s, ctime %s\n", line, path,
		       newer(st.st_mtim, was.st_mtim) ? "moved" : "stayed",
		       newer(st.st_ctim, was.st_ctim) ? "moved" : "stayed");
		test_failed_here = 1;
	}
}
#define MOVES(path, call, m, c)                \
	do {                                   \
		CHECK_EQ(stat(path, &was), 0); \
		nap();                         \
		CHECK((call) >= 0);            \
		moved(path, m, c, __LINE__);   \
	} while (0)
static void test_implied_times(void)
{
	int fd = make_file("f", "0123456789");
	char c;

	mkdir("d", 0755);
	MOVES("f", write(fd, "x", 1), 1, 1);
	MOVES("f", pread(fd, &c, 1, 0), 0, 0);
	MOVES("f", ftruncate(fd, 5), 1, 1);
	MOVES("f", close(open("f", O_WRONLY | O_TRUNC)), 1, 1);
	MOVES("f", chmod("f", 0600), 0, 1);
	MOVES("f", link("f", "g"), 0, 1);
	MOVES("f", unlink("g"), 0, 1);
	MOVES("d", close(open("d/x", O_CREAT | O_WRONLY, 0600)), 1, 1);
	MOVES("d", rename("d/x", "d/y"), 1, 1);
	MOVES("d", mkdir("d/sub", 0755), 1, 1);
	MOVES("d", rename("d/y", "d/sub/y"), 1, 1);
	MOVES("d", close(open("d/sub/z", O_CREAT | O_WRONLY, 0600)), 0, 0);
	MOVES("d", rmdir("d/none") == -1 ? 0 : -1, 0, 0);
	MOVES("d/sub", unlink("d/sub/y"), 1, 1);
	close(fd);
	remove_tree("d");
	unlink("f");
}

static void test_statfs(void)
{
	struct statfs s;
	int fd = open(".", O_RDONLY);

	CHECK_EQ(syscall(SYS_statfs, ".", &s), 0);
	CHECK(s.f_bsize >= 512);
	CHECK(s.f_blocks == 0 || s.f_bfree <= s.f_blocks);
	CHECK_EQ(s.f_namelen, 255);
	if (!strcmp(place, "tmpfs"))
		CHECK_EQ(s.f_type, 0x01021994);
	CHECK_EQ(syscall(SYS_fstatfs, fd, &s), 0);
	CHECK_ERR(syscall(SYS_statfs, "missing", &s), ENOENT);
	CHECK_ERR(syscall(SYS_statfs, ".", bad_kernel), EFAULT);
	CHECK_ERR(syscall(SYS_statfs, bad_kernel, &s), EFAULT);
	CHECK_ERR(syscall(SYS_fstatfs, -1, &s), EBADF);
	close(fd);
}

/* In a child that is not root. */
static void as_user(void)
{
	struct stat st;
	int fd;

	CHECK_EQ(setgid(1000), 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(open("secret", O_RDONLY), EACCES);
	CHECK_ERR(open("readable", O_RDWR), EACCES);
	CHECK_ERR(open("readable", O_RDONLY | O_TRUNC), EACCES);
	fd = open("readable", O_RDONLY);
	CHECK(fd >= 0);
	CHECK_ERR(fchmod(fd, 0777), EPERM);
	close(fd);
	CHECK_ERR(access("secret", R_OK), EACCES);
	CHECK_EQ(access("secret", F_OK), 0);
	CHECK_EQ(access("readable", R_OK), 0);
	CHECK_ERR(access("readable", W_OK), EACCES);
	CHECK_ERR(chmod("readable", 0777), EPERM);
	CHECK_ERR(chown("readable", 1000, 1000), EPERM);
	CHECK_ERR(stat("closed/f", &st), EACCES);
	CHECK_ERR(chdir("closed"), EACCES);
	CHECK_ERR(open("closed", O_RDONLY), EACCES);
	CHECK_ERR(open("new", O_RDWR | O_CREAT, 0600), EACCES);
	CHECK_ERR(mkdir("new", 0700), EACCES);
	CHECK_ERR(unlink("readable"), EACCES);
	CHECK_ERR(rename("readable", "x"), EACCES);
	CHECK_ERR(truncate("readable", 0), EACCES);
	CHECK_ERR(utimensat(AT_FDCWD, "readable", (struct timespec[]){ { 1, 1 }, { 1, 1 } }, 0),
		  EPERM);
	CHECK_ERR(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
	/* sticky: everybody makes files, only owners remove them */
	fd = open("sticky/mine", O_RDWR | O_CREAT, 0400);
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(st.st_gid, 1000);
	close(fd);
	CHECK_ERR(open("sticky/mine", O_RDWR), EACCES);
	CHECK_EQ(chmod("sticky/mine", 0600), 0);
	CHECK_ERR(unlink("sticky/roots"), EPERM);
	CHECK_ERR(rename("sticky/roots", "sticky/x"), EPERM);
	CHECK_EQ(utimensat(AT_FDCWD, "group", NULL, 0), 0);
	CHECK_EQ(chown("sticky/mine", (uid_t)-1, 1000), 0);
	CHECK_ERR(chown("sticky/mine", (uid_t)-1, 2000), EPERM);
	CHECK_ERR(chown("sticky/mine", 0, (gid_t)-1), EPERM);
	CHECK_EQ(unlink("sticky/mine"), 0);
	/* the group's bits, not the others' */
	fd = open("group", O_RDWR);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(open("nogroup", O_RDONLY), EACCES);
}
static void test_other_user(void)
{
	put_file("secret", "s");
	chmod("secret", 0600);
	put_file("readable", "r");
	mkdir("closed", 0700);
	put_file("closed/f", "f");
	mkdir("sticky", 01777);
	chmod("sticky", 01777);
	put_file("sticky/roots", "r");
	put_file("group", "g");
	chmod("group", 0660);
	chown("group", 0, 1000);
	put_file("nogroup", "g");
	chmod("nogroup", 0604);
	chown("nogroup", 0, 1000);
	CHECK_EQ(in_child(as_user), 0);
}

static void tests(void)
{
	RUN(test_stat);
	RUN(test_sizes);
	RUN(test_statx);
	RUN(test_access);
	RUN(test_chmod);
	RUN(test_chown);
	RUN(test_set_times);
	RUN(test_implied_times);
	RUN(test_statfs);
	RUN(test_other_user);
}
int main(void)
{
	RUN_EVERYWHERE(tests);
	return test_done();
}
