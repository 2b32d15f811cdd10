/* SPDX-License-Identifier: MIT */
/* open(2), openat, openat2, creat, close: flags, modes, descriptors, errors; on the share and on
 * tmpfs. */
#define _GNU_SOURCE
#include "scratch.h"

#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

static int flags_of(int fd)
{
	return fcntl(fd, F_GETFL) & ~0100000; /* O_LARGEFILE */
}

static void test_create(void)
{
	struct stat st;
	int fd = open("new", O_RDWR | O_CREAT, 0640), dup;

	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(flags_of(fd), O_RDWR);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(write(fd, "text", 4), 4);
	/* again: no truncation, the mode is not touched */
	dup = open("new", O_RDWR | O_CREAT, 0777);
	CHECK_EQ(fstat(dup, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_size, 4);
	close(dup);
	close(fd);
	CHECK_ERR(open("new", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK(file_is("new", "text"));
	fd = open("new", O_WRONLY | O_TRUNC);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 0);
	close(fd);
	CHECK_EQ(size_of("new"), 0);
	fd = creat("new2", 0604);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0604);
	CHECK_EQ(flags_of(fd), O_WRONLY);
	close(fd);
	unlink("new");
	unlink("new2");
}

static void test_umask(void)
{
	struct stat st;
	mode_t old = umask(027);

	CHECK_EQ(old, 022);
	close(open("masked", O_RDWR | O_CREAT, 0777));
	CHECK_EQ(stat("masked", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0750);
	CHECK_EQ(mkdir("maskeddir", 0777), 0);
	CHECK_EQ(stat("maskeddir", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0750);
	CHECK_EQ(umask(07777), 027); /* only nine bits count */
	CHECK_EQ(umask(old), 0777);
	/* the creator may read although the mode forbids: the descriptor is made with the file */
	int fd = open("none", O_RDWR | O_CREAT, 0);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(pread(fd, &st, 1, 0), 1);
	close(fd);
	unlink("none");
	unlink("masked");
	rmdir("maskeddir");
}

static void test_access_modes(void)
{
	char c;
	int fd = make_file("modes", "abc"), i;

	close(fd);
	fd = open("modes", O_RDONLY);
	CHECK_EQ(flags_of(fd), O_RDONLY);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_ERR(write(fd, "x", 1), EBADF);
	CHECK_ERR(pwrite(fd, "x", 1, 0), EBADF);
	CHECK_ERR(write(fd, bad_kernel, 1), EBADF);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);
	close(fd);
	fd = open("modes", O_WRONLY);
	CHECK_EQ(flags_of(fd), O_WRONLY);
	CHECK_ERR(read(fd, &c, 1), EBADF);
	CHECK_ERR(pread(fd, &c, 1, 0), EBADF);
	CHECK_EQ(write(fd, "x", 1), 1);
	close(fd);
	fd = open("modes", 3); /* for ioctl only: neither read nor write */
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, &c, 1), EBADF);
	CHECK_ERR(write(fd, &c, 1), EBADF);
	close(fd);
	/* closed, negative, huge */
	int bad[] = { fd, -1, -100, 1 << 20, INT32_MAX };
	for (i = 0; i < 5; i++) {
		CHECK_ERR(read(bad[i], &c, 1), EBADF);
		CHECK_ERR(write(bad[i], &c, 1), EBADF);
		CHECK_ERR(close(bad[i]), EBADF);
		CHECK_ERR(lseek(bad[i], 0, SEEK_SET), EBADF);
		CHECK_ERR(fcntl(bad[i], F_GETFD), EBADF);
		CHECK_ERR(openat(bad[i] == -100 ? -99 : bad[i], "modes", O_RDONLY), EBADF);
	}
	unlink("modes");
}

