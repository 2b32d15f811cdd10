/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Clocks and timers of programs: sleeping, POSIX timers, interval timers, CPU-time limits.
 *
 * A timer on a wall or monotonic clock is a kernel timer whose function queues a signal under the
 * process's siglock.  CPU-time timers need no tick: the earliest one that can expire, were all
 * threads to run all the time, arms one kernel timer per process, which looks and arms again.
 *
 * All timers of a process are protected by its siglock.
 */
#include <lib/timespec.h>
#include <linux/time.h>
#include <mm/user_ptr.h>
#include <proc/task.h>

struct sigqueue;
struct linux_itimerspec {
	struct timespec64 interval, value;
};

/* Now on a clock, CPU clocks of others (negative ids) included: 0, -EINVAL. */
MUST_USE int clock_read(int clock, struct timespec64 *ts);
MUST_USE int clock_resolution(int clock, struct timespec64 *ts);
/* settimeofday, clock_settime(CLOCK_REALTIME): moves absolute timers with it. */
void clock_set_realtime(int64_t ns);

/* Conversions; false when out of range (EINVAL). */
bool timespec_valid(const struct timespec64 *ts);
uint64_t timespec_to_ns(const struct timespec64 *ts); /* saturates */
struct timespec64 ns_to_timespec(uint64_t ns);
struct linux_timeval ns_to_timeval(uint64_t ns);
/* A relative or absolute time of a clock as a deadline of clock_mono_ns(). */
uint64_t clock_deadline(int clock, const struct timespec64 *ts, bool absolute);

long clock_sleep(int clock, bool absolute, const struct timespec64 *ts, user_ptr remain);

/* fork starts with none; exec and exit drop all. */
void timers_process_init(struct process *p);
void timers_exec(struct process *p);
void timers_exit(struct process *p);
/* The process is freed: after timers_exit(). */
void timers_process_free(struct process *p);
/* siglock held: a queued timer signal is being taken: fill in overruns, arm the next. */
/* SIGALRM of p was taken: ITIMER_REAL begins its next period. */
void itimer_real_taken_locked(struct process *p) REQUIRES(siglock_role);
void timer_signal_taken(struct sigqueue *q, struct siginfo *info) REQUIRES(siglock_role);
/* RLIMIT_CPU was set. */
void cpu_limit_changed(struct process *p);
void timers_init(void);
