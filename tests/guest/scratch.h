/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Scratch directories and bad pointers for the guest tests of files.
 *
 * RUN_EVERYWHERE(tests) runs a function with RUN() lines twice: in a fresh directory below the
 * current one (in the VM: the share) and in one on tmpfs.  Both vanish afterwards.
 */
#include "guest.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static const char *place; /* "share" or "tmpfs" */

static int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st, (void)type, (void)f;
	return remove(path);
}
__attribute__((unused)) static void remove_tree(const char *path)
{
	nftw(path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

__attribute__((unused)) static void scratch_run(const char *base, const char *name,
						void (*tests)(void))
{
	int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[256];

	snprintf(path, sizeof(path), "%s/scratch-%s-%d", base, name, (int)getpid());
	place = name;
	printf("# in %s\n", path);
	remove_tree(path);
	if (home < 0 || mkdir(path, 0755) || chdir(path)) {
		printf("Bail out! scratch directory %s: %s\n", path, strerror(errno));
		exit(1);
	}
	tests();
	if (fchdir(home))
		exit(1);
	close(home);
	remove_tree(path);
}
#define RUN_EVERYWHERE(tests)                            \
	do {                                             \
		umask(022);                              \
		scratch_run(".", "share", tests);        \
		scratch_run("/dev/shm", "tmpfs", tests); \
	} while (0)

/* Addresses that no program may use.  Volatile, so that the compiler does not look. */
static void *volatile const bad_kernel = (void *)0xffffffff81000000;
static void *volatile const bad_direct = (void *)0xffff888000001000;
static void *volatile const bad_hole = (void *)0x0000900000000000; /* not canonical */
static void *volatile const bad_null = NULL;
static void *volatile const bad_low = (void *)0x10;
#define BAD_POINTERS 5
__attribute__((unused)) static void *bad_pointer(int i)
{
	void *const all[BAD_POINTERS] = { bad_kernel, bad_direct, bad_hole, bad_null, bad_low };

	return all[i];
}

/* The last n bytes before an unmapped page; the caller never frees it.  n <= 64 KiB. */
__attribute__((unused)) static char *edge(size_t n)
{
	size_t whole = (n + 4095) & ~4095ul;
	char *p = mmap(NULL, whole + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		exit(3);
	munmap(p + whole, 4096);
	return p + whole - n;
}

__attribute__((unused)) static int make_file(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		printf("# can't make %s: %s\n", path, strerror(errno));
		test_failed_here = 1;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}
__attribute__((unused)) static void put_file(const char *path, const char *text)
{
	close(make_file(path, text));
}
/* Is this the whole content? */
__attribute__((unused)) static int file_is(const char *path, const char *text)
{
	char buf[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (fd >= 0)
		close(fd);
	if (n != (ssize_t)strlen(text) || memcmp(buf, text, (size_t)n)) {
		printf("# %s has %zd bytes: %.*s\n", path, n, n > 0 ? (int)n : 0, buf);
		return 0;
	}
	return 1;
}
__attribute__((unused)) static long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_size;
}
__attribute__((unused)) static int exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}
