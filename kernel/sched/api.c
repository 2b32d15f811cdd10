/* SPDX-License-Identifier: MIT */
/*
 * Threads' lives and parameters.
 *
 * Policy, nice level, priority, boost and affinity of a thread change under the lock of the run
 * queue it is on (lock_of()), and only while it is in no tree: its place there follows from
 * them.  Its ->cpu changes under that same lock, so lock_of() looks again after it got it.
 */
#include "runq.h"
#include <arch/clock.h>
#include <arch/smp.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>

static _Atomic uint64_t online;

uint64_t sched_online_mask(void)
{
	return atomic_load_explicit(&online, memory_order_acquire);
}

void thread_init(struct thread *t, const char *name, const struct thread *parent)
{
	atomic_init(&t->state, THREAD_RUNNABLE);
	refcount_init(&t->refs, 1);
	timer_init(&t->block_timer, sched_block_timeout);
	list_init(&t->rq_link);
	rb_clear(&t->rq_node);
	t->arch.fpu_cpu = -1;
	t->affinity = UINT64_MAX;
	t->cpu = (int)cpu_id();
	str_copy(t->name, name, sizeof(t->name));
	if (parent) {
		t->affinity = parent->affinity;
		/* The parent may be charged meanwhile, on its own CPU: a recent value will do. */
		WRITE_ONCE(t->vruntime, READ_ONCE(parent->vruntime));
		if (!parent->reset_on_fork) {
			t->policy = parent->policy;
			t->nice = parent->nice;
			t->rt_prio = parent->rt_prio;
		} else {
			t->nice = MAX(parent->nice, (int8_t)0);
		}
	}
}

void thread_put(struct thread *t)
{
	if (t && refcount_put(&t->refs)) {
		t->release(t);
	}
}

void sched_start(struct thread *t)
{
	ASSERT(t->release && t->arch.sp);
	thread_get(t); /* dropped after its last switch */
	sched_queue(t, false);
}

void sched_init_cpu(struct thread *idle)
{
	struct runq *rq = runq_this();

	ASSERT(!irq_enabled() && !rq->idle);
	runq_init(rq, cpu_id());
	thread_init(idle, "idle", NULL);
	idle->affinity = 1ull << cpu_id();
	spin_assert_unshared(&rq->lock);
	rq->idle = rq->current = idle;
	rq->idle_since = clock_mono_ns();
	arch_thread_adopt(&idle->arch);
	/* pairs with sched_online_mask(): the queue is ready */
	atomic_fetch_or_explicit(&online, 1ull << cpu_id(), memory_order_release);
}

/* Locks the run queue that t belongs to. */
ACQUIRES(runq_role)
static struct runq *lock_of(struct thread *t, uint64_t *flags)
{
	for (;;) {
		int cpu = READ_ONCE(t->cpu);
		struct runq *rq = &runqs[cpu];

		*flags = spin_lock_irqsave(&rq->lock);
		if (t->cpu == cpu) {
			return rq;
		}
		spin_unlock_irqrestore(&rq->lock, *flags);
	}
}

struct change {
	struct thread *t;
	struct runq *rq;
	uint64_t flags;
	bool queued;
};

/* Takes t out of line, so that its parameters may change ... */
ACQUIRES(runq_role)
static void change_begin(struct change *c, struct thread *t)
{
	c->t = t;
	c->rq = lock_of(t, &c->flags);
	c->queued = t->queued;
	if (c->queued) {
		runq_dequeue(c->rq, t);
	}
}

/* ... puts it back, and lets its CPU look again. */
RELEASES(runq_role)
static void change_end(struct change *c)
{
	if (c->queued) {
		runq_enqueue(c->rq, c->t, false);
	}
	if (c->queued || c->rq->current == c->t) {
		sched_preempt_locked(c->rq);
		if (c->rq->cpu != cpu_id()) {
			smp_kick(c->rq->cpu);
		}
	}
	spin_unlock_irqrestore(&c->rq->lock, c->flags);
}

