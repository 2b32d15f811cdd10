/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of a share that lies (tests/liar): walks, reads, writes, maps, lists, renames,
 * executes, watches and locks what is below /lies, of which nothing is certain, and sees that
 *
 *   - each call returns, with a result that its manual allows or with an errno of the manual's;
 *   - what stands elsewhere keeps its contents: /honest on the same share, /tmp, our memory;
 *   - a process that waits for an answer which never comes can be killed.
 *
 *     liar SECONDS SEED [all]     all: each request is answered, so nobody may stand still
 */
#define _GNU_SOURCE
#include "liar/liar.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 12, STILL = 90, PATTERN = 70000 };

struct world *world;
_Thread_local sigjmp_buf *bus_exit;
static uint64_t first_seed;

unsigned below(struct self *t, unsigned n)
{
	t->rng ^= t->rng << 13;
	t->rng ^= t->rng >> 7;
	t->rng ^= t->rng << 17;
	return (unsigned)((t->rng * 0x2545f4914f6cdd1dull >> 33) % n);
}

bool chance(struct self *t, unsigned one_in)
{
	return below(t, one_in) == 0;
}

const char *any_path(struct self *t, char *path)
{
	static const char *const names[] = { "f0", "f1", "f2", "d0",  "d1",   "l0", "l1",
					     "p0", "s0", "..", "new", "deep", "." };
	unsigned depth = 1 + below(t, 3) + (chance(t, 20) ? 8 : 0);

	strcpy(path, "/lies");
	while (depth--) {
		strcat(path, "/");
		strcat(path, names[below(t, sizeof(names) / sizeof(names[0]) - (depth ? 4 : 0))]);
	}
	/* not out of what is lied about: the rest is to stay as it is */
	return strstr(path, "..") && strncmp(path, "/lies/..", 8) == 0 ? strcpy(path, "/lies/d0")
								       : path;
}

void failed(const char *what, long value)
{
	int saved = errno;

	printf("FAILED: %s: %ld (errno %d)\n", what, value, saved);
	fflush(stdout);
	world->failures++;
	errno = saved;
}

long result(long r)
{
	if (r >= 0) {
		world->answers++;
		return r;
	}
	world->errors++;
	if (r != -1 || errno <= 0 || errno >= 512) {
		failed("an error that no program may see", r == -1 ? errno : r);
	}
	return -1;
}

void check_stat(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: break;
	default: failed("a file of no type", st->st_mode);
	}
	if (st->st_size < 0) {
		failed("a negative size", st->st_size);
	}
	if (st->st_blksize <= 0) {
		failed("a block size", st->st_blksize);
	}
	if (st->st_atim.tv_nsec < 0 || st->st_atim.tv_nsec > 999999999 || st->st_mtim.tv_nsec < 0 ||
	    st->st_mtim.tv_nsec > 999999999) {
		failed("nanoseconds", st->st_mtim.tv_nsec);
	}
}

/* --- workers --- */

static void on_bus(int sig)
{
	(void)sig;
	world->faults++;
	if (bus_exit) {
		siglongjmp(*bus_exit, 1);
	}
	_exit(3);
}

static void *work(void *arg)
{
	static const struct {
		const char *name;
		void (*step)(struct self *);
		unsigned weight;
	} steps[] = {
		{ "names", step_names, 6 },	    { "listing", step_listing, 3 },
		{ "directory", step_directory, 5 }, { "attributes", step_attributes, 5 },
		{ "file", step_file, 8 },	    { "program", step_program, 1 },
		{ "socket", step_socket, 1 },	    { "watch", step_watch, 1 },
	};
	struct self *t = arg;

	for (;;) {
		unsigned n = below(t, 30), i = 0;

		while (n >= steps[i].weight) {
			n -= steps[i++].weight;
		}
		world->doing[t->worker][t->thread] = steps[i].name;
		steps[i].step(t);
		world->steps[t->worker][t->thread]++;
	}
	return NULL;
}

static pid_t start_worker(unsigned worker, unsigned generation)
{
	static struct self selves[THREADS];
	struct sigaction sa = { .sa_handler = on_bus, .sa_flags = SA_NODEFER };
	pid_t pid = fork();

	if (pid) {
		return pid;
	}
	setpgid(0, 0);
	sigaction(SIGBUS, &sa, NULL);
	signal(SIGIO, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_t thread;

		selves[i] =
			(struct self){ .worker = worker,
				       .thread = i,
				       .rng = (first_seed + generation * 1000003 + worker * 101 +
					       i) * 0x9e3779b97f4a7c15ull |
					      1,
				       .buf = malloc(BUF_SIZE) };
		if (worker == WORKERS - 1 && i == 0 && setresuid(1000, 1000, 1000) < 0) {
			_exit(4);
		}
		if (!selves[i].buf || pthread_create(&thread, NULL, work, &selves[i])) {
			_exit(4);
		}
	}
	for (;;) {
		pause();
	}
}

