/* SPDX-License-Identifier: MIT */
/*
 * System calls whose results are determined: a seed gives a sequence of calls that three actors (two
 * processes and a thread) make one at a time, on descriptors, names, mappings, sockets, timers, IPC
 * objects, credentials and each other.  Each call is a line: arguments, result or errno, what it left
 * in memory, signals that were handled.  The same line must come on Linux and in a VM:
 * tests/stress/run --compare runs both and shows the first that differs.
 *
 *     determined DIR JOB...        DIR is made, when it is not there; it is to be on tmpfs
 *     JOB: SEED:COUNT              the steps 0 to COUNT - 1
 *          SEED:N,N,...            only these, with the arguments that they have in the whole
 *
 * What is no property of the kernel is not in the line: pids are actors' letters, ports and inode
 * numbers only whether there is one, times only whether they were set by a call.  The arguments of a step follow
 * from the seed and its number alone, so that a sequence can be cut.  It runs without privileges.
 */
#define _GNU_SOURCE
#include "determined/determined.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCKED_SECONDS = 3, STUCK_TIMES = 8 }; /* a call that sleeps is interrupted */

struct world *world;
struct process *process;
char *hole, *constant, *text;
_Thread_local unsigned self_actor;
static _Atomic unsigned handled[ACTORS][65];

uint64_t rnd(struct step *s)
{
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	return s->rng * 0x2545f4914f6cdd1dull >> 16;
}

unsigned below(struct step *s, unsigned n)
{
	return (unsigned)(rnd(s) % n);
}

void say(struct step *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(world->line + world->len, LINE - world->len, fmt, ap);
	va_end(ap);
	world->len += (size_t)n < LINE - world->len ? (size_t)n : LINE - world->len - 1;
}

void say_result(struct step *s, long result)
{
	if (result == -1) {
		say(s, " = -%s", strerror(errno));
	} else {
		say(s, " = %ld", result);
	}
}

void say_pid(struct step *s, long pid)
{
	for (int i = 0; i < ACTORS; i++) {
		if (pid == world->pids[i]) {
			say(s, "%c", 'a' + i);
			return;
		}
	}
	for (int i = 0; i < KIDS; i++) {
		if (pid && pid == process->kids[i]) {
			say(s, "kid%d", i);
			return;
		}
	}
	say(s, "%s", pid == world->boss ? "boss" : pid > 0 ? "somebody" : pid ? "-1" : "0");
}

void say_bytes(struct step *s, const void *p, long n)
{
	uint32_t sum = 2166136261u;

	for (long i = 0; i < n; i++) {
		sum = (sum ^ ((const uint8_t *)p)[i]) * 16777619u;
	}
	say(s, " [%ld %08x]", n, sum);
}

void keep(struct step *s, int fd)
{
	if (fd > 2) {
		int *slot = &process->slots[below(s, SLOTS)];

		if (*slot > 2 && *slot != fd) {
			close(*slot);
		}
		*slot = fd;
	}
}

/* --- the actors --- */
static void on_signal(int sig)
{
	handled[self_actor][sig]++;
}

static void say_signals(struct step *s)
{
	for (int sig = 1; sig < 65; sig++) {
		unsigned n = atomic_exchange(&handled[s->actor][sig], 0);

		/* of two threads either may be the one that takes a child's */
		if (n && sig != SIGRTMAX && (sig != SIGCHLD || s->actor == 1)) {
			say(s, " sig%d:%u", sig, n);
		}
	}
}

static void make_step(unsigned actor)
{
	static _Thread_local struct step s;
	unsigned what;

	memset(&s, 0, sizeof(s));
	s.number = world->step, s.actor = actor;
	s.rng = (world->seed * 0x9e3779b97f4a7c15ull + s.number + 1) * 0xbf58476d1ce4e5b9ull | 1;
	for (int i = 0; i < 8; i++) {
		rnd(&s);
	}
	what = below(&s, call_count + 3 * script_count);
	say(&s, "%u %c", s.number, 'a' + actor);
	say_signals(&s);
	say(&s, " ");
	if (what < call_count) {
		run_call(&s, &calls[what]);
	} else {
		what = (what - call_count) % script_count;
		say(&s, "%s:", scripts[what].name);
		scripts[what].run(&s);
	}
	if (s.actor == 1) { /* another thread may be about to take one */
		say_signals(&s);
	}
}

