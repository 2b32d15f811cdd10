/* SPDX-License-Identifier: MIT */
/*
 * timer_create(2) and friends, see time/posix_timers.h.
 *
 * A timer has one queue entry of its own for its signal.  A periodic timer is armed again only
 * when that signal is taken; the periods that have passed meanwhile are its overruns.  So a
 * period of a nanosecond costs no more than the program can take signals.  A timer that tells nobody
 * (SIGEV_NONE) is never armed: whoever asks computes where it is.
 *
 * The end of a timer: under the siglock it leaves the list, is marked deleted and its entry leaves
 * the queue; after that nothing finds it but its timer function, which may be waiting for the lock
 * and then sees `deleted`.  timer_cancel_sync() waits for that one, without the lock; then it is
 * freed.  The process outlives its timers: timers_exit() is called by its last thread.
 */
#include <time/posix_timers.h>

#include <arch/clock.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <proc/limits.h>
#include <time/posix_timers_api.h>
#include <signal/signal.h>
#include <signal/sigqueue.h>
#include "timers_internal.h"

#define IGNORED_PERIOD (4 * NSEC_PER_MSEC) /* re-arming of a timer whose signal is ignored */

void timers_init(void)
{
	clock_sleep_init();
}

void timers_process_init(struct process *p)
{
	list_init(&p->posix_timers);
	itimer_real_init(p);
}

/* --- expiry --- */

/* Moves expiry past `now`; returns the periods that were skipped. */
static int64_t forward(struct posix_timer *t, uint64_t now) REQUIRES(siglock_role)
{
	uint64_t n;

	if (now < t->expires) {
		return 0;
	}
	n = (now - t->expires) / t->interval;
	t->expires += (n + 1) * t->interval;
	return (int64_t)MIN(n, (uint64_t)INT32_MAX);
}

static void arm_locked(struct posix_timer *t) REQUIRES(siglock_role)
{
	ASSERT(spin_held(&t->process->siglock));
	t->armed = true;
	if (t->notify == SIGEV_NONE) {
		return;
	}
	if (clock_is_cpu(t->clock)) {
		cpu_timer_arm_locked(t->process, t);
	} else {
		timer_arm(&t->timer, t->expires);
	}
}

static uint64_t clock_now_locked(struct posix_timer *t) REQUIRES(siglock_role)
{
	return clock_is_cpu(t->clock)
		       ? cpu_clock_sample_locked(&t->cpu, t->process, clock_mono_ns())
		       : clock_mono_ns();
}

void posix_timer_fire_locked(struct posix_timer *t, uint64_t now)
{
	struct task *target = NULL;
	struct siginfo info;

	ASSERT(spin_held(&t->process->siglock));
	t->armed = false;
	if (list_linked(&t->q->link)) {
		return; /* not taken yet: counts when it is */
	}
	if (t->target) {
		target = pid_get_task(t->target);
		if (!target) {
			return;
		}
	}
	siginfo_init(&info, t->signo, SI_TIMER);
	info.timer.id = t->id;
	info.timer.value = t->value;
	(void)!signal_send_locked(t->process, target, &info, t->q);
	task_put(target);
	if (!list_linked(&t->q->link) && t->interval) { /* ignored */
		forward(t, now);
		t->expires = MAX(t->expires, now + IGNORED_PERIOD);
		arm_locked(t);
	}
}

static void timer_expired(struct timer *timer)
{
	struct posix_timer *t = container_of(timer, struct posix_timer, timer);
	uint64_t flags = process_lock(t->process);

	if (!t->deleted && t->armed && clock_mono_ns() >= t->expires) {
		posix_timer_fire_locked(t, clock_mono_ns());
	}
	process_unlock(t->process, flags);
}

void timer_signal_taken(struct sigqueue *q, struct siginfo *info)
{
	struct posix_timer *t = q->timer;

	ASSERT(spin_held(&t->process->siglock));
	t->overrun_last = 0;
	if (t->interval && !t->armed && !t->deleted) {
		t->overrun_last = forward(t, clock_now_locked(t));
		arm_locked(t);
	}
	info->timer.overrun = (int32_t)t->overrun_last;
}

/* --- life cycle --- */

static void free_timer(struct posix_timer *t)
{
	if (t->q) {
		sigqueue_free_timer(t->q);
	}
	pid_put(t->target);
	cpu_clock_put(&t->cpu);
	kfree(t);
}

/* siglock held: nothing is pending of it any more. */
static void unqueue_locked(struct posix_timer *t) REQUIRES(siglock_role)
{
	ASSERT(spin_held(&t->process->siglock));
	if (list_linked(&t->q->link)) {
		signal_unqueue_locked(t->process, t->q);
	}
}

static void disarm_locked(struct posix_timer *t) REQUIRES(siglock_role)
{
	ASSERT(spin_held(&t->process->siglock));
	t->armed = false;
	if (clock_is_cpu(t->clock)) {
		cpu_timer_disarm_locked(t);
	} else {
		timer_cancel(&t->timer);
	}
	unqueue_locked(t);
}

