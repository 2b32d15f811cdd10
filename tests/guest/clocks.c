/* SPDX-License-Identifier: MIT */
/* Clocks: the calls, the vDSO's answers next to the kernel's, errors. */
#define _GNU_SOURCE
#include "guest.h"

#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>

static long long ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000ll + t->tv_nsec;
}
static long long raw(clockid_t c)
{
	struct timespec t = { -1, -1 };

	CHECK_EQ(syscall(SYS_clock_gettime, c, &t), 0);
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return ns(&t);
}
static long long now(clockid_t c)
{
	struct timespec t = { -1, -1 };

	CHECK_EQ(clock_gettime(c, &t), 0);
	CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
	return ns(&t);
}

static const clockid_t all[] = {
	CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
	CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,      CLOCK_TAI
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_order(void)
{
	/* the library's answer (vDSO) lies between two of the kernel's */
	for (size_t i = 0; i < COUNT(all); i++) {
		clockid_t c = all[i];
		long long slack = c == CLOCK_REALTIME_COARSE || c == CLOCK_MONOTONIC_COARSE ||
						  c == CLOCK_MONOTONIC_RAW
					  ? 20000000
					  : 0;

		for (int n = 0; n < 200; n++) {
			long long a = raw(c), b = now(c), d = raw(c);

			CHECK(a <= b + slack && b <= d + slack);
		}
	}
}

static void test_monotonic(void)
{
	long long last = 0, start = now(CLOCK_MONOTONIC);
	struct timespec t = { 0, 20000000 };

	for (int i = 0; i < 100000; i++) {
		long long n = now(CLOCK_MONOTONIC);

		CHECK(n >= last);
		last = n;
	}
	CHECK_EQ(nanosleep(&t, NULL), 0);
	CHECK(now(CLOCK_MONOTONIC) - start >= 20000000);
	CHECK(now(CLOCK_BOOTTIME) + 1000000 >= now(CLOCK_MONOTONIC));
}

static void *watch(void *arg)
{
	long long *shared = arg, last = 0;

	for (int i = 0; i < 200000; i++) {
		long long seen = __atomic_load_n(shared, __ATOMIC_ACQUIRE);
		long long n = now(CLOCK_MONOTONIC);

		/* 1 us: TSCs of different CPUs need not agree to the tick */
		if (n + 1000 < seen || n < last)
			return (void *)1;
		last = n;
		__atomic_store_n(shared, n, __ATOMIC_RELEASE);
	}
	return NULL;
}
static void test_across_cpus(void)
{
	long long shared = 0;
	pthread_t t[4];
	void *r;

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, watch, &shared), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &r);
		CHECK(r == NULL);
	}
}

static void test_wall(void)
{
	struct timeval tv = { -1, -1 };
	struct timezone tz = { 1, 1 };
	long long a = raw(CLOCK_REALTIME) / 1000, b;
	time_t t0 = time(NULL), t1;

	CHECK_EQ(gettimeofday(&tv, NULL), 0);
	b = raw(CLOCK_REALTIME) / 1000;
	CHECK(a <= tv.tv_sec * 1000000ll + tv.tv_usec);
	CHECK(b >= tv.tv_sec * 1000000ll + tv.tv_usec);
	CHECK_EQ(syscall(SYS_gettimeofday, &tv, &tz), 0);
	CHECK_EQ(syscall(SYS_time, &t1), t1);
	CHECK(t1 >= t0 && t1 <= t0 + 2);
	CHECK(t0 > 1700000000);
	CHECK_ERR(syscall(SYS_time, (void *)8), EFAULT);
	CHECK_ERR(syscall(SYS_gettimeofday, (void *)8, NULL), EFAULT);
}

static void test_resolution(void)
{
	struct timespec r;

	for (size_t i = 0; i < COUNT(all); i++) {
		r = (struct timespec){ -1, -1 };
		CHECK_EQ(clock_getres(all[i], &r), 0);
		CHECK(r.tv_sec == 0 && r.tv_nsec > 0 && r.tv_nsec <= 10000000);
		CHECK_EQ(syscall(SYS_clock_getres, all[i], NULL), 0);
	}
	CHECK_ERR(syscall(SYS_clock_getres, 77, &r), EINVAL);
	CHECK_ERR(syscall(SYS_clock_getres, CLOCK_REALTIME, (void *)8), EFAULT);
}

