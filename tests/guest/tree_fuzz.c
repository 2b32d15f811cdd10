/* SPDX-License-Identifier: MIT */
/*
 * Random changes of one small tree by several processes at once: every call ends, and what is left
 * can be listed and removed.  tests/launcher/test_share.py runs it against a host that does the same:
 *	tree_fuzz until FILE SEED	workers in the current directory until FILE exists
 *	tree_fuzz rename A B		one rename(2); the exit status is its errno
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <dirent.h>
#include <linux/fs.h>
#include <sys/syscall.h>

#define WORKERS 4

static const char *const names[] = {
	"d0/X",	  "d0/Y", "d0/f", "d1/X", "d1/Y", "d1/f", "d2/e/X", "d2/e/Y",
	"d2/e/f", "X",	  "Y",	  "f",	  "d2/X", "X/Y",  "Y/X",    "X/f",
};
static const char *pick(unsigned *seed)
{
	return names[(unsigned)rand_r(seed) % (sizeof(names) / sizeof(names[0]))];
}

static void list(const char *name)
{
	DIR *d = opendir(name);

	while (d && readdir(d)) {
	}
	if (d)
		closedir(d);
}

/* Errors are right, too: others change what we name. */
static void one_change(unsigned *seed)
{
	const char *a = pick(seed), *b = pick(seed);
	struct stat st;
	char buf[16];
	int fd;

	switch (rand_r(seed) % 14) {
	case 0:
	case 1:
	case 2: rename(a, b); break;
	case 3: syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); break;
	case 4:
	case 5: mkdir(a, 0755); break;
	case 6: rmdir(a); break;
	case 7: unlink(a); break;
	case 8:
		if (link(a, b))
			symlink(a, b);
		break;
	case 9: lstat(a, &st); break;
	case 10:
		if (!chdir(a)) { /* and up again, by a way that may have changed */
			stat("../..", &st);
			list("..");
			rename("../X", "X");
			syscall(SYS_getcwd, buf, sizeof(buf));
		}
		break;
	case 11: list(a); break;
	default:
		fd = open(a, O_RDWR | O_CREAT | (rand_r(seed) % 2 ? O_TRUNC : 0), 0644);
		if (fd >= 0 && (write(fd, "x", 1) < 0 || pread(fd, buf, sizeof(buf), 0) < 0))
			(void)fd; /* it may be stale by now */
		close(fd);
	}
}
static void work(int home, unsigned seed, const char *until, int rounds)
{
	for (int i = 0; until ? !exists(until) : i < rounds; i++) {
		one_change(&seed);
		if (fchdir(home))
			_exit(4);
	}
}
static int run_workers(unsigned seed, const char *until, int rounds)
{
	int home = open(".", O_RDONLY | O_DIRECTORY), bad = 0, status;

	for (unsigned i = 0; i < WORKERS; i++) {
		if (fork() == 0) {
			work(home, seed * WORKERS + i, until, rounds);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	close(home);
	return bad;
}

static void test_tree(void)
{
	mkdir("d0", 0755);
	mkdir("d1", 0755);
	mkdir("d2", 0755);
	mkdir("d2/e", 0755);
	CHECK_EQ(run_workers(1, NULL, 1500), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char up[64];

		snprintf(up, sizeof(up), "%s", names[i]);
		if (strchr(up, '/'))
			*strchr(up, '/') = 0;
		nftw(up, scratch_remove_one, 256, FTW_DEPTH | FTW_PHYS); /* it may be deep */
		CHECK(!exists(up));
	}
}
static void tests(void)
{
	RUN(test_tree);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "rename"))
		return rename(argv[2], argv[3]) ? errno : 0;
	if (argc == 4 && !strcmp(argv[1], "until"))
		return run_workers((unsigned)atoi(argv[3]), argv[2], 0);
	RUN_EVERYWHERE(tests);
	return test_done();
}
