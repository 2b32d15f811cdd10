/* SPDX-License-Identifier: MIT */
/* Scheduling calls, rseq, membarrier, ids and capabilities. */
#define _GNU_SOURCE
#include "guest.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static void policies(void)
{
	struct sched_param p = { .sched_priority = 10 };
	struct timespec ts;

	CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
	CHECK_EQ(syscall(SYS_sched_get_priority_max, SCHED_FIFO), 99);
	CHECK_EQ(syscall(SYS_sched_get_priority_min, SCHED_RR), 1);
	CHECK_EQ(syscall(SYS_sched_get_priority_max, SCHED_OTHER), 0);
	CHECK_ERR(syscall(SYS_sched_get_priority_max, 42), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &p), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setscheduler, 0, 42, &p), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setscheduler, 999999, SCHED_FIFO, &p), ESRCH);
	CHECK_ERR(syscall(SYS_sched_setscheduler, -1, SCHED_FIFO, &p), EINVAL);
	if (syscall(SYS_sched_setscheduler, 0, SCHED_RR, &p) == 0) {
		CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_RR);
		p.sched_priority = 0;
		CHECK_EQ(syscall(SYS_sched_getparam, 0, &p), 0);
		CHECK_EQ(p.sched_priority, 10);
		CHECK_EQ(syscall(SYS_sched_rr_get_interval, 0, &ts), 0);
		CHECK_EQ(ts.tv_nsec, 100000000);
		p.sched_priority = 0;
		CHECK_ERR(syscall(SYS_sched_setparam, 0, &p), EINVAL);
		CHECK_EQ(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &p), 0);
	}
}

static void nice_levels(void)
{
	int old = getpriority(PRIO_PROCESS, 0);

	CHECK_EQ(setpriority(PRIO_PROCESS, 0, old + 3), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), old + 3);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 99), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
	CHECK_ERR(setpriority(9, 0, 1), EINVAL);
	CHECK_ERR(getpriority(PRIO_PROCESS, 999999), ESRCH);
}
static void nice_child(void)
{
	CHECK_EQ(in_child(nice_levels), 0);
}

static void affinity(void)
{
	cpu_set_t all, one, got;
	unsigned cpu = 99;

	CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
	CHECK(CPU_COUNT(&all) >= 1);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
		CHECK_EQ(syscall(SYS_getcpu, &cpu, NULL, NULL), 0);
		CHECK_EQ(cpu, i);
		CHECK_EQ(sched_getaffinity(0, sizeof(got), &got), 0);
		CHECK(CPU_EQUAL(&one, &got));
	}
	CPU_ZERO(&one);
	CHECK_ERR(sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 1, &all), EINVAL);
	CHECK_ERR(sched_getaffinity(999999, sizeof(all), &all), ESRCH);
}

/* --- rseq: a thread of its own, as musl registers none --- */

struct rseq_area {
	uint32_t cpu_id_start, cpu_id;
	uint64_t cs;
	uint32_t flags, node, mm_cid, pad;
} __attribute__((aligned(32)));
#define SIG 0x53053053

