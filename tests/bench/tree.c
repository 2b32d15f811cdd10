/* SPDX-License-Identifier: MIT */
/*
 * tree DIR [FILES]: what programs do with trees of small files, each step as one run of busybox.
 *
 * Prints `BENCH tree_STEP MS` for each step and `BENCH-END`.  DIR is made, and removed by the last
 * steps; the first tree is made by unpacking an archive, so that all start alike.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PER_DIRECTORY 100
#define MAX_SIZE 8192

static void fail(const char *what)
{
	printf("BENCH %s error %d\n", what, errno);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void make_files(int files)
{
	static char data[MAX_SIZE];

	if (mkdir("in", 0755)) {
		fail("mkdir");
	}
	memset(data, 'x', sizeof(data));
	for (int i = 0; i < files; i++) {
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "in/d%02d", i / PER_DIRECTORY);
		if (i % PER_DIRECTORY == 0 && mkdir(name, 0755)) {
			fail("mkdir");
		}
		snprintf(name, sizeof(name), "in/d%02d/f%04d", i / PER_DIRECTORY, i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, data, (size_t)(i * 37 % MAX_SIZE)) < 0 || close(fd)) {
			fail("make");
		}
	}
}

/* One step: `sh -c command`, with busybox as the shell and for all names. */
static void step(const char *name, const char *command)
{
	double begin = now_ms();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/busybox", "busybox", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		errno = pid < 0 ? errno : EIO;
		fail(name);
	}
	if (name[0] == 't') {
		printf("BENCH %s %.3f\n", name, now_ms() - begin);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	int files = argc > 2 ? atoi(argv[2]) : 4000;

	if (argc < 2 || files < 1 || (mkdir(argv[1], 0755) && errno != EEXIST) || chdir(argv[1])) {
		fprintf(stderr,
			"tree DIR [FILES]: DIR must be a directory, or one that can be made\n");
		return 2;
	}
	step("clean", "busybox rm -rf in out copy");
	make_files(files);
	step("prepare", "busybox mkdir out && busybox tar cf in.tar in && busybox rm -r in");
	step("tree_tar_x", "cd out && busybox tar xf ../in.tar");
	step("tree_find", "busybox find out -newer in.tar -name 'f*5' >/dev/null");
	step("tree_ls_lR", "busybox ls -lR out >/dev/null");
	step("tree_tar_c", "busybox tar cf out.tar out");
	step("tree_sha256sum", "busybox find out -type f -exec busybox sha256sum {} + >/dev/null");
	step("tree_cp_r", "busybox cp -r out copy");
	step("tree_rm_r", "busybox rm -r out");
	step("clean", "busybox rm -rf copy in.tar out.tar");
	printf("BENCH-END\n");
	return 0;
}
