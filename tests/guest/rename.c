/* SPDX-License-Identifier: MIT */
/* rename(2), renameat, renameat2: what replaces what, errors, flags, races; on the share and on
 * tmpfs. */
#define _GNU_SOURCE
#include "scratch.h"

#include <pthread.h>
#include <stdatomic.h>

#define NOREPLACE 1
#define EXCHANGE 2
#define WHITEOUT 4

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
static int rename2(const char *from, const char *to, unsigned flags)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void test_files(void)
{
	struct stat st;
	int fd;

	put_file("a", "A");
	ino_t ino = inode_of("a");
	CHECK_EQ(rename("a", "b"), 0);
	CHECK(!exists("a"));
	CHECK(file_is("b", "A"));
	CHECK_EQ(inode_of("b"), ino);
	/* over a file: the old one lives as long as it is open */
	put_file("c", "C");
	fd = open("c", O_RDONLY);
	CHECK_EQ(rename("b", "c"), 0);
	CHECK(file_is("c", "A"));
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	char ch;
	CHECK_EQ(read(fd, &ch, 1), 1);
	CHECK_EQ(ch, 'C');
	close(fd);
	/* to itself, and to another link of the same file: nothing happens */
	CHECK_EQ(rename("c", "c"), 0);
	CHECK_EQ(link("c", "d"), 0);
	CHECK_EQ(rename("c", "d"), 0);
	CHECK(exists("c") && exists("d"));
	/* an open descriptor follows the file */
	fd = open("c", O_RDWR);
	unlink("d");
	CHECK_EQ(rename("c", "e"), 0);
	CHECK_EQ(pwrite(fd, "E", 1, 0), 1);
	CHECK(file_is("e", "E"));
	close(fd);
	unlink("e");
}

static void test_directories(void)
{
	mkdir("d1", 0755);
	mkdir("d1/sub", 0755);
	put_file("d1/sub/f", "deep");
	mkdir("empty", 0755);
	mkdir("full", 0755);
	put_file("full/x", "x");
	put_file("file", "F");
	CHECK_EQ(rename("d1", "d2"), 0);
	CHECK(file_is("d2/sub/f", "deep"));
	CHECK_EQ(rename("d2", "empty"), 0); /* replaces an empty one */
	CHECK(file_is("empty/sub/f", "deep"));
	CHECK(!exists("d2"));
	CHECK_ERR(rename("empty", "full"), ENOTEMPTY);
	CHECK_ERR(rename("empty", "file"), ENOTDIR);
	CHECK_ERR(rename("file", "empty"), EISDIR);
	CHECK_ERR(rename("file", "full"), EISDIR);
	/* below itself */
	CHECK_ERR(rename("empty", "empty/x"), EINVAL);
	CHECK_ERR(rename("empty", "empty/sub/x"), EINVAL);
	CHECK_ERR(rename("empty", "empty/sub"), EINVAL);
	/* onto its own parent */
	CHECK_ERR(rename("empty/sub", "empty"), ENOTEMPTY);
	CHECK_ERR(rename("empty/sub/f", "empty"), ENOTEMPTY);
	/* to another parent: ".." changes with it */
	CHECK_EQ(rename("empty/sub", "full/sub"), 0);
	CHECK_EQ(inode_of("full/sub/.."), inode_of("full"));
	CHECK(file_is("full/sub/../sub/f", "deep"));
	struct stat st;
	CHECK_EQ(stat("full", &st), 0);
	CHECK_EQ(st.st_nlink, 3);
	CHECK_EQ(stat("empty", &st), 0);
	CHECK_EQ(st.st_nlink, 2);
	remove_tree("empty");
	remove_tree("full");
	unlink("file");
}

