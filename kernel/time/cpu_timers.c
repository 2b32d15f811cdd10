/* SPDX-License-Identifier: MIT */
/*
 * Timers on CPU time: POSIX timers on CPU clocks, ITIMER_VIRTUAL, ITIMER_PROF, RLIMIT_CPU.
 *
 * No tick counts for them.  The least CPU time that is left until one expires, divided by the
 * threads that could use it up at once, is how long real time must pass at least: one kernel timer
 * per process fires then, looks, and arms itself again.
 *
 * All under the siglock.  struct cpu_timers is made when first needed and stays until the process is
 * freed; `stopped` (the last thread ends) keeps a function that runs from arming it once more.
 */
#include <arch/clock.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <proc/lifecycle.h>
#include <signal/signal.h>
#include "timers_internal.h"

#define MIN_STEP (100 * NSEC_PER_USEC)
#define MAX_AT_ONCE 32

struct cpu_itimer {
	uint64_t expires, interval; /* ns of CPU time; expires 0 = off */
};
struct cpu_timers {
	struct process *process;
	struct timer timer;
	struct rb_tree armed GUARDED_BY(siglock_role);	      /* struct posix_timer.cpu_node */
	struct cpu_itimer itimer[2] GUARDED_BY(siglock_role); /* CPU_PROF, CPU_VIRT */
	uint64_t next_xcpu
		GUARDED_BY(siglock_role); /* ns: when SIGXCPU is due; 0 = RLIMIT_CPU is not set */
	bool stopped GUARDED_BY(siglock_role);
};

bool cpu_timer_is_dead_locked(const struct posix_timer *t)
{
	ASSERT(spin_held(&t->process->siglock));
	return t->cpu.task && t->cpu.task->exiting;
}

/* --- what has expired; each returns the CPU time left until its next expiry --- */

/* The order in `armed`: by clock, then by expiry; equal ones as they came. */
static int compare_clocks(const struct cpu_clock *a, const struct cpu_clock *b)
{
	uintptr_t x = (uintptr_t)a->task | (uintptr_t)a->process;
	uintptr_t y = (uintptr_t)b->task | (uintptr_t)b->process;

	return x != y ? (x < y ? -1 : 1) : (int)a->which - (int)b->which;
}

static bool comes_before(const struct posix_timer *a, const struct posix_timer *b)
	REQUIRES(siglock_role)
{
	int order = compare_clocks(&a->cpu, &b->cpu);

	return order ? order < 0 : a->expires < b->expires;
}

/* The first to expire by the clock after this one (NULL: by the first). */
static struct posix_timer *next_clock(struct cpu_timers *c, const struct cpu_clock *after)
	REQUIRES(siglock_role)
{
	struct posix_timer *first = NULL;

	for (struct rb_node *n = c->armed.root; n;) {
		struct posix_timer *t = rb_entry(n, struct posix_timer, cpu_node);
		bool later = !after || compare_clocks(&t->cpu, after) > 0;

		first = later ? t : first;
		n = later ? n->left : n->right;
	}
	return first;
}

/* Takes out what has expired by t's clock, or never will (or it would be looked at for ever), of which
 * t is the first; *room: how many more may.  Returns the time until the next one. */
static uint64_t collect(struct cpu_timers *c, struct posix_timer *t, uint64_t since,
			struct list *due, unsigned *room) REQUIRES(siglock_role)
{
	const struct cpu_clock *clock = &t->cpu;
	uint64_t now = cpu_clock_sample_locked(&t->cpu, c->process, since);
	bool dead = cpu_timer_is_dead_locked(t);

	while (t && compare_clocks(&t->cpu, clock) == 0 && (t->expires <= now || dead)) {
		struct rb_node *n = rb_next(&t->cpu_node);

		if (*room == 0) {
			return 0;
		}
		--*room;
		rb_remove(&c->armed, &t->cpu_node);
		if (t->expires <= now) {
			list_push_back(due, &t->cpu_link);
		} else {
			t->armed = false;
		}
		t = n ? rb_entry(n, struct posix_timer, cpu_node) : NULL;
	}
	return t && compare_clocks(&t->cpu, clock) == 0 ? t->expires - now : UINT64_MAX;
}

/* A few at a time, as interrupts are off: the others have their turn with the next look. */
static uint64_t check_posix(struct cpu_timers *c, uint64_t since) REQUIRES(siglock_role)
{
	uint64_t least = UINT64_MAX;
	unsigned room = MAX_AT_ONCE;
	struct list due = LIST_INIT(due);
	struct posix_timer *t;

	for (t = next_clock(c, NULL); t && room;) {
		struct cpu_clock clock = t->cpu;
		uint64_t left = collect(c, t, since, &due, &room);

		least = MIN(least, left);
		t = next_clock(c, &clock);
	}
	if (t) {
		least = 0;
	}
	/* Each once: one that arms itself again has its next turn with the next look. */
	while (!list_empty(&due)) {
		t = list_first_entry(&due, struct posix_timer, cpu_link);
		list_remove(&t->cpu_link);
		posix_timer_fire_locked(t, cpu_clock_sample_locked(&t->cpu, c->process, since));
		least = rb_linked(&t->cpu_node) ? 0 : least;
	}
	return least;
}

static uint64_t check_itimer(struct cpu_timers *c, unsigned which, int sig, uint64_t since)
	REQUIRES(siglock_role)
{
	struct cpu_itimer *it = &c->itimer[which];
	uint64_t now;

	if (!it->expires) {
		return UINT64_MAX;
	}
	now = cpu_sample_locked(which, c->process, since);
	if (now >= it->expires) {
		if (it->interval) {
			it->expires += ((now - it->expires) / it->interval + 1) * it->interval;
		} else {
			it->expires = 0;
		}
		signal_kernel_locked(c->process, sig);
	}
	return it->expires ? it->expires - now : UINT64_MAX;
}

