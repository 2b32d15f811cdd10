/* SPDX-License-Identifier: MIT */
/*
 * Processes in numbers.
 *
 *     forks N               N times fork+exec+wait
 *     forks N spawn         the same with posix_spawn (vfork)
 *     forks bomb            processes that fork without end; stops after the limit, an error
 *                           or an out-of-memory kill has been seen, and still answers
 *
 * N also runs on the host (not the bomb).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return (long)((si.freeram + si.bufferram) * si.mem_unit / 1024);
}

static pid_t start(const char *self, int spawn)
{
	char *argv[] = { (char *)self, "--exit", NULL };
	pid_t pid;

	if (spawn) {
		errno = posix_spawn(&pid, self, NULL, NULL, argv, NULL);
		return errno ? -1 : pid;
	}
	pid = fork();
	if (!pid) {
		execv(self, argv);
		_exit(99);
	}
	return pid;
}

static int in_turn(const char *self, long n, int spawn)
{
	long before = 0, after;

	for (long i = 0; i < n; i++) {
		int status;
		pid_t pid = start(self, spawn);

		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status) != 7) {
			printf("forks: round %ld: pid %d, status %#x: %s\n", i, (int)pid, status,
			       strerror(errno));
			return 1;
		}
		if (i == n / 10) {
			before = free_kib();
		}
	}
	after = free_kib();
	printf("forks: %ld %s+wait; free %ld KiB, %ld after a tenth\nforks: ok\n", n,
	       spawn ? "spawn" : "fork+exec", after, before);
	return 0;
}

struct seen {
	atomic_long forks, failures;
	atomic_int stop;
};

static void breed(struct seen *seen)
{
	while (!seen->stop) {
		pid_t pid = fork();

		if (pid < 0) {
			if (errno != EAGAIN && errno != ENOMEM) {
				_exit(3);
			}
			seen->failures++;
			usleep(20000);
		} else if (pid > 0) {
			seen->forks++;
		}
	}
	_exit(0);
}

static int bomb(void)
{
	struct seen *seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct utsname u;
	int status, ended = 0, killed = 0;
	time_t start = time(NULL);
	long most;
	pid_t pid;

	uname(&u);
	if (strcmp(u.nodename, "corrida")) {
		puts("forks: this is not Corrida: no bomb here");
		return 2;
	}
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		breed(seen);
	}
	setpgid(pid, pid);
	while (time(NULL) - start < 20 && seen->failures < 100) {
		usleep(100000);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			killed = WIFSIGNALED(status);
			break;
		}
	}
	most = seen->forks;
	printf("forks: bomb: %ld forks, %ld failed; first process %s\n", most, (long)seen->failures,
	       killed ? "killed" : "alive");
	seen->stop = 1;
	kill(-pid, SIGKILL);
	while (waitpid(-1, &status, 0) > 0) {
		ended++;
	}
	/* the orphans are not ours; they must be gone soon all the same */
	for (int i = 0; i < 100 && !kill(-pid, 0); i++) {
		usleep(100000);
	}
	pid = fork();
	if (!pid) {
		_exit(5);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 5) {
		printf("forks: no process can be made after the bomb: %s\n", strerror(errno));
		return 1;
	}
	printf("forks: %ld KiB free after the bomb\nforks: ok\n", free_kib());
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exit")) {
		return 7;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "bomb")) {
		return bomb();
	}
	return in_turn(argv[0], argc > 1 ? atol(argv[1]) : 1000,
		       argc > 2 && !strcmp(argv[2], "spawn"));
}