static void test_slashes_and_dots(void)
{
	mkdir("d", 0755);
	put_file("f", "x");
	CHECK_EQ(rename("d/", "e/"), 0);
	CHECK(exists("e"));
	CHECK_EQ(rename("e/", "d"), 0);
	CHECK_ERR(rename("f/", "g"), ENOTDIR);
	CHECK_ERR(rename("f", "g/"), ENOTDIR);
	CHECK_ERR(rename("d/.", "e"), EBUSY);
	CHECK_ERR(rename("d/..", "e"), EBUSY);
	CHECK_ERR(rename("d", "e/."), ENOENT);
	CHECK_ERR(rename("f", "d/."), EBUSY);
	CHECK_ERR(rename("f", "d/.."), EBUSY);
	CHECK_ERR(rename(".", "e"), EBUSY);
	CHECK_ERR(rename("f", "."), EBUSY);
	CHECK_ERR(rename("/", "e"), strcmp(place, "tmpfs") ? EBUSY : EXDEV);
	CHECK_ERR(rename("f", "/"), strcmp(place, "tmpfs") ? EBUSY : EXDEV);
	CHECK_ERR(rename("missing", "e"), ENOENT);
	CHECK_ERR(rename("missing/", "e"), ENOENT);
	CHECK_ERR(rename("f", "missing/e"), ENOENT);
	CHECK_ERR(rename("f", "f/e"), ENOTDIR);
	CHECK_ERR(rename("f/e", "x"), ENOTDIR);
	CHECK_ERR(rename("", "x"), ENOENT);
	CHECK_ERR(rename("f", ""), ENOENT);
	for (int i = 0; i < BAD_POINTERS; i++) {
		CHECK_ERR(rename(bad_pointer(i), "x"), EFAULT);
		CHECK_ERR(rename("f", bad_pointer(i)), EFAULT);
	}
	CHECK_ERR(renameat(-1, "f", AT_FDCWD, "x"), EBADF);
	CHECK_ERR(renameat(AT_FDCWD, "f", -1, "x"), EBADF);
	if (device_of("/dev") != device_of(".")) { /* not so in a bare chroot */
		CHECK_ERR(rename("f", "/dev/some-name"), EXDEV);
	}
	char *name = malloc(300);
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERR(rename("f", name), ENAMETOOLONG);
	CHECK_ERR(rename(name, "f"), ENAMETOOLONG);
	free(name);
	CHECK_EQ(unlink("f"), 0);
	CHECK_EQ(rmdir("d"), 0);
}

static void test_symlinks(void)
{
	put_file("t", "T");
	mkdir("d", 0755);
	symlink("t", "s");
	symlink("d", "ds");
	symlink("none", "dangling");
	/* the link itself moves, and is what is replaced */
	CHECK_EQ(rename("s", "s2"), 0);
	CHECK(file_is("s2", "T"));
	CHECK(file_is("t", "T"));
	put_file("u", "U");
	CHECK_EQ(rename("u", "s2"), 0);
	CHECK(file_is("t", "T"));
	CHECK(file_is("s2", "U"));
	CHECK_EQ(rename("s2", "dangling"), 0);
	CHECK(file_is("dangling", "U"));
	CHECK_ERR(rename("ds/", "x"), ENOTDIR);
	CHECK_ERR(rename("d", "ds"), ENOTDIR);
	CHECK_EQ(rename("dangling", "ds"), 0);
	CHECK(file_is("ds", "U"));
	unlink("t");
	unlink("ds");
	rmdir("d");
}

static void test_flags(void)
{
	put_file("a", "A");
	put_file("b", "B");
	mkdir("d", 0755);
	put_file("d/in", "I");
	CHECK_ERR(rename2("a", "b", NOREPLACE), EEXIST);
	CHECK_ERR(rename2("a", "a", NOREPLACE), EEXIST);
	CHECK_ERR(rename2("a", "d", NOREPLACE), EEXIST);
	CHECK_EQ(rename2("a", "c", NOREPLACE), 0);
	CHECK(file_is("c", "A"));
	CHECK_EQ(rename2("c", "a", 0), 0);
	CHECK_ERR(rename2("a", "c", EXCHANGE), ENOENT);
	CHECK_ERR(rename2("missing", "a", EXCHANGE), ENOENT);
	CHECK_ERR(rename2("a", "b", NOREPLACE | EXCHANGE), EINVAL);
	CHECK_ERR(rename2("a", "b", 8), EINVAL);
	CHECK_ERR(rename2("missing", "b", 8), EINVAL);
	CHECK_ERR(rename2("a", "b", EXCHANGE | WHITEOUT), EINVAL);
	CHECK_EQ(rename2("a", "b", EXCHANGE), 0);
	CHECK(file_is("a", "B"));
	CHECK(file_is("b", "A"));
	/* a file with a directory that is not empty */
	CHECK_EQ(rename2("a", "d", EXCHANGE), 0);
	CHECK(file_is("d", "B"));
	CHECK(file_is("a/in", "I"));
	CHECK_EQ(rename2("d", "a", EXCHANGE), 0);
	CHECK(file_is("a", "B"));
	CHECK_ERR(rename2("d", "d/in", EXCHANGE), EINVAL);
	CHECK_ERR(rename2("d/in", "d", EXCHANGE), EINVAL);
	/* across directories */
	CHECK_EQ(rename2("a", "d/in", EXCHANGE), 0);
	CHECK(file_is("a", "I"));
	CHECK(file_is("d/in", "B"));
	remove_tree("d");
	unlink("a");
	unlink("b");
}