static void futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *until)
{
	syscall(SYS_futex, word, op, value, until, NULL, 0);
}

static _Noreturn void *actor_run(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	self_actor = me;
	world->pids[me] = (pid_t)syscall(SYS_gettid);
	for (;;) {
		world->done = 1;
		futex(&world->done, FUTEX_WAKE, 8, NULL); /* an actor may wait for its thread */
		while (!world->turn[me]) {
			futex(&world->turn[me], FUTEX_WAIT, 0, NULL);
		}
		world->turn[me] = 0;
		make_step(me);
	}
}

/* False when the actor does not answer. */
static bool wait_for_actor(pid_t group, pid_t actor)
{
	struct timespec limit = { .tv_sec = BLOCKED_SECONDS };

	for (int i = 0; i < STUCK_TIMES; i++) {
		time_t begin = time(NULL);

		while (!world->done && time(NULL) - begin < BLOCKED_SECONDS) {
			futex(&world->done, FUTEX_WAIT, 0, &limit);
		}
		if (world->done) {
			return true;
		}
		syscall(SYS_tgkill, group, actor, SIGRTMAX);
	}
	return false;
}

static void limit(int resource, rlim_t most)
{
	struct rlimit l;

	getrlimit(resource, &l);
	l.rlim_max = l.rlim_cur = most;
	setrlimit(resource, &l);
}

/* What both systems start from. */
static void set_up(void)
{
	static const int inherited[][2] = {
		{ RLIMIT_NOFILE, 48 },	   { RLIMIT_CORE, 0 },	       { RLIMIT_FSIZE, FILE_LIMIT },
		{ RLIMIT_MEMLOCK, 65536 }, { RLIMIT_SIGPENDING, 100 }, { RLIMIT_MSGQUEUE, 100000 },
		{ RLIMIT_NICE, 0 },	   { RLIMIT_RTPRIO, 0 }
	};
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t none;

	for (size_t i = 0; i < sizeof(inherited) / sizeof(*inherited); i++) {
		limit(inherited[i][0], (rlim_t)inherited[i][1]);
	}
	for (int sig = 1; sig < 65; sig++) {
		sigaction(sig, &sa, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	process = mmap(NULL, sizeof(*process), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	text = mmap(NULL, LINE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	constant = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(constant + 4096, 4096, PROT_READ | PROT_WRITE);
	hole = constant + 2 * 4096; /* behind a page that is there */
	munmap(hole, 4096);
	mmap(REGION, PAGES * 4096, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	for (int i = 0; i < SLOTS; i++) {
		process->slots[i] = -1;
	}
	for (int i = 0; i < BUFFER; i++) {
		process->in[i] = (char)(i * 2654435761u >> 13);
	}
}

/* Descriptions that the processes share. */
static void open_shared(void)
{
	int *to = process->slots, pair[2];

	to[0] = open("n0", O_RDWR | O_CREAT | O_NONBLOCK, 0644);
	to[1] = open("n1", O_RDWR | O_CREAT | O_APPEND, 0600);
	mkdir("d0", 0755), mkdir("d1", 0700);
	to[2] = open("d0", O_RDONLY | O_DIRECTORY);
	(void)!pipe2(pair, O_NONBLOCK), to[3] = pair[0], to[4] = pair[1];
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), to[5] = pair[0], to[6] = pair[1];
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), to[7] = pair[0], to[8] = pair[1];
	(void)!write(to[0], process->in, 10000);
	(void)!symlink("n1", "l0"), (void)!symlink("d0", "l1"), (void)!symlink("l2", "l2");
}

static void start_actors(void)
{
	static pthread_t thread;

	for (unsigned i = 0; i < ACTORS - 1; i++) {
		pid_t pid;

		world->done = 0;
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (i == 0) {
				pthread_create(&thread, NULL, actor_run, (void *)(uintptr_t)2);
				while (!world->done) {
					futex(&world->done, FUTEX_WAIT, 0, NULL);
				}
				world->done = 0;
			}
			actor_run((void *)(uintptr_t)i);
		}
		while (!world->done || !world->pids[i]) {
			struct timespec moment = { .tv_nsec = 10000000 };

			futex(&world->done, FUTEX_WAIT, 0, &moment);
		}
	}
}

/* --- a run --- */
static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	remove(path);
	return 0;
}

static int open_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)at;
	if (kind == FTW_DNR || kind == FTW_D) {
		chmod(path, 0700);
	}
	return 0;
}

