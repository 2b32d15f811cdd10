/* SPDX-License-Identifier: MIT */
/*
 * Timers, and the hardware timer of each CPU.
 *
 * A timer is in the tree of CPU t->cpu, or in none (-1); both change under that tree's lock, so that
 * several CPUs may arm and cancel one timer at the same time.
 * `slice` and `armed` belong to their CPU, which touches them with interrupts off: an interrupt
 * would arm the hardware in between.  `first` is written under the lock and read by its CPU.
 *
 * When a timer expires it leaves the tree, and then its function runs without the lock, so it
 * may arm timers, itself included, and take locks that others hold while they cancel it.
 */
#include <sched/timer.h>
#include "runq.h"
#include <arch/clock.h>
#include <arch/upcalls.h>
#include <lib/assert.h>

#define BUDGET_NS (2 * NSEC_PER_MSEC)
#define HOLD_MAX_NS \
	(20 * NSEC_PER_MSEC) /* the host may have stopped us: no reason to wait so long */

struct timer_queue {
	SPINLOCK(timers) lock;
	struct rb_tree tree GUARDED_BY(timers_role);
	struct timer *_Atomic running;
	uint64_t slice;		/* end of the running thread's slice; this CPU only */
	uint64_t armed;		/* what the hardware is set to; this CPU only */
	_Atomic uint64_t first; /* expiry of the earliest timer */
	uint64_t held_until;	/* no timer function runs earlier; this CPU only */
} ALIGNED(64);

static struct timer_queue queues[MAX_CPUS];

void timer_subsystem_init(void)
{
	for (int i = 0; i < MAX_CPUS; i++) {
		spin_init(&queues[i].lock, RANK_TIMER, "timers");
		queues[i].slice = queues[i].armed = UINT64_MAX;
		atomic_init(&queues[i].first, UINT64_MAX);
	}
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	t->fn = fn;
	t->expires = 0;
	rb_clear(&t->node);
	atomic_init(&t->cpu, -1);
}

/* Interrupts off.  The hardware is only ever moved to an earlier time: firing for nothing
 * costs less than programming it at each switch. */
static void arm_hardware(struct timer_queue *q)
{
	DEBUG_ASSERT(!irq_enabled());

	uint64_t first = atomic_load_explicit(&q->first, memory_order_relaxed);
	uint64_t next = MIN(MAX(first, q->held_until), q->slice);

	if (next < q->armed) {
		q->armed = next;
		clock_arm(next);
	}
}

void timer_set_slice(uint64_t deadline)
{
	struct timer_queue *q = &queues[cpu_id()];

	q->slice = deadline;
	arm_hardware(q);
}

REQUIRES(timers_role)
static void update_first_locked(struct timer_queue *q)
{
	struct rb_node *n = rb_first(&q->tree);

	DEBUG_ASSERT(spin_held(&q->lock));
	atomic_store_explicit(&q->first, n ? rb_entry(n, struct timer, node)->expires : UINT64_MAX,
			      memory_order_relaxed);
}

REQUIRES(timers_role)
static void insert_locked(struct timer_queue *q, struct timer *t)
{
	struct rb_node **link = &q->tree.root, *parent = NULL;

	DEBUG_ASSERT(spin_held(&q->lock));
	while (*link) {
		parent = *link;
		link = t->expires < rb_entry(parent, struct timer, node)->expires ? &parent->left
										  : &parent->right;
	}
	rb_link(&t->node, parent, link);
	rb_insert_fix(&q->tree, &t->node);
}

void timer_arm(struct timer *t, uint64_t expires)
{
	uint64_t flags = irq_save();
	struct timer_queue *q = &queues[cpu_id()];

	ASSERT(t->fn);
	for (;;) {
		int32_t idle = -1;

		timer_cancel(t);
		spin_lock(&q->lock);
		/* Another CPU may have armed it since: it is in one tree only, the last one's. */
		if (atomic_compare_exchange_strong_explicit(&t->cpu, &idle, (int32_t)(q - queues),
							    memory_order_acq_rel,
							    memory_order_acquire)) {
			break;
		}
		spin_unlock(&q->lock);
	}
	t->expires = expires;
	insert_locked(q, t);
	update_first_locked(q);
	spin_unlock(&q->lock);
	arm_hardware(q);
	irq_restore(flags);
}

bool timer_cancel(struct timer *t)
{
	for (;;) {
		int cpu = atomic_load_explicit(&t->cpu, memory_order_acquire);

		if (cpu < 0) {
			return false;
		}
		struct timer_queue *q = &queues[cpu];
		uint64_t flags = spin_lock_irqsave(&q->lock);
		bool ours = atomic_load_explicit(&t->cpu, memory_order_relaxed) == cpu;

		if (ours) {
			rb_remove(&q->tree, &t->node);
			atomic_store_explicit(&t->cpu, -1, memory_order_release);
			update_first_locked(q);
		}
		spin_unlock_irqrestore(&q->lock, flags);
		if (ours) {
			return true;
		}
	}
}

bool timer_cancel_sync(struct timer *t)
{
	bool was_pending = timer_cancel(t);

	/* In an interrupt it would wait for the function it interrupted. */
	DEBUG_ASSERT(!cpu_in_irq());
	/* `running` is set under the lock before the timer leaves the tree, so a function that
	 * was about to run when we found the timer gone is seen here. */
	for (unsigned i = 0; i < cpu_count(); i++) {
		while (atomic_load_explicit(&queues[i].running, memory_order_acquire) == t) {
			cpu_pause();
		}
	}
	/* fn may have armed it again */
	return timer_cancel(t) || was_pending;
}

bool timer_pending(const struct timer *t)
{
	return atomic_load_explicit(&t->cpu, memory_order_relaxed) >= 0;
}

/*
 * Interrupts off, no lock held.  Programs choose how many timers expire and how often: what has run
 * for BUDGET_NS is followed by as long a time in which none runs, so that the CPU does other work, too.
 */
static void run_expired(void)
{
	struct timer_queue *q = &queues[cpu_id()];
	uint64_t began = clock_mono_ns(), now;

	if (began < q->held_until) {
		return;
	}
	for (;;) {
		uint64_t flags = spin_lock_irqsave(&q->lock);
		struct rb_node *n = rb_first(&q->tree);
		struct timer *t = n ? rb_entry(n, struct timer, node) : NULL;

		now = clock_mono_ns();
		if (!t || t->expires > now || now - began > BUDGET_NS) {
			atomic_store_explicit(&q->running, NULL, memory_order_release);
			spin_unlock_irqrestore(&q->lock, flags);
			break;
		}
		rb_remove(&q->tree, &t->node);
		atomic_store_explicit(&q->running, t, memory_order_release);
		atomic_store_explicit(&t->cpu, -1, memory_order_release);
		update_first_locked(q);
		spin_unlock_irqrestore(&q->lock, flags);
		t->fn(t);
		atomic_store_explicit(&q->running, NULL, memory_order_release);
	}
	if (now - began > BUDGET_NS) {
		q->held_until = now + MIN(now - began, HOLD_MAX_NS);
	}
}

void upcall_timer(void)
{
	struct timer_queue *q = &queues[cpu_id()];

	q->armed = UINT64_MAX;
	run_expired();
	if (q->slice != UINT64_MAX && clock_mono_ns() >= q->slice) {
		struct runq *rq = runq_this();

		q->slice = UINT64_MAX;
		spin_lock(&rq->lock);
		sched_preempt_locked(rq);
		spin_unlock(&rq->lock);
	}
	arm_hardware(q);
}