static struct rseq_area area;
static void on_alarm(int sig)
{
}
static void *rseq_thread(void *arg)
{
	cpu_set_t all, one;
	unsigned cpu;

	CHECK_ERR(syscall(SYS_rseq, (char *)&area + 8, 32, 0, SIG), EINVAL);
	CHECK_EQ(syscall(SYS_rseq, &area, 32, 0, SIG), 0);
	CHECK_ERR(syscall(SYS_rseq, &area, 32, 0, SIG), EBUSY);
	CHECK_ERR(syscall(SYS_rseq, &area, 32, 0, SIG + 1), EPERM);
	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		sched_setaffinity(0, sizeof(one), &one);
		syscall(SYS_getcpu, &cpu, NULL, NULL);
		CHECK_EQ(*(volatile uint32_t *)&area.cpu_id, cpu);
		CHECK_EQ(*(volatile uint32_t *)&area.cpu_id_start, cpu);
	}
	sched_setaffinity(0, sizeof(all), &all);
	/* A section that never ends by itself: it is left by preemption or a signal. */
	long aborted;
	struct {
		uint32_t version, flags;
		uint64_t start, post, abort;
	} __attribute__((aligned(32))) cs;
	memset(&cs, 0, sizeof(cs));
	struct sigaction sa = { .sa_handler = on_alarm };
	sigaction(SIGALRM, &sa, NULL);
	struct itimerspec its = { .it_value = { 0, 20000000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	timer_t t;
	timer_create(CLOCK_MONOTONIC, &ev, &t);
	timer_settime(t, 0, &its, NULL);
	__asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
			 "movq %%rax, %[start]\n\t"
			 "leaq 2f(%%rip), %%rcx\n\t"
			 "subq %%rax, %%rcx\n\t"
			 "movq %%rcx, %[post]\n\t"
			 "leaq 4f(%%rip), %%rax\n\t"
			 "movq %%rax, %[abort]\n\t"
			 "leaq %[cs], %%rax\n\t"
			 "movq %%rax, %[ptr]\n\t"
			 "1: pause; jmp 1b\n\t"
			 "2: movq $0, %[out]; jmp 5f\n\t"
			 "3: .long %c[sig]\n\t"
			 "4: movq $1, %[out]\n\t"
			 "5:\n\t"
			 : [out] "=&r"(aborted), [start] "=m"(cs.start), [post] "=m"(cs.post),
			   [abort] "=m"(cs.abort), [ptr] "=m"(area.cs)
			 : [cs] "m"(cs), [sig] "i"(SIG)
			 : "rax", "rcx", "memory");
	CHECK_EQ(aborted, 1);
	CHECK_EQ(*(volatile uint64_t *)&area.cs, 0);
	timer_delete(t);
	CHECK_EQ(syscall(SYS_rseq, &area, 32, 1, SIG), 0);
	CHECK_ERR(syscall(SYS_rseq, &area, 32, 1, SIG), EINVAL);
	return NULL;
}
static void rseqs(void)
{
	pthread_t t;

	/* the signal may go to any thread: only this one has it open */
	sigset_t s, old;
	pthread_create(&t, NULL, rseq_thread, NULL);
	sigemptyset(&s);
	sigaddset(&s, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &s, &old);
	pthread_join(t, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void barriers(void)
{
	long cmds = syscall(SYS_membarrier, 0, 0, 0);

	CHECK(cmds > 0);
	CHECK(cmds & 8);
	CHECK_ERR(syscall(SYS_membarrier, 8, 0, 0), EPERM);
	CHECK_EQ(syscall(SYS_membarrier, 16, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, 8, 0, 0), 0);
	CHECK_ERR(syscall(SYS_membarrier, 8, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_membarrier, 1 << 20, 0, 0), EINVAL);
}

/* --- ids: in a child, as there is no way back --- */

static void drop_root(void)
{
	uid_t r, e, s;

	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(100, 100, 100), 0);
	CHECK_EQ(syscall(SYS_setresuid, 1000, 1001, 1002), 0);
	CHECK_EQ(getresuid(&r, &e, &s), 0);
	CHECK(r == 1000 && e == 1001 && s == 1002);
	CHECK_EQ(syscall(SYS_setresuid, -1, 1002, -1), 0);
	CHECK_EQ(geteuid(), 1002);
	CHECK_ERR(syscall(SYS_setresuid, 5, -1, -1), EPERM);
	CHECK_ERR(syscall(SYS_setuid, 0), EPERM);
	CHECK_ERR(syscall(SYS_setgid, 0), EPERM);
	CHECK_ERR(setgroups(0, NULL), EPERM);
	CHECK_ERR(kill(1, SIGTERM), EPERM);
	CHECK_EQ(syscall(SYS_setfsuid, 1000), 1002);
	CHECK_EQ(syscall(SYS_setfsuid, -1), 1000);
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_max++;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &l), EPERM);
	CHECK_ERR(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 1), EACCES);
	uint32_t hdr[2] = { 0x20080522, 0 }, data[6];
	CHECK_EQ(syscall(SYS_capget, hdr, data), 0);
	CHECK_EQ(data[0] | data[1] | data[3] | data[4], 0);
}
static void ids(void)
{
	if (getuid() != 0)
		SKIP_HERE("needs root");
	CHECK_EQ(in_child(drop_root), 0);
}

static void forks_limited(void)
{
	struct rlimit l = { 1, 1 };

	CHECK_EQ(syscall(SYS_setresuid, 4321, 4321, 4321), 0);
	CHECK_EQ(setrlimit(RLIMIT_NPROC, &l), 0);
	CHECK_ERR(fork(), EAGAIN);
}
static void nproc(void)
{
	if (getuid() != 0)
		SKIP_HERE("needs root");
	CHECK_EQ(in_child(forks_limited), 0);
}

int main(void)
{
	RUN(policies);
	RUN(nice_child);
	RUN(affinity);
	RUN(rseqs);
	RUN(barriers);
	RUN(ids);
	RUN(nproc);
	return test_done();
}