static void clean_up(const char *directory)
{
	for (int i = 0; i < ACTORS; i++) {
		if (i != 2 && world->pids[i] > 0) {
			kill(world->pids[i], SIGKILL);
		}
	}
	while (waitpid(-1, NULL, __WALL) > 0) {
	}
	for (int i = 0; i < IDS; i++) {
		semctl(world->sem[i], 0, IPC_RMID);
		shmctl(world->shm[i], IPC_RMID, NULL);
		msgctl(world->msg[i], IPC_RMID, NULL);
	}
	for (int i = 0; i < 2; i++) {
		char name[32];

		snprintf(name, sizeof(name), "det%08x-%d", (unsigned)world->boss, i);
		syscall(SYS_mq_unlink, name);
	}
	(void)!chdir("..");
	for (int i = 0; i < 4; i++) { /* each opens one level more */
		nftw(directory, open_entry, 16, FTW_PHYS);
	}
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static bool step(unsigned number)
{
	struct step pick = { .rng = (world->seed + 77) * 0x9e3779b97f4a7c15ull + number * 40503ull +
				    1 };
	unsigned actor;

	for (int i = 0; i < 8; i++) {
		rnd(&pick);
	}
	actor = below(&pick, ACTORS);
	world->step = number;
	world->done = 0;
	world->len = 0;
	world->line[0] = 0;
	world->turn[actor] = 1;
	futex(&world->turn[actor], FUTEX_WAKE, 1, NULL);
	if (!wait_for_actor(world->pids[actor == 2 ? 0 : actor], world->pids[actor])) {
		printf("%s ... stuck\n", world->line);
		return false;
	}
	puts(world->line);
	return true;
}

/* In a process of its own, whose children the actors are. */
static void run_job(const char *job)
{
	char directory[32], *list;
	unsigned count;

	setpgid(0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	syscall(SYS_close_range, 3, ~0u, 0);
	world->boss = getpid();
	world->seed = strtoull(job, &list, 0);
	for (int i = 0; i < IDS; i++) {
		world->sem[i] = world->shm[i] = world->msg[i] = -1;
	}
	snprintf(directory, sizeof(directory), "w%08x", (unsigned)getpid());
	if (mkdir(directory, 0755) || chdir(directory) || !getcwd(world->top, sizeof(world->top))) {
		perror(directory);
		_exit(2);
	}
	set_up();
	open_shared();
	start_actors();
	if (strchr(list, ',')) {
		for (char *p = list; *p && p[1];) {
			if (!step((unsigned)strtoul(p + 1, &p, 10))) {
				break;
			}
		}
	} else {
		count = (unsigned)atoi(list + 1);
		for (unsigned i = 0; i < count; i++) {
			if (!step(i)) {
				break;
			}
		}
	}
	fflush(stdout);
	clean_up(directory);
	_exit(0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (argc == 3 && !strcmp(argv[1], "report")) {
		return report_self(atoi(argv[2]));
	}
	if (argc < 3 || (mkdir(argv[1], 0755) && errno != EEXIST) || chdir(argv[1])) {
		fprintf(stderr, "determined: no directory\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		pid_t pid;

		world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		printf("== %s\n", argv[i]);
		fflush(stdout);
		pid = fork();
		if (!pid) {
			run_job(argv[i]);
		}
		waitpid(pid, NULL, 0);
		munmap(world, sizeof(*world));
	}
	puts("== end");
	return 0;
}