static void destroy(struct posix_timer *t)
{
	timer_cancel_sync(&t->timer);
	free_timer(t);
}

static void forget_locked(struct process *p, struct posix_timer *t) REQUIRES(siglock_role)
{
	list_remove(&t->link);
	rb_remove(&p->timer_ids, &t->id_node);
	t->deleted = true;
	disarm_locked(t);
}

static void delete_all(struct process *p)
{
	for (;;) {
		uint64_t flags = process_lock(p);
		struct posix_timer *t = NULL;

		if (!list_empty(&p->posix_timers)) {
			t = list_first_entry(&p->posix_timers, struct posix_timer, link);
			forget_locked(p, t);
		}
		process_unlock(p, flags);
		if (!t) {
			return;
		}
		destroy(t);
	}
}

void timers_exec(struct process *p)
{
	delete_all(p);
}

void timers_exit(struct process *p)
{
	delete_all(p);
	itimer_real_stop(p);
	cpu_timers_stop(p);
}

void timers_process_free(struct process *p)
{
	ASSERT(list_empty(&p->posix_timers) && !timer_pending(&p->real_timer));
	cpu_timers_free(p);
}

/* *target: the thread that it names, counted, or NULL. */
static int check_event(const struct linux_sigevent *e, struct pid **target)
{
	struct task *t;

	switch (e->notify) {
	case SIGEV_NONE: return 0;
	case SIGEV_SIGNAL | SIGEV_THREAD_ID:
	case SIGEV_SIGNAL:
	case SIGEV_THREAD: break;
	default: return -EINVAL;
	}
	if (!signal_valid(e->signo)) {
		return -EINVAL;
	}
	if (e->notify & SIGEV_THREAD_ID) {
		*target = pid_find(e->tid);
		t = *target ? pid_get_task(*target) : NULL;
		if (!t || t->process != process_current()) {
			task_put(t);
			return -EINVAL;
		}
		task_put(t);
	}
	return 0;
}

static int check_clock(int clock, struct cpu_clock *cpu)
{
	*cpu = (struct cpu_clock){ 0 };
	if (clock_is_cpu(clock)) {
		int err = cpu_clock_resolve(clock, cpu);

		return err ? err : cpu_timers_prepare(process_current());
	}
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_TAI: return 0;
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
	default: return -EINVAL;
	}
}

/* All are charged, also those that send nothing. */
static int init_timer(struct posix_timer *t, const struct linux_sigevent *event)
{
	struct process *p = process_current();
	struct user_account *u = process_get_user(p);

	t->process = p;
	t->notify = event ? event->notify : SIGEV_SIGNAL;
	t->signo = event ? event->signo : SIGALRM;
	t->value = event ? event->value : 0;
	list_init(&t->link);
	rb_clear(&t->cpu_node);
	list_init(&t->cpu_link);
	timer_init(&t->timer, timer_expired);
	t->q = sigqueue_alloc(u, process_rlimit(p, RLIMIT_SIGPENDING), false);
	user_account_put(u);
	if (!t->q) {
		return -EAGAIN;
	}
	t->q->timer = t;
	return event ? check_event(event, &t->target) : 0;
}

/* The place of the id in the tree: *link is NULL when no timer has it. */
static struct rb_node **find_id_locked(struct process *p, int id, struct rb_node **parent)
	REQUIRES(siglock_role)
{
	struct rb_node **link = &p->timer_ids.root;

	ASSERT(spin_held(&p->siglock));
	*parent = NULL;
	while (*link) {
		int other = rb_entry(*link, struct posix_timer, id_node)->id;

		if (other == id) {
			break;
		}
		*parent = *link;
		link = id < other ? &(*parent)->left : &(*parent)->right;
	}
	return link;
}

static void give_id_locked(struct process *p, struct posix_timer *t) REQUIRES(siglock_role)
{
	struct rb_node *parent, **link;

	do {
		t->id = p->next_timer_id;
		p->next_timer_id = t->id == INT32_MAX ? 0 : t->id + 1;
		link = find_id_locked(p, t->id, &parent);
	} while (*link);
	rb_link(&t->id_node, parent, link);
	rb_insert_fix(&p->timer_ids, &t->id_node);
	list_push_back(&p->posix_timers, &t->link);
}

int posix_timer_create(int clock, const struct linux_sigevent *event, int *id)
{
	struct process *p = process_current();
	struct posix_timer *t;
	struct cpu_clock cpu;
	uint64_t flags;
	int err = check_clock(clock, &cpu);

	t = err ? NULL : kzalloc(sizeof(*t));
	if (!t) {
		cpu_clock_put(&cpu);
		return err ? err : -EAGAIN;
	}
	t->clock = clock;
	t->cpu = cpu;
	err = init_timer(t, event);
	if (err) {
		free_timer(t);
		return err;
	}
	flags = process_lock(p);
	give_id_locked(p, t);
	if (!event) {
		t->value = (uint32_t)t->id;
	}
	*id = t->id; /* unlocked, another thread may delete it by its number */
	process_unlock(p, flags);
	return 0;
}

