/* SPDX-License-Identifier: MIT */
/*
 * Concurrent programs on shared objects: processes of several threads each, that work at the same
 * time on the same descriptors, names, mappings, sockets, futexes, timers, IPC objects and
 * credentials, as root and not, fork, are killed, and send each other descriptors of all kinds.
 *
 *     objects [SECONDS [SEED [DIR]]]    in /tmp/objects and DIR, which is /objects by default
 *
 * Most results depend on who came first and are not looked at.  Checked is what holds in any order:
 * memory and a file that only one thread knows keep their contents, shared counters end at the sum of
 * what was added, nobody stands still, and when all have ended no process is left, the names can be
 * removed and memory is back.  It also runs on Linux, where it must pass.
 *
 * The seed is printed; what one thread does follows from it, what happens between them does not.
 */
#define _GNU_SOURCE
#include "objects/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STALL_SECONDS = 90 };

struct world *world;
const char *dirs[2] = { "/tmp/objects", "/objects" };
_Atomic int slots[SLOTS];
char *arena;

uint64_t rnd(struct self *t)
{
	t->rng ^= t->rng << 13;
	t->rng ^= t->rng >> 7;
	t->rng ^= t->rng << 17;
	return t->rng * 0x2545f4914f6cdd1dull >> 16;
}

unsigned below(struct self *t, unsigned n)
{
	return (unsigned)(rnd(t) % n);
}

void failed(struct self *t, const char *what)
{
	printf("FAILED: process %u thread %u: %s (errno %d)\n", t->process, t->thread, what, errno);
	fflush(stdout);
	world->failures++;
}

int fd(struct self *t)
{
	return slots[below(t, SLOTS)];
}

void keep(struct self *t, int new_fd)
{
	if (new_fd >= 0) {
		int old = atomic_exchange(&slots[below(t, SLOTS)], new_fd);

		if (old >= 0) {
			close(old);
		}
	}
}

const char *name(struct self *t, char *buf)
{
	unsigned r = below(t, 1 << 10);

	snprintf(buf, 64, "%s/d%u%s/n%u", dirs[r & 1], r >> 1 & 1, r >> 2 & 1 ? "/sub" : "",
		 r >> 3 & 7);
	return buf;
}

const char *directory(struct self *t, char *buf)
{
	unsigned r = below(t, 8);

	snprintf(buf, 64, "%s/d%u%s", dirs[r & 1], r >> 1 & 1, r >> 2 & 1 ? "/sub" : "");
	return buf;
}

/* --- what must hold --- */
static void op_check(struct self *t)
{
	uint64_t seen[8], one = 1;
	uint64_t *p = t->memory + below(t, 4096 / 8 * 4 - 8);
	off_t at = below(t, 4096 * 4 / 8 - 8) * 8;

	for (int i = 0; i < 8; i++) {
		if (p[i] != t->value) {
			failed(t, "private memory has changed");
		}
	}
	if (pread(t->known, seen, sizeof(seen), at) != sizeof(seen)) {
		failed(t, "a private file can't be read");
	} else if (seen[0] != t->value || seen[7] != t->value) {
		failed(t, "a private file has changed");
	}
	if (write(world->counter, &one, sizeof(one)) == sizeof(one)) {
		world->added++;
	}
}

static const struct op {
	void (*run)(struct self *t);
	const char *name;
	unsigned weight;
} ops[] = {
	{ op_open, "open", 8 },	     { op_names, "names", 8 },
	{ op_look, "look", 5 },	     { op_data, "data", 12 },
	{ op_locks, "locks", 6 },    { op_descriptors, "descriptors", 5 },
	{ op_async, "async", 3 },    { op_make, "make", 10 },
	{ op_drive, "drive", 4 },    { op_epoll, "epoll", 12 },
	{ op_socket, "socket", 12 }, { op_pass, "pass", 10 },
	{ op_memory, "memory", 10 }, { op_touch, "touch", 10 },
	{ op_futex, "futex", 8 },    { op_ipc, "ipc", 5 },
	{ op_timer, "timer", 4 },    { op_signal, "signal", 4 },
	{ op_child, "child", 2 },    { op_proc, "proc", 3 },
	{ op_check, "check", 5 },
};

