/* SPDX-License-Identifier: MIT */
/*
 * System-call fuzzer: children call random numbers with random arguments: small integers,
 * descriptors, good and bad pointers, sizes at the edges.  Nothing that they do may panic or
 * hang the kernel; a child that dies of a signal is replaced.
 *
 *     sysfuzz SECONDS [SEED] [WORKERS]
 *
 * It runs only inside Corrida (it would be a menace as root on a real system).  Prints the
 * seed, a line of progress every ten seconds, and `sysfuzz: N calls, N children, ok`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared {
	_Atomic uint64_t calls;
	_Atomic uint64_t stop;
	uint64_t last_call[16][8]; /* per worker, for whoever looks at a dump */
};
static struct shared *shared;
static uint64_t rng;
static char *arena; /* some valid memory, then a hole, then read-only memory */
#define ARENA (64 << 10)

static uint64_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1dull;
}

static uint64_t pointer(void)
{
	switch (rnd() % 12) {
	case 0: return 0;
	case 1: return 1 + rnd() % 4096;
	case 2: return 0x7ffffffff000ull - rnd() % 64;		   /* the end of user space */
	case 3: return 0xffff888000000000ull + (rnd() & 0xffffff); /* kernel */
	case 4: return 0xffffffff80000000ull + (rnd() & 0xffffff);
	case 5: return rnd();					   /* mostly not canonical */
	case 6: return (uint64_t)arena + ARENA - rnd() % 64;	   /* runs into the hole */
	case 7: return (uint64_t)arena + 2 * ARENA + rnd() % 4096; /* read-only */
	default: return (uint64_t)arena + (rnd() % ARENA & ~7ull);
	}
}

static uint64_t number(void)
{
	static const uint64_t edges[] = { 0,	      1,	  2,	      4095,
					  4096,	      4097,	  65535,      65536,
					  1u << 20,   0x7fffffff, 0x80000000, 0xffffffff,
					  1ull << 32, 1ull << 47, INT64_MAX,  (uint64_t)INT64_MIN,
					  UINT64_MAX };
	switch (rnd() % 4) {
	case 0: return edges[rnd() % (sizeof(edges) / sizeof(*edges))];
	case 1: return rnd() % 64; /* descriptors, small flags */
	case 2: return 1ull << rnd() % 64;
	default: return rnd() >> rnd() % 64;
	}
}

/* Calls that would end or stall the fuzzing itself, not the kernel. */
static int skipped(long nr)
{
	switch (nr) {
	case SYS_exit:
	case SYS_exit_group:
	case SYS_pause:
	case SYS_rt_sigsuspend:
	case SYS_rt_sigreturn:
	case SYS_reboot:
	case SYS_kill: /* -1: everybody */
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_rt_sigqueueinfo:
	case SYS_rt_tgsigqueueinfo:
	case SYS_pidfd_send_signal:
	case SYS_setpgid:
	case SYS_setsid:
	case SYS_vfork:
	case SYS_execve:
	case SYS_execveat: return 1;
	default: return 0;
	}
}

static void refill_arena(void)
{
	for (int i = 0; i < ARENA / 8; i++) {
		((uint64_t *)arena)[i] = rnd() % 3 ? number() : pointer();
	}
	strcpy(arena + 64, "/tmp/fuzz");
	strcpy(arena + 128, "/proc/self/maps");
	strcpy(arena + 192, "f");
}

/* One of everything that a descriptor can be, so that random calls meet their own kind. */
static void open_palette(void)
{
	char name[32];
	int p[2];

	for (int i = 0; i < 2; i++) {
		(void)!pipe2(p, i ? O_NONBLOCK : 0);
	}
	snprintf(name, sizeof(name), "/tmp/fz%u", (unsigned)(rnd() % 4));
	open(name, O_RDWR | O_CREAT, 0666);
	open(name, O_RDONLY | (rnd() % 2 ? O_NONBLOCK : 0));
	open("/tmp", O_RDONLY | O_DIRECTORY);
	open("/proc/self/maps", O_RDONLY);
	open("/proc/self/fd", O_RDONLY);
	open("/dev/zero", O_RDWR);
	open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
	open(name, O_PATH);
	for (int type = 1; type < 6; type += type == 2 ? 3 : 1) {
		(void)!socketpair(AF_UNIX, type, 0, p);
	}
	for (int family = 1; family < 42; family += 1 + (int)(rnd() % 9)) {
		socket(family, 1 + (int)(rnd() % 2), 0);
	}
	static const long makers[] = { SYS_epoll_create, SYS_eventfd2,	    SYS_timerfd_create,
				       SYS_memfd_create, SYS_inotify_init1, SYS_pidfd_open };
	for (size_t i = 0; i < sizeof(makers) / sizeof(*makers); i++) {
		long a = makers[i] == SYS_memfd_create	   ? (long)name
			 : makers[i] == SYS_pidfd_open	   ? getpid()
			 : makers[i] == SYS_timerfd_create ? (long)(rnd() % 2)
							   : 1;
		syscall(makers[i], a, 0);
	}
}

/* A child of the child, sharing what random flags say, but not the memory; it makes a few calls and goes. */
static void random_clone(void)
{
	static const unsigned long shares[] = { 0x400 /* FILES */,
						0x200 /* FS */,
						0x4000 /* VFORK */,
						0x8000 /* PARENT */,
						0x40000 /* SYSVSEM */,
						0x100000 | 0x1000000 | 0x200000 /* tid words */,
						0x1000 /* PIDFD */ };
	unsigned long flags = rnd() % 2 ? 17 : 0;

	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		flags |= rnd() % 3 ? 0 : shares[i];
	}
	long pid = syscall(SYS_clone, flags, 0, pointer(), pointer(), pointer());

	if (!pid) {
		for (int i = 0; i < 4; i++) {
			syscall((long)(rnd() % 2 ? SYS_getpid : SYS_munmap), pointer(), number());
		}
		syscall(SYS_exit, 0);
	}
	if (rnd() % 2) {
		syscall(SYS_wait4, pid, 0, 0x40000000 | (rnd() % 2), 0);
	}
}