static struct posix_timer *find_locked(struct process *p, int id) REQUIRES(siglock_role)
{
	struct rb_node *parent, *node = *find_id_locked(p, id, &parent);

	return node ? rb_entry(node, struct posix_timer, id_node) : NULL;
}

int posix_timer_delete(int id)
{
	struct process *p = process_current();
	uint64_t flags = process_lock(p);
	struct posix_timer *t = find_locked(p, id);

	if (t) {
		forget_locked(p, t);
	}
	process_unlock(p, flags);
	if (!t) {
		return -EINVAL;
	}
	destroy(t);
	return 0;
}

/* --- setting and asking --- */

static void get_locked(struct posix_timer *t, struct linux_itimerspec *out) REQUIRES(siglock_role)
{
	uint64_t now = clock_now_locked(t), left = 0;
	bool waiting = list_linked(&t->q->link);

	ASSERT(spin_held(&t->process->siglock));
	if (!cpu_timer_is_dead_locked(t) && (t->armed || (t->interval && waiting))) {
		uint64_t expires = t->expires;

		/* Whole periods that passed while the signal was not taken. */
		if (expires <= now && t->interval) {
			expires += ((now - expires) / t->interval + 1) * t->interval;
		}
		/* 0 would mean disarmed, as is one that has told nobody. */
		left = expires > now ? expires - now : t->notify != SIGEV_NONE;
	}
	out->value = ns_to_timespec(left);
	out->interval = ns_to_timespec(t->interval);
}

int posix_timer_get(int id, struct linux_itimerspec *out)
{
	struct process *p = process_current();
	uint64_t flags = process_lock(p);
	struct posix_timer *t = find_locked(p, id);

	if (t) {
		get_locked(t, out);
	}
	process_unlock(p, flags);
	return t ? 0 : -EINVAL;
}

static void set_locked(struct posix_timer *t, bool absolute, const struct linux_itimerspec *s)
	REQUIRES(siglock_role)
{
	uint64_t ns = timespec_to_ns(&s->value);

	ASSERT(spin_held(&t->process->siglock));
	disarm_locked(t);
	t->overrun_last = 0;
	t->interval = timespec_to_ns(&s->interval);
	if (!ns) {
		return;
	}
	if (clock_is_cpu(t->clock)) {
		t->expires = absolute ? ns : clock_now_locked(t) + ns;
	} else {
		t->expires = clock_deadline(t->clock, &s->value, absolute);
		t->on_wall = absolute && clock_is_wall(t->clock);
	}
	arm_locked(t);
}

int posix_timer_set(int id, int flags_arg, const struct linux_itimerspec *s,
		    struct linux_itimerspec *old)
{
	struct process *p = process_current();
	struct posix_timer *t;
	uint64_t flags;
	int err = 0;

	if (!timespec_valid(&s->value) || !timespec_valid(&s->interval)) {
		return -EINVAL;
	}
	flags = process_lock(p);
	t = find_locked(p, id);
	if (!t) {
		err = -EINVAL;
	} else if (cpu_timer_is_dead_locked(t)) {
		err = -ESRCH;
	} else {
		get_locked(t, old);
		set_locked(t, flags_arg & TIMER_ABSTIME, s);
	}
	process_unlock(p, flags);
	return err;
}

int posix_timer_overrun(int id)
{
	struct process *p = process_current();
	uint64_t flags = process_lock(p);
	struct posix_timer *t = find_locked(p, id);
	int result = t ? (int)MIN(t->overrun_last, (int64_t)INT32_MAX) : -EINVAL;

	process_unlock(p, flags);
	return result;
}

/* --- the wall clock is set --- */

/* Timers that were set to a time of day keep to it. */
static void move_wall_timers(struct process *p, int64_t forward_ns)
{
	uint64_t flags = process_lock(p);
	struct posix_timer *t;

	list_for_each_entry(t, &p->posix_timers, link) {
		if (t->armed && t->on_wall) {
			int64_t expires = (int64_t)t->expires - forward_ns;

			t->expires = expires < 0 ? 0 : (uint64_t)expires;
			arm_locked(t);
		}
	}
	process_unlock(p, flags);
}

void clock_set_realtime(int64_t ns)
{
	int64_t old = clock_wall_offset_ns(), offset = ns - (int64_t)clock_mono_ns();
	struct process *p;

	clock_set_wall_offset_ns(offset);
	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		nr = process_pid(p) + 1;
		move_wall_timers(p, offset - old);
	}
	timerfd_clock_was_set();
	clock_wake_wall_sleepers();
}
