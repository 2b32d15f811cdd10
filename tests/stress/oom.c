/* SPDX-License-Identifier: MIT */
/*
 * Out of memory.
 *
 *     oom self           takes memory without end: killed by SIGKILL, and the VM ends
 *     oom child [N]      a child does so, N times; the parent sees it killed and goes on
 *     oom threads        four threads of a child do so at the same time
 *     oom files          fills /tmp (memory) until ENOSPC or ENOMEM, then removes it
 *
 * Only inside Corrida: a host might kill somebody else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return (long)((si.freeram + si.bufferram) * si.mem_unit / 1024);
}

static void *eat(void *arg)
{
	(void)arg;
	for (;;) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED) {
			usleep(1000);
			continue;
		}
		memset(p, 1, 1 << 20);
	}
	return NULL;
}

static int children(int n, int threads)
{
	long before = free_kib(), after;

	for (int i = 0; i < n; i++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			for (int k = 1; k < threads; k++) {
				pthread_t t;

				pthread_create(&t, NULL, eat, NULL);
			}
			eat(NULL);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid) {
			printf("oom: round %d: %s\n", i, strerror(errno));
			return 1;
		}
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			printf("oom: round %d: status %#x, not killed\n", i, status);
			return 1;
		}
	}
	usleep(50000);
	after = free_kib();
	printf("oom: %d children killed; free %ld KiB, %ld before\n", n, after, before);
	if (after + 1024 < before) {
		puts("oom: memory was lost");
		return 1;
	}
	puts("oom: ok");
	return 0;
}

static int files(void)
{
	static char buf[65536];
	long before = free_kib(), after, written = 0;
	ssize_t n;
	int fd = memfd_create("big", 0), err = 0;

	memset(buf, 7, sizeof(buf));
	while ((n = write(fd, buf, sizeof(buf))) > 0) {
		written += n;
	}
	err = errno;
	printf("oom: %ld KiB in a memory file, then %s; %ld KiB free\n", written / 1024,
	       strerror(err), free_kib());
	close(fd);
	usleep(50000);
	after = free_kib();
	printf("oom: free %ld KiB, %ld before\n", after, before);
	if ((err != ENOMEM && err != ENOSPC) || after + 1024 < before) {
		return 1;
	}
	puts("oom: ok");
	return 0;
}

int main(int argc, char **argv)
{
	struct utsname u;
	const char *mode = argc > 1 ? argv[1] : "child";

	setvbuf(stdout, NULL, _IOLBF, 0);
	uname(&u);
	if (strcmp(u.nodename, "corrida")) {
		puts("oom: this is not Corrida: no");
		return 2;
	}
	if (!strcmp(mode, "self")) {
		eat(NULL);
	}
	if (!strcmp(mode, "files")) {
		return files();
	}
	return children(argc > 2 ? atoi(argv[2]) : 3, !strcmp(mode, "threads") ? 4 : 1);
}