static void test_errors(void)
{
	struct timespec t = { 0, 0 };

	CHECK_ERR(syscall(SYS_clock_gettime, 77, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, 10, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_REALTIME, (void *)8), EFAULT);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_REALTIME, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_settime, 77, &t), EINVAL);
	t.tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EINVAL);
	t.tv_nsec = -1;
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EINVAL);
	t = (struct timespec){ -1, 0 };
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_settime, CLOCK_REALTIME, (void *)8), EFAULT);
}

static void burn(long long nanoseconds)
{
	long long end = now(CLOCK_THREAD_CPUTIME_ID) + nanoseconds;

	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}
static void *burner(void *arg)
{
	burn(30000000);
	return arg;
}
static void test_cpu_clocks(void)
{
	long long p0 = now(CLOCK_PROCESS_CPUTIME_ID), t0 = now(CLOCK_THREAD_CPUTIME_ID);
	struct timespec nap = { 0, 30000000 }, ts;
	clockid_t c, tc;
	pthread_t t;
	clock_t k0 = clock();

	/* Bounds relative to each other: in a VM, what the host takes away counts as CPU time. */
	long long w0 = now(CLOCK_MONOTONIC);

	nanosleep(&nap, NULL);
	CHECK(now(CLOCK_THREAD_CPUTIME_ID) - t0 < now(CLOCK_MONOTONIC) - w0 - 15000000);
	burn(20000000);
	CHECK(now(CLOCK_THREAD_CPUTIME_ID) - t0 >= 20000000);
	pthread_create(&t, NULL, burner, NULL);
	CHECK_EQ(pthread_getcpuclockid(t, &tc), 0);
	CHECK_EQ(clock_gettime(tc, &ts), 0);
	pthread_join(t, NULL);
	CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - p0 >= 50000000);
	CHECK(now(CLOCK_THREAD_CPUTIME_ID) - t0 < now(CLOCK_PROCESS_CPUTIME_ID) - p0 - 25000000);
	CHECK(clock() - k0 >= 49000);
	CHECK_EQ(clock_getcpuclockid(0, &c), 0);
	CHECK(llabs(now(c) - now(CLOCK_PROCESS_CPUTIME_ID)) < 20000000);
	CHECK_EQ(clock_getcpuclockid(getpid(), &c), 0);
	CHECK_EQ(clock_gettime(c, &ts), 0);
	/* a process that does not exist: ~pid << 3 | 2 */
	CHECK_ERR(syscall(SYS_clock_gettime, (int)(~4000000u << 3 | 2), &ts), EINVAL);
}

static void test_adjtimex(void)
{
	struct timex tx = { .modes = 0 };
	int r = syscall(SYS_adjtimex, &tx);

	CHECK(r >= 0 && r <= 5);
	CHECK(tx.tick > 0);
	CHECK(tx.time.tv_sec > 1700000000);
	CHECK_ERR(syscall(SYS_adjtimex, (void *)8), EFAULT);
}

static void test_vdso(void)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)base;
	const Elf64_Phdr *ph;
	int dynamic = 0, load = 0;
	unsigned cpu = ~0u, node = ~0u;

	CHECK(base != NULL);
	if (!base)
		return;
	ph = (const Elf64_Phdr *)(base + h->e_phoff);
	for (int i = 0; i < h->e_phnum; i++) {
		dynamic += ph[i].p_type == PT_DYNAMIC;
		load += ph[i].p_type == PT_LOAD;
	}
	CHECK(dynamic == 1 && load == 1);
	CHECK_EQ(syscall(SYS_getcpu, &cpu, &node, NULL), 0);
	CHECK(cpu < 4096 && node == 0);
	CHECK(sched_getcpu() >= 0);
	/* reads are far cheaper than calls */
	long long t0 = now(CLOCK_MONOTONIC);

	for (int i = 0; i < 20000; i++)
		now(CLOCK_MONOTONIC);
	long long t1 = now(CLOCK_MONOTONIC);

	for (int i = 0; i < 20000; i++)
		raw(CLOCK_MONOTONIC);
	long long t2 = now(CLOCK_MONOTONIC);

	printf("# vDSO %lld ns, system call %lld ns\n", (t1 - t0) / 20000, (t2 - t1) / 20000);
}

int main(void)
{
	RUN(test_order);
	RUN(test_monotonic);
	RUN(test_across_cpus);
	RUN(test_wall);
	RUN(test_resolution);
	RUN(test_errors);
	RUN(test_cpu_clocks);
	RUN(test_adjtimex);
	RUN(test_vdso);
	return test_done();
}