int sched_set_policy(struct thread *t, int policy, int nice, int rt_prio)
{
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;

	if (!rt && policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE) {
		return -EINVAL;
	}
	if (nice < -20 || nice > 19 || (rt ? rt_prio < 1 || rt_prio > 99 : rt_prio != 0)) {
		return -EINVAL;
	}
	struct change c;

	change_begin(&c, t);
	t->policy = (uint8_t)policy;
	t->nice = (int8_t)nice;
	t->rt_prio = (uint8_t)rt_prio;
	change_end(&c);
	return 0;
}

void sched_boost(struct thread *t, int prio)
{
	struct change c;

	change_begin(&c, t);
	t->boost_prio = (uint8_t)prio;
	change_end(&c);
}

int sched_set_affinity(struct thread *t, uint64_t mask)
{
	uint64_t flags;
	bool requeue = false, move = false;

	if (!(mask & sched_online_mask())) {
		return -EINVAL;
	}
	struct runq *rq = lock_of(t, &flags);

	t->affinity = mask;
	if (!(mask >> rq->cpu & 1)) {
		if (t->queued) {
			runq_dequeue(rq, t);
			requeue = true;
		} else if (rq->current == t) {
			move = true;
			sched_preempt_locked(rq);
			if (rq->cpu != cpu_id()) {
				smp_kick(rq->cpu);
			}
		}
	}
	spin_unlock_irqrestore(&rq->lock, flags);
	if (requeue) {
		sched_queue(t, false);
	}
	if (move && t == thread_current()) {
		sched_resched(); /* continues on a CPU of the mask */
	}
	return 0;
}

uint64_t thread_cpu_ns(struct thread *t)
{
	uint64_t flags;
	struct runq *rq = lock_of(t, &flags);
	uint64_t ns = t->runtime;

	if (rq->current == t) {
		uint64_t now = clock_mono_ns();

		ns += now > t->exec_start ? now - t->exec_start : 0;
	}
	spin_unlock_irqrestore(&rq->lock, flags);
	return ns;
}

unsigned sched_runnable_count(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cpu_count(); i++) {
		n += atomic_load_explicit(&runqs[i].nr_queued, memory_order_relaxed) +
		     (READ_ONCE(runqs[i].current) != runqs[i].idle);
	}
	return n;
}

uint64_t sched_switch_count(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < cpu_count(); i++) {
		n += READ_ONCE(runqs[i].switches);
	}
	return n;
}

uint64_t sched_idle_ns(unsigned cpu)
{
	struct runq *rq = &runqs[cpu];
	uint64_t flags = spin_lock_irqsave(&rq->lock);
	uint64_t ns = rq->idle_ns;

	if (rq->current == rq->idle) {
		ns += clock_mono_ns() - rq->idle_since;
	}
	spin_unlock_irqrestore(&rq->lock, flags);
	return ns;
}

void sched_loadavg(uint64_t load[3])
{
	/* Decay factors e^(-5s/1min), /5min, /15min in 1/2048, as getloadavg(3) has them; applied
	 * for the intervals since the last question, as nothing ticks in between. */
	static const uint64_t decay[3] = { 1884, 2014, 2037 };
	static SPINLOCK(loadavg) lock = SPINLOCK_INIT(RANK_LEAF, "loadavg");
	static uint64_t value[3] GUARDED_BY(loadavg_role), last GUARDED_BY(loadavg_role);
	uint64_t active = (uint64_t)sched_runnable_count() << 16, now = clock_mono_ns();
	uint64_t flags = spin_lock_irqsave(&lock);
	uint64_t steps = (now - last) / (5 * NSEC_PER_SEC);

	last += steps * 5 * NSEC_PER_SEC;
	for (uint64_t s = 0; s < MIN(steps, (uint64_t)1000); s++) {
		for (int i = 0; i < 3; i++) {
			value[i] = (value[i] * decay[i] + active * (2048 - decay[i])) >> 11;
		}
	}
	memcpy(load, value, sizeof(value));
	spin_unlock_irqrestore(&lock, flags);
}