static void on_alarm(int sig)
{
	(void)sig; /* only interrupts */
}

/* A child: random calls until its budget is gone. */
static void child(int worker)
{
	struct rlimit small = { 256 << 20, 256 << 20 }, nproc = { 64, 64 },
		      fsize = { 1 << 20, 1 << 20 };
	struct sigaction sa = { .sa_handler = on_alarm };

	setrlimit(RLIMIT_AS, &small);
	setrlimit(RLIMIT_NPROC, &nproc);
	setrlimit(RLIMIT_FSIZE, &fsize);
	if (chdir("/tmp")) {
		_exit(3);
	}
	sigaction(SIGALRM, &sa, NULL);
	arena = mmap(NULL, 3 * ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(arena + ARENA, ARENA);
	mprotect(arena + 2 * ARENA, ARENA, PROT_READ);
	refill_arena();
	open_palette();
	for (int i = 0; i < 2000 && !shared->stop; i++) {
		long nr = (long)(rnd() % 460);
		uint64_t a[6];

		if (rnd() % 64 == 0) {
			nr = (long)rnd();
		}
		if (skipped(nr)) {
			continue;
		}
		for (int k = 0; k < 6; k++) {
			a[k] = rnd() % 2 ? pointer() : number();
		}
		if (nr == SYS_clone || nr == SYS_fork || nr == SYS_clone3) {
			if (rnd() % 4 == 0) {
				random_clone();
			}
			continue;
		}
		if (rnd() % 2) {
			a[0] = 3 + rnd() % 36; /* one of the palette, or of later ones */
			if (rnd() % 2) {
				a[2] = rnd() % 2 ? rnd() % 64 : rnd() % 9000; /* plausible sizes */
			}
		}
		if (nr == SYS_read || nr == SYS_write || nr == SYS_writev || nr == SYS_close) {
			a[0] = 3 + rnd() % 64; /* leave the standard streams alone */
		}
		if (nr == SYS_prlimit64) {
			a[0] = 0; /* process 1 with no CPU time left would be killed, rightly */
		}
		if (nr == SYS_close_range || nr == SYS_dup2 || nr == SYS_dup3) {
			a[0] |= 4;
			a[1] |= 4;
		}
		alarm(1);
		memcpy(shared->last_call[worker % 16], a, sizeof(a));
		shared->last_call[worker % 16][6] = (uint64_t)nr;
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		shared->calls++;
		if (rnd() % 128 == 0) {
			refill_arena();
		}
	}
	_exit(0);
}

struct thread_arg {
	int worker;
	uint64_t seed;
};
static void *fuzz_thread(void *p)
{
	struct thread_arg *a = p;

	rng = a->seed;
	child(a->worker);
	return NULL;
}

/* Seconds that the children's clock_settime() does not move. */
static time_t uptime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int main(int argc, char **argv)
{
	struct utsname u;
	int seconds = argc > 1 ? atoi(argv[1]) : 10, workers = argc > 3 ? atoi(argv[3]) : 8;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL), children = 0;
	uint64_t died = 0;

	uname(&u);
	if (strcmp(u.nodename, "corrida") && !getenv("SYSFUZZ_ANYWHERE")) {
		fprintf(stderr, "sysfuzz: this is not Corrida (node %s): not fuzzing\n",
			u.nodename);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	printf("sysfuzz: seed %llu, %d s, %d workers\n", (unsigned long long)seed, seconds,
	       workers);
	fflush(stdout);
	time_t start = uptime(), last = start, now;
	pid_t pids[64] = { 0 };
	time_t born[64] = { 0 };

	while ((now = uptime()) - start < seconds) {
		for (int i = 0; i < workers; i++) {
			int status;

			if (pids[i] && waitpid(pids[i], &status, WNOHANG) == pids[i]) {
				died += !!WIFSIGNALED(status);
				pids[i] = 0;
			}
			if (pids[i] && now - born[i] > 20) {
				kill(pids[i], SIGKILL); /* blocked in some wait of its own making */
				waitpid(pids[i], &status, 0);
				pids[i] = 0;
			}
			if (!pids[i]) {
				uint64_t s = seed * 0x9e3779b97f4a7c15ull + ++children;

				pids[i] = fork();
				born[i] = now;
				if (!pids[i]) {
					rng = s | 1;
					if (children % 3 == 0) {
						struct thread_arg a = { i, s | 1 };
						pthread_t t;

						pthread_create(&t, NULL, fuzz_thread, &a);
						rng = s ^ 0x5555;
					}
					child(i);
				}
				if (pids[i] < 0) {
					pids[i] = 0;
				}
			}
		}
		if (now - last >= 10) {
			last = now;
			printf("sysfuzz: %llu calls, %llu children, %llu by signal\n",
			       (unsigned long long)shared->calls, (unsigned long long)children,
			       (unsigned long long)died);
			fflush(stdout);
		}
		usleep(5000);
	}
	shared->stop = 1;
	for (int i = 0; i < workers; i++) {
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	}
	printf("sysfuzz: %llu calls, %llu children, ok\n", (unsigned long long)shared->calls,
	       (unsigned long long)children);
	return shared->calls ? 0 : 1;
}