static void test_append(void)
{
	int a = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600), b = open("log", O_RDWR);

	CHECK_EQ(flags_of(a), O_WRONLY | O_APPEND);
	CHECK_EQ(write(a, "one", 3), 3);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 3);
	CHECK_EQ(lseek(b, 0, SEEK_END), 3);
	CHECK_EQ(write(b, "two", 3), 3);
	CHECK_EQ(lseek(a, 0, SEEK_SET), 0);
	CHECK_EQ(write(a, "three", 5), 5);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 11);
	/* pwrite on an O_APPEND file appends: Linux's documented bug */
	CHECK_EQ(pwrite(a, "!", 1, 0), 1);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 11);
	CHECK(file_is("log", "onetwothree!"));
	/* off and on again */
	CHECK_EQ(fcntl(a, F_SETFL, 0), 0);
	CHECK_EQ(pwrite(a, "O", 1, 0), 1);
	CHECK_EQ(fcntl(a, F_SETFL, O_APPEND), 0);
	CHECK_EQ(pwrite(a, "?", 1, 0), 1);
	CHECK(file_is("log", "Onetwothree!?"));
	close(a);
	close(b);
	unlink("log");
}

/* Several writers of one log: no record may be lost or torn. */
static void *append_records(void *arg)
{
	int fd = open("many", O_WRONLY | O_APPEND);
	char record[32];

	for (int i = 0; i < 200; i++) {
		snprintf(record, sizeof(record), "%c %6d %20s\n", (char)(intptr_t)arg, i, "x");
		if (write(fd, record, 30) != 30)
			break;
	}
	close(fd);
	return NULL;
}
static void test_append_race(void)
{
	int seen[4] = { 0 }, fd = open("many", O_RDWR | O_CREAT, 0600), torn = 0;
	char record[31] = "";
	pthread_t t[4];

	for (intptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, append_records, (void *)('a' + i));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(size_of("many"), 4 * 200 * 30);
	while (read(fd, record, 30) == 30) {
		int who = record[0] - 'a';

		/* each writer's records come in their order */
		if (who < 0 || who > 3 || atoi(record + 2) != seen[who]++ || record[29] != '\n')
			torn++;
	}
	CHECK_EQ(torn, 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(seen[i], 200);
	close(fd);
	unlink("many");
}

static void test_directories(void)
{
	int d, fd;
	char c;

	mkdir("d", 0755);
	put_file("d/f", "x");
	d = open("d", O_RDONLY | O_DIRECTORY);
	CHECK(d >= 0);
	CHECK_EQ(flags_of(d), O_DIRECTORY);
	CHECK_ERR(read(d, &c, 1), EISDIR);
	CHECK_ERR(pread(d, &c, 1, 0), EISDIR);
	CHECK_ERR(write(d, &c, 1), EBADF);
	CHECK_ERR(open("d", O_WRONLY), EISDIR);
	CHECK_ERR(open("d", O_RDWR), EISDIR);
	CHECK_ERR(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("d", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("d", O_RDONLY | O_TRUNC), EISDIR);
	CHECK_ERR(open("d/f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("d/f/", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("d/f/g", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("d/f/..", O_RDONLY), ENOTDIR);
	CHECK_ERR(open("d/new/", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("d/new", O_RDONLY | O_DIRECTORY), ENOENT);
	CHECK_ERR(open("d/new/x", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_ERR(open("d", O_RDWR | O_CREAT | O_DIRECTORY, 0600), EINVAL);
	fd = openat(d, "f", O_RDONLY);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_ERR(openat(fd, "f", O_RDONLY), ENOTDIR);
	close(fd);
	/* an absolute path does not look at the descriptor */
	fd = openat(-1, "/", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(openat(-1, "d", O_RDONLY), EBADF);
	/* relative to a directory that is gone */
	unlink("d/f");
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERR(openat(d, "f", O_RDONLY | O_CREAT, 0600), ENOENT);
	CHECK_ERR(openat(d, "f", O_RDONLY), ENOENT);
	fd = openat(d, ".", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	close(d);
}

static void test_symlinks(void)
{
	int fd;

	put_file("target", "T");
	mkdir("dir", 0755);
	symlink("target", "link");
	symlink("dir", "dirlink");
	symlink("missing", "dangling");
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	CHECK_ERR(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("link", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("dangling", O_RDONLY), ENOENT);
	CHECK_ERR(open("dangling", O_RDWR | O_CREAT | O_NOFOLLOW, 0600), ELOOP);
	CHECK_ERR(open("loop1", O_RDONLY), ELOOP);
	CHECK_ERR(open("loop1/x", O_RDONLY), ELOOP);
	CHECK_ERR(open("dirlink", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("dirlink", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open("link", O_RDONLY | O_DIRECTORY), ENOTDIR);
	/* a slash at the end follows, O_NOFOLLOW or not */
	fd = open("dirlink/", O_RDONLY | O_NOFOLLOW);
	CHECK(fd >= 0);
	close(fd);
	fd = open("dirlink/.", O_RDONLY | O_NOFOLLOW);
	CHECK(fd >= 0);
	close(fd);
	/* O_CREAT through a dangling link makes the target */
	fd = open("dangling", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(exists("missing"));
	close(fd);
	unlink("missing");
	symlink("dir/deep", "deep");
	fd = open("deep", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && exists("dir/deep"));
	close(fd);
	unlink("dir/deep");
	unlink("deep");
	rmdir("dir");
	unlink("dirlink");
	unlink("loop1");
	unlink("loop2");
	unlink("dangling");
	unlink("link");
	unlink("target");
}

static void test_o_path(void)
{
	struct stat st;
	char c, text[64];
	int fd, d, again;

	put_file("p", "path");
	symlink("p", "plink");
	fd = open("p", O_PATH);
	CHECK(fd >= 0);
	CHECK_EQ(flags_of(fd), O_PATH);
	CHECK_ERR(read(fd, &c, 1), EBADF);
	CHECK_ERR(write(fd, &c, 1), EBADF);
	CHECK_ERR(lseek(fd, 0, SEEK_SET), EBADF);
	CHECK_ERR(ftruncate(fd, 0), EBADF);
	CHECK_ERR(syscall(SYS_fchmod, fd, 0600), EBADF); /* musl's fchmod goes on by /proc */
	CHECK_ERR(fsync(fd), EBADF);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EBADF);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 4);
	CHECK_EQ(fstatat(fd, "", &st, AT_EMPTY_PATH), 0);
	again = fcntl(fd, F_DUPFD, 0);
	CHECK(again >= 0);
	CHECK_EQ(flags_of(again), O_PATH);
	close(again);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	again = open(text, O_RDONLY);
	CHECK(again >= 0 && read(again, &c, 1) == 1 && c == 'p');
	close(again);
	close(fd);
	/* most other flags are ignored: nothing is made, nothing is truncated */
	CHECK_ERR(open("pnew", O_PATH | O_CREAT, 0600), ENOENT);
	close(open("p", O_PATH | O_TRUNC));
	CHECK(file_is("p", "path"));
	fd = open("plink", O_PATH | O_NOFOLLOW);
	CHECK(fd >= 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(readlinkat(fd, "", text, sizeof(text)), 1);
	close(fd);
	d = open(".", O_PATH | O_DIRECTORY);
	CHECK(d >= 0);
	fd = openat(d, "p", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(fchdir(d), 0);
	close(d);
	CHECK_ERR(open("p", O_PATH | O_DIRECTORY), ENOTDIR);
	unlink("plink");
	unlink("p");
}

static void test_bad_paths(void)
{
	char *name = malloc(8192), *e = edge(5);

	for (int i = 0; i < BAD_POINTERS; i++) {
		CHECK_ERR(open(bad_pointer(i), O_RDONLY), EFAULT);
		CHECK_ERR(open(bad_pointer(i), O_RDWR | O_CREAT, 0600), EFAULT);
	}
	/* a string that runs into a hole, and one that ends just before it */
	memcpy(e, "name5", 5);
	CHECK_ERR(open(e, O_RDONLY), EFAULT);
	e[4] = 0;
	CHECK_ERR(open(e, O_RDONLY), ENOENT);
	CHECK_ERR(open("", O_RDONLY), ENOENT);
	CHECK_ERR(open("", O_RDWR | O_CREAT, 0600), ENOENT);
	/* a bad path is looked at before the descriptor */
	CHECK_ERR(openat(-1, bad_kernel, O_RDONLY), EFAULT);
	CHECK_ERR(openat(-1, "", O_RDONLY), ENOENT);
	/* a component has 255 bytes, a path 4095 */
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERR(open(name, O_RDONLY), ENAMETOOLONG);
	CHECK_ERR(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
	name[255] = 0;
	CHECK_ERR(open(name, O_RDONLY), ENOENT);
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(unlink(name), 0);
	for (int i = 0; i < 8190; i += 2)
		memcpy(name + i, "./", 2);
	name[4096] = 0;
	CHECK_ERR(open(name, O_RDONLY), ENAMETOOLONG);
	name[4095] = 0; /* ends in '.' */
	fd = open(name, O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	/* many slashes are one */
	memset(name, '/', 4000);
	name[4000] = 0;
	fd = open(name, O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	free(name);
}

static void test_descriptors(void)
{
	struct rlimit old, few;
	int a = open(".", O_RDONLY), b = open(".", O_RDONLY), c;

	/* the lowest free number */
	close(a);
	c = open(".", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(c, a);
	CHECK_EQ(fcntl(c, F_GETFD), FD_CLOEXEC);
	close(c);
	close(b);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)a + 2;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
	a = open(".", O_RDONLY);
	b = open(".", O_RDONLY);
	CHECK(a >= 0 && b >= 0);
	CHECK_ERR(open(".", O_RDONLY), EMFILE);
	/* the table is looked at before the path: nothing is made */
	CHECK_ERR(open("not-made", O_RDWR | O_CREAT, 0600), EMFILE);
	CHECK_ERR(open("missing", O_RDONLY), EMFILE);
	CHECK_ERR(dup(a), EMFILE);
	CHECK_ERR(dup2(a, (int)few.rlim_cur), EBADF);
	CHECK_ERR(fcntl(a, F_DUPFD, (int)few.rlim_cur), EINVAL);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
	CHECK(!exists("not-made"));
	close(a);
	close(b);
}

static void test_many_descriptors(void)
{
	struct rlimit old, more;
	int fds[1000], base = open("/dev/null", O_RDWR), n = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	more = old;
	if (more.rlim_cur < 2000 && more.rlim_max >= 2000)
		more.rlim_cur = 2000;
	setrlimit(RLIMIT_NOFILE, &more);
	for (; n < 1000; n++) {
		fds[n] = dup(base);
		if (fds[n] < 0)
			break;
	}
	CHECK_EQ(n, 1000);
	for (int i = 1; i < n; i++)
		CHECK(fds[i] > fds[i - 1]);
	CHECK(fds[999] >= base + 1000);
	while (n > 0)
		CHECK_EQ(close(fds[--n]), 0);
	close(base);
	setrlimit(RLIMIT_NOFILE, &old);
}

static int open2(const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

static void test_openat2(void)
{
	struct open_how_long {
		struct open_how how;
		uint64_t more;
	} longer = { .how.flags = O_RDONLY };
	int fd;

	mkdir("d2", 0755);
	put_file("d2/f", "x");
	symlink("f", "d2/s");
	symlink("..", "d2/up");
	symlink("/", "d2/abs");
	fd = open2("d2/f", O_RDONLY, 0, 0);
	CHECK(fd >= 0);
	close(fd);
	/* unlike open(2), what makes no sense is refused */
	CHECK_ERR(open2("d2/f", O_RDONLY, 0600, 0), EINVAL);
	CHECK_ERR(open2("d2/f", 1ull << 40, 0, 0), EINVAL);
	CHECK_ERR(open2("d2/f", O_RDONLY, 0, 1ull << 40), EINVAL);
	CHECK_ERR(open2("d2/g", O_CREAT | O_RDWR, 0200000, 0), EINVAL);
	CHECK_ERR(open2("d2/s", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2("d2/up/d2/f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2("d2/abs", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2("d2/../../x", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERR(open2("/", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	fd = open2("d2/../d2/f", O_RDONLY, 0, RESOLVE_BENEATH);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(open2("d2/f", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
	fd = open2("/d2/../../../d2/f", O_RDONLY, 0, RESOLVE_IN_ROOT);
	CHECK(fd >= 0);
	close(fd);
	/* the size says which version of the struct it is */
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "d2/f", &longer, 0), EINVAL);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "d2/f", &longer, 23), EINVAL);
	fd = (int)syscall(SYS_openat2, AT_FDCWD, "d2/f", &longer, sizeof(longer));
	CHECK(fd >= 0);
	close(fd);
	longer.more = 1;
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "d2/f", &longer, sizeof(longer)), E2BIG);
	CHECK_ERR(syscall(SYS_openat2, AT_FDCWD, "d2/f", bad_kernel, sizeof(struct open_how)),
		  EFAULT);
	remove_tree("d2");
}

static void test_unlinked(void)
{
	struct stat st;
	char buf[8];
	int fd = make_file("gone", "still here"), other;

	CHECK_EQ(unlink("gone"), 0);
	CHECK_ERR(open("gone", O_RDONLY), ENOENT);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(read(fd, buf, 5), 5);
	CHECK_EQ(pwrite(fd, "STILL", 5, 0), 5);
	CHECK_EQ(ftruncate(fd, 5), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 5);
	/* a new file of that name is another file */
	other = make_file("gone", "new");
	CHECK_EQ(pread(fd, buf, 8, 0), 5);
	CHECK(!memcmp(buf, "STILL", 5));
	CHECK(file_is("gone", "new"));
	close(other);
	close(fd);
	unlink("gone");
}

/* Many threads that open with O_EXCL: one wins each name. */
static atomic_int winners, losers, surprises;
static void *exclusive(void *arg)
{
	char name[16];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "excl%d", i);
		int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd >= 0)
			winners++;
		else if (errno == EEXIST)
			losers++;
		else
			surprises++;
		close(fd);
	}
	return arg;
}
static void test_exclusive_race(void)
{
	pthread_t t[4];
	char name[16];

	winners = losers = surprises = 0;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, exclusive, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(winners, 100);
	CHECK_EQ(losers, 300);
	CHECK_EQ(surprises, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "excl%d", i);
		CHECK_EQ(unlink(name), 0);
	}
}

static void test_special(void)
{
	struct stat st;
	int fd;

	CHECK_EQ(mknod("node", S_IFREG | 0600, 0), 0);
	CHECK_EQ(stat("node", &st), 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_ERR(mknod("node", S_IFREG | 0600, 0), EEXIST);
	CHECK_ERR(mknod("dirnode", S_IFDIR | 0700, 0), EPERM);
	CHECK_ERR(mknod("badnode", 0170000 | 0700, 0), EINVAL);
	unlink("node");
	fd = open("tmpfile", O_RDWR | O_CREAT | O_SYNC | O_NONBLOCK | O_NOCTTY, 0600);
	CHECK_EQ(flags_of(fd), O_RDWR | O_SYNC | O_NONBLOCK);
	close(fd);
	unlink("tmpfile");
	CHECK_ERR(open("missing/x", O_RDWR | O_TMPFILE, 0600), ENOENT);
	CHECK_ERR(open(".", O_RDONLY | O_TMPFILE, 0600), EINVAL);
	fd = open(".", O_RDWR | O_TMPFILE, 0600);
	if (fd >= 0) { /* may be EOPNOTSUPP */
		CHECK_EQ(fstat(fd, &st), 0);
		CHECK_EQ(st.st_nlink, 0);
		CHECK_EQ(write(fd, "tmp", 3), 3);
		close(fd);
	} else {
		CHECK_EQ(errno, EOPNOTSUPP);
	}
}

static void tests(void)
{
	RUN(test_create);
	RUN(test_umask);
	RUN(test_access_modes);
	RUN(test_append);
	RUN(test_append_race);
	RUN(test_directories);
	RUN(test_symlinks);
	RUN(test_o_path);
	RUN(test_bad_paths);
	RUN(test_descriptors);
	RUN(test_many_descriptors);
	RUN(test_openat2);
	RUN(test_unlinked);
	RUN(test_exclusive_race);
	RUN(test_special);
}
int main(void)
{
	RUN_EVERYWHERE(tests);
	return test_done();
}
