/* SPDX-License-Identifier: MIT */
/*
 * setitimer(2): ITIMER_REAL here, the others in cpu_timers.c.
 *
 * The timer function runs in an interrupt and takes the siglock.  It may have been waiting for it while
 * the timer was set anew: so it looks at real_armed and real_expires, and does nothing before its time.
 * A period begins again when the signal is taken: one that is blocked or ignored costs nothing.
 */
#include <arch/clock.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <time/posix_timers_api.h>
#include <signal/signal.h>
#include "timers_internal.h"

static void real_expired(struct timer *timer)
{
	struct process *p = container_of(timer, struct process, real_timer);
	uint64_t flags = process_lock(p), now = clock_mono_ns();

	if (p->real_armed && now >= p->real_expires) {
		p->real_armed = false;
		signal_kernel_locked(p, SIGALRM);
	}
	process_unlock(p, flags);
}

void itimer_real_taken_locked(struct process *p)
{
	uint64_t now;

	ASSERT(spin_held(&p->siglock));
	if (p->real_armed || !p->real_interval) {
		return;
	}
	now = clock_mono_ns();
	if (now >= p->real_expires) {
		p->real_expires += ((now - p->real_expires) / p->real_interval + 1) *
				   p->real_interval;
	}
	p->real_armed = true;
	timer_arm(&p->real_timer, p->real_expires);
}

void itimer_real_init(struct process *p)
{
	timer_init(&p->real_timer, real_expired);
}

void itimer_real_stop(struct process *p)
{
	uint64_t flags = process_lock(p);

	p->real_armed = false;
	p->real_interval = 0;
	process_unlock(p, flags);
	timer_cancel_sync(&p->real_timer);
}

static void real_get_locked(struct process *p, uint64_t *left, uint64_t *interval)
	REQUIRES(siglock_role)
{
	uint64_t now = clock_mono_ns();

	ASSERT(spin_held(&p->siglock));
	*interval = p->real_interval;
	*left = 0;
	if (p->real_armed) {
		*left = p->real_expires > now ? p->real_expires - now : NSEC_PER_USEC;
	}
}

static void real_set_locked(struct process *p, uint64_t left, uint64_t interval)
	REQUIRES(siglock_role)
{
	ASSERT(spin_held(&p->siglock));
	p->real_interval = left ? interval : 0;
	p->real_armed = left != 0;
	if (left) {
		p->real_expires = clock_mono_ns() + left;
		timer_arm(&p->real_timer, p->real_expires);
	} else {
		timer_cancel(&p->real_timer);
	}
}

static unsigned cpu_share(int which)
{
	return which == ITIMER_PROF ? CPU_PROF : CPU_VIRT;
}

int itimer_get(int which, uint64_t *left, uint64_t *interval)
{
	struct process *p = process_current();
	uint64_t flags;

	if (which < ITIMER_REAL || which > ITIMER_PROF) {
		return -EINVAL;
	}
	flags = process_lock(p);
	if (which == ITIMER_REAL) {
		real_get_locked(p, left, interval);
	} else {
		cpu_itimer_get_locked(p, cpu_share(which), left, interval);
	}
	process_unlock(p, flags);
	return 0;
}

int itimer_set(int which, uint64_t left, uint64_t interval)
{
	struct process *p = process_current();
	uint64_t flags;
	int err = 0;

	if (which < ITIMER_REAL || which > ITIMER_PROF) {
		return -EINVAL;
	}
	if (which != ITIMER_REAL) {
		err = cpu_timers_prepare(p);
	}
	if (err) {
		return err;
	}
	flags = process_lock(p);
	if (which == ITIMER_REAL) {
		real_set_locked(p, left, interval);
	} else {
		cpu_itimer_set_locked(p, cpu_share(which), left, interval);
	}
	process_unlock(p, flags);
	return 0;
}
