/* SPDX-License-Identifier: MIT */
/*
 * Clocks of programs, sleeping on them, CPU clocks of threads and processes.
 *
 * CLOCK_REALTIME is the monotonic clock and an offset.  A sleep until a time of day ends when the
 * clock shows it, also when it is set meanwhile: clock_set_realtime() changes the offset and then
 * wakes wall_sleepers, who compare the offset when they are on the queue.
 */
#include <time/posix_timers.h>

#include <arch/clock.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/usercopy.h>
#include <signal/signal.h>
#include "timers_internal.h"

bool timespec_valid(const struct timespec64 *ts)
{
	return ts->sec >= 0 && ts->nsec >= 0 && ts->nsec < (int64_t)NSEC_PER_SEC;
}

uint64_t timespec_to_ns(const struct timespec64 *ts)
{
	uint64_t ns;

	if (__builtin_mul_overflow((uint64_t)ts->sec, NSEC_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)ts->nsec, &ns) || ns > INT64_MAX) {
		return INT64_MAX;
	}
	return ns;
}

struct timespec64 ns_to_timespec(uint64_t ns)
{
	return (struct timespec64){ (int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC) };
}

struct linux_timeval ns_to_timeval(uint64_t ns)
{
	return (struct linux_timeval){ (int64_t)(ns / NSEC_PER_SEC),
				       (int64_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

bool clock_is_wall(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ||
	       clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

bool clock_is_cpu(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

uint64_t clock_deadline(int clock, const struct timespec64 *ts, bool absolute)
{
	uint64_t ns = timespec_to_ns(ts);

	if (!absolute) {
		uint64_t deadline = clock_mono_ns() + ns;

		return ns >= INT64_MAX ? DEADLINE_NONE - 1 : deadline;
	}
	if (clock_is_wall(clock)) {
		int64_t mono;

		if (__builtin_sub_overflow((int64_t)MIN(ns, (uint64_t)INT64_MAX),
					   clock_wall_offset_ns(), &mono)) {
			return DEADLINE_NONE - 1;
		}
		return mono < 0 ? 0 : (uint64_t)mono;
	}
	return ns;
}

/* --- CPU clocks --- */

static bool decode_cpu_clock(int clock, int *pid, unsigned *which, bool *thread)
{
	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID) {
		*pid = 0;
		*which = CPU_SCHED;
		*thread = clock == CLOCK_THREAD_CPUTIME_ID;
		return true;
	}
	*pid = ~(clock >> 3);
	*which = (unsigned)clock & CPUCLOCK_WHICH;
	*thread = clock & CPUCLOCK_PERTHREAD;
	return clock < 0 && *which <= CPU_SCHED && *pid >= 0;
}

int cpu_clock_resolve(int clock, struct cpu_clock *out)
{
	struct task *self = task_current();
	bool thread;
	int pid;

	out->task = NULL;
	out->process = NULL;
	if (!decode_cpu_clock(clock, &pid, &out->which, &thread)) {
		return -EINVAL;
	}
	if (thread) {
		out->task = pid ? task_find(pid) : self;
		if (out->task && !pid) {
			task_get(self);
		}
		/* Only threads of one's own process. */
		if (out->task && out->task->process != self->process) {
			cpu_clock_put(out);
		}
		return out->task ? 0 : -EINVAL;
	}
	out->process = pid ? process_find(pid) : self->process;
	if (out->process && !pid) {
		process_get(self->process);
	}
	return out->process ? 0 : -EINVAL;
}

void cpu_clock_put(struct cpu_clock *c)
{
	task_put(c->task);
	process_put(c->process);
	c->task = NULL;
	c->process = NULL;
}

static uint64_t share_of(unsigned which, uint64_t utime, uint64_t stime)
{
	return which == CPU_VIRT ? utime : utime + stime;
}

static uint64_t sample_task(unsigned which, struct task *t)
{
	uint64_t utime, stime;

	task_cpu_ns(t, &utime, &stime);
	return share_of(which, utime, stime);
}

uint64_t cpu_sample_locked(unsigned which, struct process *p, uint64_t since)
{
	if (!p->cpu_sampled_ns || p->cpu_sampled_ns < since) {
		p->cpu_sampled_ns = clock_mono_ns();
		process_cpu_ns_locked(p, &p->cpu_sampled_utime, &p->cpu_sampled_stime);
	}
	return share_of(which, p->cpu_sampled_utime, p->cpu_sampled_stime);
}

static void sample_other(struct cpu_clock *c, uint64_t since)
	LOCK_UNCHECKED("a second siglock; there is no order between the two, hence a try")
{
	if (spin_trylock(&c->process->siglock)) {
		c->seen = cpu_sample_locked(c->which, c->process, since);
		spin_unlock(&c->process->siglock);
	}
}

uint64_t cpu_clock_sample_locked(struct cpu_clock *c, struct process *own, uint64_t since)
{
	ASSERT(spin_held(&own->siglock));
	if (c->task) {
		return sample_task(c->which, c->task);
	}
	if (c->process == own) {
		return cpu_sample_locked(c->which, own, since);
	}
	sample_other(c, since);
	return c->seen;
}

static int read_cpu_clock(int clock, struct timespec64 *ts)
{
	struct cpu_clock c;
	uint64_t flags, ns;
	int err = cpu_clock_resolve(clock, &c);

	if (err) {
		return err;
	}
	if (c.task) {
		ns = sample_task(c.which, c.task);
	} else {
		flags = process_lock(c.process);
		ns = cpu_sample_locked(c.which, c.process, clock_mono_ns());
		process_unlock(c.process, flags);
	}
	cpu_clock_put(&c);
	*ts = ns_to_timespec(ns);
	return 0;
}

/* --- reading --- */

int clock_read(int clock, struct timespec64 *ts)
{
	uint64_t now;

	if (clock_is_cpu(clock)) {
		return read_cpu_clock(clock, ts);
	}
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI: now = clock_mono_ns() + (uint64_t)clock_wall_offset_ns(); break;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM: now = clock_mono_ns(); break;
	default: return -EINVAL;
	}
	*ts = ns_to_timespec(now);
	return 0;
}

int clock_resolution(int clock, struct timespec64 *ts)
{
	struct timespec64 unused;
	int err = clock_read(clock, &unused);

	*ts = (struct timespec64){ 0, 1 };
	if (clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE) {
		ts->nsec = 4000000; /* what Linux says with HZ=250; ours is finer */
	}
	return err;
}

/* --- sleeping --- */

static long write_remain(user_ptr remain, uint64_t deadline)
{
	uint64_t now = clock_mono_ns();
	struct timespec64 left = ns_to_timespec(deadline > now ? deadline - now : 0);

	return user_ptr_is_null(remain) ? 0 : copy_to_user(remain, &left, sizeof(left));
}

static long sleep_relative(uint64_t deadline, user_ptr remain);

static long sleep_again(struct task *t)
{
	return sleep_relative(t->restart.arg[0], (user_ptr){ t->restart.arg[1] });
}

static long sleep_relative(uint64_t deadline, user_ptr remain)
{
	uint64_t args[] = { deadline, remain.addr };
	long err = sched_sleep_until(deadline, WAIT_INTR);

	if (!err) {
		return 0;
	}
	err = write_remain(remain, deadline);
	return err ? err : signal_set_restart(sleep_again, args, ARRAY_SIZE(args));
}

/* Until the process has used that much CPU: looks when it can have, at the earliest. */
static long sleep_on_cpu_clock(int clock, bool absolute, uint64_t ns)
{
	struct timespec64 ts;
	uint64_t target = ns, now;
	int err = read_cpu_clock(clock, &ts);

	if (err) {
		return err;
	}
	now = timespec_to_ns(&ts);
	target = absolute ? ns : now + ns;
	while (now < target) {
		uint64_t threads = MAX(READ_ONCE(process_current()->nthreads), 1u);
		uint64_t step = MAX((target - now) / threads, NSEC_PER_MSEC / 4);

		err = sched_sleep_until(clock_mono_ns() + step, WAIT_INTR);
		if (!err) {
			err = read_cpu_clock(clock, &ts);
		}
		if (err) {
			return err == -ERESTARTSYS ? -EINTR : err;
		}
		now = timespec_to_ns(&ts);
	}
	return 0;
}

static struct waitq wall_sleepers;

void clock_wake_wall_sleepers(void)
{
	waitq_wake_all(&wall_sleepers);
}

void clock_sleep_init(void)
{
	waitq_init(&wall_sleepers);
}

static bool clock_was_set(void *seen)
{
	return clock_wall_offset_ns() != *(int64_t *)seen;
}

/* Until the clock shows ts, also when it is set meanwhile. */
static long sleep_on_wall(int clock, const struct timespec64 *ts)
{
	int64_t offset;
	int err;

	do {
		offset = clock_wall_offset_ns();
		err = waitq_wait_until(&wall_sleepers, clock_was_set, &offset, WAIT_INTR,
				       clock_deadline(clock, ts, true));
	} while (!err);
	return err == -ETIMEDOUT ? 0 : -ERESTARTNOHAND;
}

long clock_sleep(int clock, bool absolute, const struct timespec64 *ts, user_ptr remain)
{
	uint64_t deadline;

	if (!timespec_valid(ts)) {
		return -EINVAL;
	}
	if (clock_is_cpu(clock)) {
		if (clock == CLOCK_THREAD_CPUTIME_ID) {
			return -EINVAL;
		}
		return sleep_on_cpu_clock(clock, absolute, timespec_to_ns(ts));
	}
	deadline = clock_deadline(clock, ts, absolute);
	if (!absolute) {
		return sleep_relative(deadline, remain);
	}
	if (clock_is_wall(clock)) {
		return sleep_on_wall(clock, ts);
	}
	return sched_sleep_until(deadline, WAIT_INTR) ? -ERESTARTNOHAND : 0;
}