/* --- what must not change --- */

static void fill(char *p, uint64_t seed)
{
	for (unsigned i = 0; i < PATTERN; i++) {
		p[i] = (char)(seed * 31 + i * 7 + i / 251);
	}
}

static void check_file(const char *path, const char *want, char *buf)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size != PATTERN) {
		failed(path, fd);
		return;
	}
	memset(buf, 0, PATTERN);
	n = read(fd, buf, PATTERN);
	if (n != PATTERN || memcmp(buf, want, PATTERN) != 0) {
		failed(path, n);
	}
	close(fd);
}

static void rewrite(const char *path, const char *want, unsigned at, unsigned n)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	if (fd < 0 || pwrite(fd, want + at, n, at) != (ssize_t)n || close(fd) < 0) {
		failed(path, fd);
	}
}

/* Files and names that nobody lies about, and a mapping of one. */
static void honest(void)
{
	static char want[PATTERN], buf[PATTERN];
	char *map;
	int fd;

	fill(want, first_seed);
	rewrite("/honest/file", want, 0, PATTERN);
	rewrite("/tmp/file", want, 0, PATTERN);
	fd = open("/honest/file", O_RDWR);
	map = mmap(NULL, PATTERN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		failed("mmap /honest/file", fd);
		_exit(1);
	}
	for (unsigned round = 0;; round++) {
		check_file("/honest/file", want, buf);
		check_file("/tmp/file", want, buf);
		if (memcmp(map, want, PATTERN) != 0) {
			failed("a mapping of /honest/file", round);
		}
		fill(want, first_seed + round);
		rewrite("/tmp/file", want, 0, PATTERN);
		if (round % 2) {
			rewrite("/honest/file", want, 0, PATTERN);
		} else {
			memcpy(map, want, PATTERN);
		}
		if (mkdir("/honest/dir", 0755) < 0 || rename("/honest/dir", "/honest/dir2") < 0 ||
		    rmdir("/honest/dir2") < 0 || access("/honest/dir", F_OK) == 0) {
			failed("names in /honest", round);
		}
		world->answers++;
		usleep(20000);
	}
}

/* --- the first process --- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* All at once: one may wait for a lock that another holds who waits for an answer. */
static void kill_all(pid_t *pids, unsigned n)
{
	double end = now() + STILL;

	for (unsigned i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
	}
	for (unsigned i = 0; i < n;) {
		if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
			i++;
		} else if (now() > end) {
			failed("a killed process stays", pids[i]);
			_exit(1);
		} else {
			usleep(10000);
		}
	}
}

static bool stands_still(const double *since, bool all)
{
	for (unsigned i = 0; i < WORKERS * THREADS; i++) {
		double time = now() - since[i];

		if (all && time > STILL) {
			failed(world->doing[i / THREADS][i % THREADS], i);
			failed("a thread stands still, though all was answered", (long)time);
			_exit(1);
		}
		if (!all && time > PATIENCE) {
			return true;
		}
	}
	return false;
}

/* Until all threads must be started again, or the end. */
static void watch_workers(pid_t *pids, double end, bool all)
{
	double since[WORKERS * THREADS];
	uint64_t last[WORKERS * THREADS];
	int status;

	for (unsigned i = 0; i < WORKERS * THREADS; i++) {
		since[i] = now();
		last[i] = world->steps[i / THREADS][i % THREADS];
	}
	while (now() < end && !world->failures && !stands_still(since, all)) {
		usleep(100000);
		for (unsigned i = 0; i < WORKERS * THREADS; i++) {
			uint64_t steps = world->steps[i / THREADS][i % THREADS];

			if (steps != last[i]) {
				last[i] = steps;
				since[i] = now();
			}
		}
		for (unsigned i = 0; i < WORKERS; i++) {
			if (waitpid(pids[i], &status, WNOHANG) == pids[i]) {
				failed("a worker ended with status", status);
				pids[i] = start_worker(i, 77);
			}
		}
	}
}

int main(int argc, char **argv)
{
	double end = now() + (argc > 1 ? atof(argv[1]) : 10);
	bool all = argc > 3 && strcmp(argv[3], "all") == 0;
	pid_t pids[WORKERS + 1];
	unsigned generation = 0;

	first_seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	pids[WORKERS] = fork();
	if (pids[WORKERS] == 0) {
		honest();
	}
	while (now() < end && !world->failures) {
		for (unsigned i = 0; i < WORKERS; i++) {
			pids[i] = start_worker(i, generation);
		}
		generation++;
		watch_workers(pids, end, all);
		kill_all(pids, WORKERS);
	}
	kill_all(pids + WORKERS, 1);
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
	printf("liar: %llu answers, %llu errors, %llu faults, workers started %u times, %u failures\n",
	       (unsigned long long)world->answers, (unsigned long long)world->errors,
	       (unsigned long long)world->faults, generation, world->failures);
	return world->failures != 0;
}