static uint64_t check_limit(struct cpu_timers *c, uint64_t since) REQUIRES(siglock_role)
{
	struct process *p = c->process;
	uint64_t soft = process_rlimit(p, RLIMIT_CPU), hard = p->rlimit[RLIMIT_CPU].max, now;

	if (!c->next_xcpu) {
		return UINT64_MAX;
	}
	now = cpu_sample_locked(CPU_PROF, p, since);
	if (hard != RLIM_INFINITY && now >= hard * NSEC_PER_SEC) {
		process_kill_threads_locked(p, SIGKILL);
		return UINT64_MAX;
	}
	if (soft == RLIM_INFINITY) {
		c->next_xcpu = 0;
		return UINT64_MAX;
	}
	if (now >= c->next_xcpu) {
		c->next_xcpu = (now / NSEC_PER_SEC + 1) * NSEC_PER_SEC; /* once a second */
		signal_kernel_locked(p, SIGXCPU);
	}
	return c->next_xcpu - now;
}

static void look_locked(struct cpu_timers *c) REQUIRES(siglock_role)
{
	uint64_t least, since = clock_mono_ns();

	ASSERT(spin_held(&c->process->siglock));
	if (c->stopped) {
		return;
	}
	least = check_posix(c, since);
	least = MIN(least, check_itimer(c, CPU_PROF, SIGPROF, since));
	least = MIN(least, check_itimer(c, CPU_VIRT, SIGVTALRM, since));
	least = MIN(least, check_limit(c, since));
	if (least != UINT64_MAX) {
		uint64_t step = least / MAX(c->process->nthreads, 1u);

		timer_arm(&c->timer, clock_mono_ns() + MAX(step, MIN_STEP));
	}
}

static void expired(struct timer *timer)
{
	struct cpu_timers *c = container_of(timer, struct cpu_timers, timer);
	uint64_t flags = process_lock(c->process);

	look_locked(c);
	process_unlock(c->process, flags);
}

/* --- interface --- */

int cpu_timers_prepare(struct process *p)
{
	struct cpu_timers *c;
	uint64_t flags;

	if (READ_ONCE(p->cpu_timers)) {
		return 0;
	}
	c = kzalloc(sizeof(*c));
	if (!c) {
		return -ENOMEM;
	}
	c->process = p;
	timer_init(&c->timer, expired);
	flags = process_lock(p);
	if (!p->cpu_timers) {
		p->cpu_timers = c;
		c = NULL;
	}
	process_unlock(p, flags);
	kfree(c);
	return 0;
}

void cpu_timer_arm_locked(struct process *p, struct posix_timer *t)
{
	struct rb_node **link = &p->cpu_timers->armed.root, *parent = NULL;

	ASSERT(spin_held(&p->siglock));
	while (*link) {
		parent = *link;
		link = comes_before(t, rb_entry(parent, struct posix_timer, cpu_node))
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(&t->cpu_node, parent, link);
	rb_insert_fix(&p->cpu_timers->armed, &t->cpu_node);
	if (!p->cpu_timers->stopped) {
		timer_arm(&p->cpu_timers->timer, clock_mono_ns() + MIN_STEP);
	}
}

void cpu_timer_disarm_locked(struct posix_timer *t)
{
	ASSERT(spin_held(&t->process->siglock));
	list_remove(&t->cpu_link);
	if (rb_linked(&t->cpu_node)) {
		rb_remove(&t->process->cpu_timers->armed, &t->cpu_node);
	}
}

void cpu_itimer_get_locked(struct process *p, unsigned which, uint64_t *left, uint64_t *interval)
{
	struct cpu_itimer *it = p->cpu_timers ? &p->cpu_timers->itimer[which] : NULL;
	uint64_t now;

	ASSERT(spin_held(&p->siglock));
	*left = 0;
	*interval = it ? it->interval : 0;
	if (it && it->expires) {
		now = cpu_sample_locked(which, p, clock_mono_ns());
		*left = it->expires > now ? it->expires - now : NSEC_PER_USEC;
	}
}

void cpu_itimer_set_locked(struct process *p, unsigned which, uint64_t left, uint64_t interval)
{
	struct cpu_itimer *it = &p->cpu_timers->itimer[which];

	ASSERT(spin_held(&p->siglock));
	it->interval = interval;
	it->expires = left ? cpu_sample_locked(which, p, clock_mono_ns()) + left : 0;
	look_locked(p->cpu_timers);
}

void cpu_limit_changed(struct process *p)
{
	uint64_t flags, soft;

	if (cpu_timers_prepare(p)) {
		return; /* no memory: the limit is not enforced until it is set again */
	}
	flags = process_lock(p);
	soft = process_rlimit(p, RLIMIT_CPU);
	/* 0 is taken for 1 second (setrlimit(2)). */
	p->cpu_timers->next_xcpu = soft == RLIM_INFINITY
					   ? 0
					   : MIN(MAX(soft, 1ull), 1ull << 33) * NSEC_PER_SEC;
	look_locked(p->cpu_timers);
	process_unlock(p, flags);
}

void cpu_timers_stop(struct process *p)
{
	struct cpu_timers *c = READ_ONCE(p->cpu_timers);
	uint64_t flags;

	if (!c) {
		return;
	}
	flags = process_lock(p);
	c->stopped = true;
	process_unlock(p, flags);
	timer_cancel_sync(&c->timer);
}

void cpu_timers_free(struct process *p)
{
	kfree(p->cpu_timers);
	p->cpu_timers = NULL;
}