/* --- the run --- */
static void on_signal(int sig)
{
	if (sig == SIGSEGV || sig == SIGBUS) {
		touch_fault();
		signal(sig, SIG_DFL); /* a fault that nobody asked for */
	}
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(sig, &sa, NULL);
}

static const struct op *pick(struct self *t)
{
	static unsigned sum;
	unsigned all = sum, r;

	for (size_t i = 0; !all && i < sizeof(ops) / sizeof(*ops); i++) {
		all += ops[i].weight;
	}
	sum = all;
	r = below(t, all);
	for (const struct op *o = ops;; r -= o++->weight) {
		if (r < o->weight) {
			return o;
		}
	}
}

static void *thread_run(void *arg)
{
	struct self *t = arg;
	char path[64];

	snprintf(path, sizeof(path), "%s/known%u.%u", dirs[t->thread & 1], t->process, t->thread);
	t->known = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	t->memory = mmap(NULL, 4096 * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	t->value = rnd(t);
	for (int i = 0; i < 4096 * 4 / 8; i++) {
		t->memory[i] = t->value;
	}
	if (write(t->known, t->memory, 4096 * 4) != 4096 * 4) {
		failed(t, "can't write a private file");
		return NULL;
	}
	fcntl(t->known, F_SETFD, FD_CLOEXEC);
	while (!world->stop) {
		const struct op *o = pick(t);

		world->doing[t->process][t->thread].op = o->name;
		o->run(t);
		world->doing[t->process][t->thread].count++;
		world->ops++;
	}
	op_check(t);
	unlink(path);
	return NULL;
}

/* One process: its threads, whom the first one wakes from whatever they sleep in. */
static void process_run(unsigned process, uint64_t seed)
{
	static struct self selves[THREADS];
	pthread_t threads[THREADS];

	/* Every other one runs without rights. */
	if (process & 1 && (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))) {
		_exit(1);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < SLOTS; i++) {
		slots[i] = -1;
	}
	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < THREADS; i++) {
		selves[i] = (struct self){ .rng = (seed + 1) * 0x9e3779b97f4a7c15ull +
						  process * THREADS + i + 1,
					   .process = process,
					   .thread = i };
		for (int k = 0; k < 8; k++) {
			rnd(&selves[i]);
		}
		if (pthread_create(&threads[i], NULL, thread_run, &selves[i])) {
			failed(&selves[i], "pthread_create");
			_exit(1);
		}
	}
	while (!world->stop) {
		usleep(50000);
		for (unsigned i = 0; i < THREADS; i++) {
			pthread_kill(threads[i], SIGURG);
		}
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	_exit(0);
}

static void show_doing(void)
{
	for (int p = 0; p < PROCESSES; p++) {
		for (int i = 0; i < THREADS; i++) {
			printf("objects: process %d thread %d: %s, %llu done\n", p, i,
			       world->doing[p][i].op, (unsigned long long)world->doing[p][i].count);
		}
	}
}

/* Until the time is up or all stand still; then until all have ended. */
static void watch(unsigned seconds)
{
	uint64_t last = 0;
	unsigned still = 0, alive = PROCESSES;
	int status;
	pid_t pid;

	for (unsigned s = 0; alive && still < STALL_SECONDS; s++) {
		sleep(1);
		world->stop |= s + 1 >= seconds;
		still = world->ops == last ? still + 1 : 0;
		last = world->ops;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			alive--;
			if (status || !world->stop) {
				printf("FAILED: process %d ended with status %#x\n", pid, status);
				world->failures++;
				world->stop = 1;
			}
		}
		if (s % 10 == 9) {
			printf("objects: %u s, %llu operations\n", s + 1, (unsigned long long)last);
			fflush(stdout);
		}
	}
	if (alive) {
		printf("FAILED: %u processes stand still\n", alive);
		show_doing();
		world->failures++;
		for (int p = 0; p < PROCESSES; p++) {
			kill(world->pids[p], SIGKILL);
		}
	}
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	if (remove(path)) {
		printf("FAILED: can't remove %s: %s\n", path, strerror(errno));
		world->failures++;
	}
	return 0;
}