static void test_at(void)
{
	int x, y;

	mkdir("x", 0755);
	mkdir("y", 0755);
	put_file("x/f", "F");
	x = open("x", O_RDONLY | O_DIRECTORY);
	y = open("y", O_PATH | O_DIRECTORY);
	CHECK_EQ(renameat(x, "f", y, "g"), 0);
	CHECK(file_is("y/g", "F"));
	CHECK_EQ(rename("y", "z"), 0);
	CHECK_EQ(renameat(y, "g", x, "../h"), 0);
	CHECK(file_is("h", "F"));
	CHECK_EQ(rmdir("x"), 0);
	CHECK_ERR(renameat(AT_FDCWD, "h", x, "h"), ENOENT);
	CHECK_ERR(renameat(x, "h", AT_FDCWD, "h"), ENOENT);
	close(x);
	close(y);
	rmdir("z");
	unlink("h");
}

/* A name that is replaced all the time is always there, with one content or the other. */
static atomic_int stop;
static void *replacer(void *arg)
{
	char name[32];

	for (int i = 0; !stop; i++) {
		snprintf(name, sizeof(name), "new%d", (int)(intptr_t)arg);
		int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || write(fd, i & 1 ? "first" : "other", 5) != 5)
			break;
		close(fd);
		if (rename(name, "target"))
			break;
	}
	return NULL;
}
static void test_replace_race(void)
{
	pthread_t t[2];
	int wrong = 0;

	put_file("target", "first");
	stop = 0;
	for (intptr_t i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, replacer, (void *)i);
	for (int i = 0; i < 500; i++) {
		char buf[16];
		int fd = open("target", O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

		if (n != 5 || (memcmp(buf, "first", 5) && memcmp(buf, "other", 5)))
			wrong++;
		close(fd);
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(wrong, 0);
	unlink("target");
	unlink("new0");
	unlink("new1");
}

/* Directories moved into each other from two sides: never a cycle, never lost. */
static void *mover(void *arg)
{
	int k = (int)(intptr_t)arg;

	for (int i = 0; i < 300; i++) {
		if (k == 0) {
			rename("A", "B/a");
			rename("B/a", "A");
		} else if (k == 1) {
			rename("B", "A/b");
			rename("A/b", "B");
		} else {
			rename2("A", "B", EXCHANGE);
		}
	}
	return NULL;
}
static void test_move_race(void)
{
	pthread_t t[3];

	mkdir("A", 0755);
	mkdir("B", 0755);
	for (intptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, mover, (void *)i);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	/* both are still below us: at the top, or one in the other */
	int top = exists("A") + exists("B");
	int in = exists("A/a") + exists("A/b") + exists("B/a") + exists("B/b");
	CHECK_EQ(top + in, 2);
	CHECK(top >= 1);
	remove_tree("A");
	remove_tree("B");
	CHECK(!exists("A") && !exists("B"));
}

static void tests(void)
{
	RUN(test_files);
	RUN(test_directories);
	RUN(test_slashes_and_dots);
	RUN(test_symlinks);
	RUN(test_flags);
	RUN(test_at);
	RUN(test_replace_race);
	RUN(test_move_race);
}
int main(void)
{
	RUN_EVERYWHERE(tests);
	return test_done();
}
