/* SPDX-License-Identifier: MIT */
/*
 * The vDSO's code: runs in the program, on the program's stack, with the program's
 * registers.  It may touch nothing of the kernel but the clock page, which lies in the
 * page before it; it has no data and no relocations.
 */
#include <arch/clock.h>

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
#define NR_GETTIMEOFDAY 96
#define NR_TIME 201
#define NR_CLOCK_GETTIME 228
#define NR_CLOCK_GETRES 229

/* The selector whose limit is the CPU's number (kernel/arch/cpu.c), as on Linux. */
#define SEL_CPU_NODE 0x7b

struct timespec {
	int64_t sec, nsec;
};
struct timeval {
	int64_t sec, usec;
};
struct timezone {
	int32_t minuteswest, dsttime;
};

int __vdso_clock_gettime(int clock, struct timespec *ts);
int __vdso_clock_getres(int clock, struct timespec *ts);
int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
int64_t __vdso_time(int64_t *t);
long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused);

/* Set by vdso.lds: one page below the first byte of this object. */
extern const struct clock_params vdso_clock_page __attribute__((visibility("hidden")));

static inline long syscall2(long nr, long a, long b)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b)
			 : "rcx", "r11", "memory");
	return result;
}

static inline uint64_t tsc_ordered(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

/* Nanoseconds of the monotonic or the wall clock; false: ask the kernel. */
static inline bool clock_read(bool wall, uint64_t *ns)
{
	const struct clock_params *p = &vdso_clock_page;
	uint64_t tsc, delta, mult, base;
	uint32_t seq, shift;
	int64_t offset;

	do {
		seq = atomic_load_explicit(&p->seq, memory_order_acquire);
		tsc = tsc_ordered();
		delta = tsc > p->base_tsc ? tsc - p->base_tsc : 0;
		mult = p->mult;
		shift = p->shift;
		base = p->base_ns;
		offset = atomic_load_explicit(&p->wall_offset_ns, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire); /* pairs with params_lock() */
	} while (seq & 1 || seq != atomic_load_explicit(&p->seq, memory_order_relaxed));
	if (mult == 0) {
		return false;
	}
	*ns = (uint64_t)(((unsigned __int128)delta * mult) >> (shift & 63)) + base;
	if (wall) {
		*ns += (uint64_t)offset;
	}
	return true;
}

static inline bool is_wall(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}
static inline bool is_ours(int clock)
{
	const unsigned ours = 1u << CLOCK_REALTIME | 1u << CLOCK_MONOTONIC |
			      1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_REALTIME_COARSE |
			      1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME;

	return (unsigned)clock < 32 && (ours >> clock & 1);
}

int __vdso_clock_gettime(int clock, struct timespec *ts)
{
	uint64_t ns;

	if (!is_ours(clock) || !clock_read(is_wall(clock), &ns)) {
		return (int)syscall2(NR_CLOCK_GETTIME, clock, (long)ts);
	}
	ts->sec = (int64_t)(ns / NSEC_PER_SEC);
	ts->nsec = (int64_t)(ns % NSEC_PER_SEC);
	return 0;
}

int __vdso_clock_getres(int clock, struct timespec *ts)
{
	if (!is_ours(clock)) {
		return (int)syscall2(NR_CLOCK_GETRES, clock, (long)ts);
	}
	if (ts) {
		*ts = (struct timespec){ 0, 1 };
	}
	return 0;
}

int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	uint64_t ns;

	if (!clock_read(true, &ns)) {
		return (int)syscall2(NR_GETTIMEOFDAY, (long)tv, (long)tz);
	}
	if (tv) {
		tv->sec = (int64_t)(ns / NSEC_PER_SEC);
		tv->usec = (int64_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC);
	}
	if (tz) {
		*tz = (struct timezone){ 0, 0 };
	}
	return 0;
}

int64_t __vdso_time(int64_t *t)
{
	uint64_t ns;
	int64_t sec;

	if (!clock_read(true, &ns)) {
		return syscall2(NR_TIME, (long)t, 0);
	}
	sec = (int64_t)(ns / NSEC_PER_SEC);
	if (t) {
		*t = sec;
	}
	return sec;
}

long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused)
{
	uint32_t limit;

	(void)unused;
	__asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(SEL_CPU_NODE));
	if (cpu) {
		*cpu = limit & 0xfff;
	}
	if (node) {
		*node = limit >> 12;
	}
	return 0;
}

/* The names without the prefix, too, as Linux has them. */
#define ALIAS(name) __attribute__((weak, alias("__vdso_" #name)))
int clock_gettime(int clock, struct timespec *ts) ALIAS(clock_gettime);
int clock_getres(int clock, struct timespec *ts) ALIAS(clock_getres);
int gettimeofday(struct timeval *tv, struct timezone *tz) ALIAS(gettimeofday);
int64_t time(int64_t *t) ALIAS(time);
long getcpu(uint32_t *cpu, uint32_t *node, void *unused) ALIAS(getcpu);