static long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return (long)((si.freeram + si.bufferram) * si.mem_unit / 1024);
}

static void make_world(void)
{
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	for (int i = 0; i < PROCESSES; i++) {
		(void)!socketpair(AF_UNIX, i & 1 ? SOCK_STREAM : SOCK_DGRAM, 0, world->posts[i]);
	}
	world->counter = eventfd(0, EFD_NONBLOCK);
	world->semaphores = semget(IPC_PRIVATE, 4, 0666);
	world->messages = msgget(IPC_PRIVATE, 0666);
	world->segment = shmget(IPC_PRIVATE, 4096, 0666);
	for (int d = 0; d < 2; d++) {
		nftw(dirs[d], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
		mkdir(dirs[d], 0777);
		chmod(dirs[d], 0777);
	}
}

/* The host, too, works on the share (tests/stress/run): it stops when it finds a file DIR.end. */
static void leave_names(void)
{
	char end[300];

	snprintf(end, sizeof(end), "%s.end", dirs[1]);
	close(open(end, O_WRONLY | O_CREAT, 0600));
	usleep(300000);
	for (int d = 0; d < 2; d++) {
		nftw(dirs[d], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	}
	unlink(end);
}

static void end_world(void)
{
	uint64_t sum = 0;

	if ((read(world->counter, &sum, sizeof(sum)) != sizeof(sum) && world->added) ||
	    sum != world->added) {
		printf("FAILED: %llu was added, the sum is %llu\n",
		       (unsigned long long)world->added, (unsigned long long)sum);
		world->failures++;
	}
	for (int i = 0; i < PROCESSES; i++) {
		close(world->posts[i][0]), close(world->posts[i][1]);
	}
	close(world->counter);
	semctl(world->semaphores, 0, IPC_RMID);
	msgctl(world->messages, IPC_RMID, NULL);
	shmctl(world->segment, IPC_RMID, NULL);
	mq_unlink("/objects0"), mq_unlink("/objects1");
	leave_names();
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
		puts("FAILED: a child is left");
		world->failures++;
	}
}

/* The number of failures. */
static int round_of(unsigned seconds, uint64_t seed)
{
	uint64_t done;
	int failures;

	make_world();
	for (unsigned p = 0; p < PROCESSES; p++) {
		pid_t pid = fork();

		if (!pid) {
			process_run(p, seed);
		}
		world->pids[p] = pid;
	}
	watch(seconds);
	end_world();
	done = world->ops, failures = world->failures;
	munmap(world, sizeof(*world));
	printf("objects: %llu operations\n", (unsigned long long)done);
	return failures;
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 60;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0)
				 : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
	struct utsname u;
	long before;
	int failures;

	dirs[1] = argc > 3 ? argv[3] : dirs[1];
	printf("objects: seed %#llx, %u s\n", (unsigned long long)seed, seconds);
	fflush(stdout);
	for (int sig = 1; sig < 32; sig++) {
		if (sig == SIGUSR1 || sig == SIGURG || sig == SIGIO || sig == SIGSEGV ||
		    sig == SIGBUS) {
			handle(sig);
		}
	}
	signal(SIGPIPE, SIG_IGN);
	failures = round_of(2, seed + 1); /* warms up */
	before = free_kib();
	failures += round_of(seconds, seed);
	uname(&u);
	usleep(500000);
	printf("objects: %ld KiB free before, %ld KiB after\n", before, free_kib());
	if (!strcmp(u.nodename, "corrida") && free_kib() < before - 8192) {
		puts("FAILED: memory is not back");
		failures++;
	}
	puts(failures ? "objects: FAILED" : "objects: ok");
	return failures != 0;
}
