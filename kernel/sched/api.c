/* SPDX-License-Identifier: MIT */
/* Threads' lives and parameters. */
#include "runq.h"
#include <arch/clock.h>
#include <arch/smp.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>

static SPINLOCK(threads) all_lock = SPINLOCK_INIT(RANK_LEAF, "threads");
static struct list all_threads = LIST_INIT(all_threads);
static _Atomic uint64_t online;

uint64_t sched_online_mask(void)
{
	return atomic_load_explicit(&online, memory_order_relaxed);
}

void thread_init(struct thread *t, const char *name, const struct thread *parent)
{
	atomic_init(&t->state, THREAD_RUNNABLE);
	refcount_init(&t->refs, 1);
	timer_init(&t->block_timer, sched_block_timeout);
	list_init(&t->rq_link);
	list_init(&t->all_link);
	rb_clear(&t->rq_node);
	t->arch.fpu_cpu = -1;
	t->affinity = UINT64_MAX;
	t->cpu = (int)cpu_id();
	str_copy(t->name, name, sizeof(t->name));
	if (parent) {
		t->affinity = parent->affinity;
		t->vruntime = parent->vruntime;
		if (!parent->reset_on_fork) {
			t->policy = parent->policy;
			t->nice = parent->nice;
			t->rt_prio = parent->rt_prio;
		} else {
			t->nice = MAX(parent->nice, (int8_t)0);
		}
	}
	uint64_t flags = spin_lock_irqsave(&all_lock);

	list_push_back(&all_threads, &t->all_link);
	spin_unlock_irqrestore(&all_lock, flags);
}

void thread_put(struct thread *t)
{
	if (!t || !refcount_put(&t->refs)) {
		return;
	}
	uint64_t flags = spin_lock_irqsave(&all_lock);

	list_remove(&t->all_link);
	spin_unlock_irqrestore(&all_lock, flags);
	t->release(t);
}

void sched_start(struct thread *t)
{
	thread_get(t); /* dropped after its last switch */
	sched_queue(t, false);
}

void sched_init_cpu(struct thread *idle)
{
	struct runq *rq = runq_this();
	struct cpu *cpu;

	runq_init(rq, cpu_id());
	thread_init(idle, "idle", NULL);
	idle->affinity = 1ull << cpu_id();
	rq->idle = rq->current = idle;
	rq->idle_since = clock_mono_ns();
	__asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
	cpu->current = idle;
	barrier();
	atomic_fetch_or(&online, 1ull << cpu_id());
}

/* Locks the run queue that t belongs to. */
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

struct params {
	int policy, nice, rt_prio, boost;
};

/* Takes t out of line, changes it, puts it back, and lets its CPU look again. */
static void change(struct thread *t, const struct params *p)
{
	uint64_t flags;
	struct runq *rq = lock_of(t, &flags);
	bool queued = t->queued;

	if (queued) {
		runq_dequeue(rq, t);
	}
	t->policy = (uint8_t)p->policy;
	t->nice = (int8_t)p->nice;
	t->rt_prio = (uint8_t)p->rt_prio;
	t->boost_prio = (uint8_t)p->boost;
	if (queued) {
		runq_enqueue(rq, t, false);
	}
	if (queued || rq->current == t) {
		sched_preempt(rq);
		if (rq->cpu != cpu_id()) {
			smp_kick(rq->cpu);
		}
	}
	spin_unlock_irqrestore(&rq->lock, flags);
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
	change(t, &(struct params){ policy, nice, rt_prio, t->boost_prio });
	return 0;
}

void sched_boost(struct thread *t, int prio)
{
	change(t, &(struct params){ t->policy, t->nice, t->rt_prio, prio });
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
			sched_preempt(rq);
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
		n += atomic_load(&runqs[i].nr_queued) + (runqs[i].current != runqs[i].idle);
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
	static uint64_t value[3], last;
	uint64_t active = (uint64_t)sched_runnable_count() << 16, now = clock_mono_ns();
	uint64_t flags = spin_lock_irqsave(&all_lock);
	uint64_t steps = (now - last) / (5 * NSEC_PER_SEC);

	last += steps * 5 * NSEC_PER_SEC;
	for (uint64_t s = 0; s < MIN(steps, (uint64_t)1000); s++) {
		for (int i = 0; i < 3; i++) {
			value[i] = (value[i] * decay[i] + active * (2048 - decay[i])) >> 11;
		}
	}
	memcpy(load, value, sizeof(value));
	spin_unlock_irqrestore(&all_lock, flags);
}

void sched_dump_threads(void)
{
	static const char *const states[] = { "runnable", "preparing", "blocked", "dead" };
	struct thread *t;
	int budget = 64;

	/* Panic: no lock; the list may be in motion, hence the budget. */
	list_for_each_entry(t, &all_threads, all_link) {
		if (!budget--) {
			break;
		}
		log_error("thread %s: %s, CPU %d", t->name, states[t->state & 3], t->cpu);
	}
}
