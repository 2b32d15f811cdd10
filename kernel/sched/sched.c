/* SPDX-License-Identifier: MIT */
/*
 * Switching, queueing and blocking.
 *
 * A switch happens with interrupts off and the lock of this CPU's run queue held, and no other
 * spinlock.  The lock is taken by the thread that leaves and dropped by the one that comes
 * (sched_finish_switch()), so a thread found blocked under that lock has left its stack and may
 * run elsewhere.  `dead` and `migrant` are what the leaving thread could not do to itself: they
 * are dealt with on the next thread's stack.
 *
 * A blocked thread is in no queue.  Its state word decides who wakes it: PREPARING -> RUNNABLE
 * and BLOCKED -> RUNNABLE are compare-exchanges, so of many wakers one wins; only for BLOCKED
 * does the winner queue it.  PREPARING -> BLOCKED is one, too: a wake in between makes it fail.
 */
#include <sched/sched.h>
#include "runq.h"
#include <arch/clock.h>
#include <arch/smp.h>
#include <arch/upcalls.h>
#include <debug/log.h>
#include <lib/assert.h>
#include <linux/errno.h>

struct runq runqs[MAX_CPUS];

/* Interrupts off.  Wakes or interrupts a CPU so that it looks at its queue. */
static void kick(struct runq *rq)
{
	DEBUG_ASSERT(!irq_enabled());
	if (rq->cpu == cpu_id()) {
		return;
	}
	/* Pairs with idle.c: it stores !polling, then looks at nr_queued. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&rq->polling, memory_order_relaxed)) {
		smp_kick(rq->cpu);
	}
}

void sched_preempt_locked(struct runq *rq)
{
	struct thread *t = rq->current;

	DEBUG_ASSERT(spin_held(&rq->lock));
	if (t && t != rq->idle) {
		atomic_fetch_or_explicit(&t->arch.work, WORK_RESCHED, memory_order_release);
	}
}

void upcall_kick(void)
{
	/* Work bits and queues were set by the sender; leaving halt or user mode is all. */
	log_kicked();
}

REQUIRES(runq_role)
static void set_slice_locked(struct runq *rq, struct thread *t, uint64_t now)
{
	uint64_t slice = runq_slice(rq, t);

	t->slice_end = slice == UINT64_MAX ? UINT64_MAX : now + slice;
}

/* The timer is needed only when somebody waits. */
REQUIRES(runq_role)
static void arm_slice_locked(struct runq *rq)
{
	struct thread *t = rq->current;

	DEBUG_ASSERT(spin_held(&rq->lock));
	if (rq->cpu == cpu_id()) {
		bool company = atomic_load_explicit(&rq->nr_queued, memory_order_relaxed);

		timer_set_slice(company && t != rq->idle ? t->slice_end : UINT64_MAX);
	}
}

void sched_queue(struct thread *t, bool waking)
{
	uint64_t flags = irq_save();

	DEBUG_ASSERT(atomic_load_explicit(&t->state, memory_order_relaxed) != THREAD_DEAD);
	for (;;) {
		unsigned cpu = place_wakeup(t);
		struct runq *rq = &runqs[cpu];

		spin_lock(&rq->lock);
		if (!(t->affinity >> cpu & 1) && t->affinity & sched_online_mask()) {
			spin_unlock(&rq->lock); /* changed meanwhile */
			continue;
		}
		if (t->cpu != (int)cpu) {
			t->vruntime += rq->min_vruntime - runqs[t->cpu].min_vruntime;
			t->cpu = (int)cpu;
		}
		runq_place(rq, t, waking);
		runq_enqueue(rq, t, false);

		struct thread *running = rq->current;
		bool idle = running == rq->idle;
		bool preempt = !idle && running && runq_preempts(t, running);

		if (preempt) {
			sched_preempt_locked(rq);
		}
		if (idle || preempt) {
			kick(rq);
		} else if (rq->cpu == cpu_id()) {
			arm_slice_locked(rq);
		} else if (atomic_load_explicit(&rq->nr_queued, memory_order_relaxed) == 1) {
			sched_preempt_locked(rq); /* its slice timer was off: let it arm it */
			kick(rq);
		}
		spin_unlock(&rq->lock);
		break;
	}
	irq_restore(flags);
}

/* `prev` is current and was put where it belongs (queue, nowhere).  Returns on prev's stack
 * when it runs again, on whatever CPU, with the lock dropped. */
RELEASES(runq_role)
static void switch_locked(struct runq *rq, struct thread *prev)
{
	struct thread *next = runq_first(rq);
	uint64_t now = clock_mono_ns();

	DEBUG_ASSERT(!irq_enabled() && !cpu_in_irq());
	DEBUG_ASSERT(rq == runq_this() && spin_held(&rq->lock));
	DEBUG_ASSERT(prev == rq->current && prev == thread_current());
	if (next) {
		runq_dequeue(rq, next);
	} else {
		next = rq->idle;
	}
	if (next == rq->idle && prev != rq->idle) {
		rq->idle_since = now;
	} else if (prev == rq->idle && next != rq->idle) {
		rq->idle_ns += now - rq->idle_since;
	}
	next->exec_start = now;
	rq->current = next;
	set_slice_locked(rq, next, now);
	arm_slice_locked(rq);
	if (next != prev) {
		rq->switches++;
		ASSERT(next != rq->idle || !next->queued);
		arch_switch(&prev->arch, &next->arch);
	}
	sched_finish_switch();
}

void sched_finish_switch(void)
{
	struct runq *rq = runq_this();
	struct thread *dead = rq->dead, *migrant = rq->migrant;

	DEBUG_ASSERT(!irq_enabled() && rq->current == thread_current());
	rq->dead = rq->migrant = NULL;
	spin_unlock(&rq->lock);
	if (thread_current()->notify_switch) {
		atomic_fetch_or_explicit(&thread_current()->arch.work, WORK_NOTIFY,
					 memory_order_relaxed);
	}
	if (migrant) {
		sched_queue(migrant, false);
	}
	if (dead) {
		irq_on();
		thread_put(dead);
		irq_off();
	}
}

REQUIRES(runq_role)
static void charge_current_locked(struct runq *rq, struct thread *t)
{
	uint64_t now = clock_mono_ns();

	DEBUG_ASSERT(spin_held(&rq->lock) && t == rq->current);
	if (t != rq->idle && now > t->exec_start) {
		runq_charge(rq, t, now - t->exec_start);
	}
	t->exec_start = now;
}

/* Puts current back in line and lets the best run. */
static void reschedule(bool voluntary)
{
	uint64_t flags = irq_save();
	struct runq *rq = runq_this();
	struct thread *t = thread_current();
	int elsewhere = -1;

	if (CONFIG_DEBUG) {
		lockcheck_may_sleep();
	}
	/* Before the look at the queue: what is queued after that sets the bit again. */
	atomic_fetch_and_explicit(&t->arch.work, ~(uint32_t)WORK_RESCHED, memory_order_acquire);
	spin_lock(&rq->lock);
	charge_current_locked(rq, t);
	bool expired = t->exec_start >= t->slice_end;
	bool allowed = t->affinity >> rq->cpu & 1;

	if (t == rq->idle) {
		switch_locked(rq, t);
		irq_restore(flags);
		return;
	}
	if (!atomic_load_explicit(&rq->nr_queued, memory_order_relaxed) && allowed) {
		set_slice_locked(rq, t, t->exec_start);
		spin_unlock(&rq->lock);
		irq_restore(flags);
		return;
	}
	struct thread *best = runq_first(rq);

	if (!voluntary && !expired && allowed && best && !runq_preempts(best, t)) {
		arm_slice_locked(rq); /* asked only to arm the timer */
		spin_unlock(&rq->lock);
		irq_restore(flags);
		return;
	}
	if (voluntary && best && !thread_rt_prio(t) && !thread_rt_prio(best) &&
	    (int64_t)(best->vruntime - t->vruntime) >= 0) {
		t->vruntime = best->vruntime + 1; /* behind the next one */
	}
	if (voluntary) {
		t->vol_switches++;
	} else {
		t->invol_switches++;
		elsewhere = expired ? place_balance(rq, t) : -1;
	}
	if (elsewhere >= 0 || !allowed) {
		rq->migrant = t; /* queued elsewhere once it is off this stack */
		switch_locked(rq, t);
		irq_restore(flags);
		return;
	}
	runq_enqueue(rq, t, thread_rt_prio(t) && !voluntary && !expired);
	switch_locked(rq, t);
	irq_restore(flags);
}

void sched_resched(void)
{
	reschedule(false);
}

void sched_yield(void)
{
	reschedule(true);
}

void sched_yield_point(void)
{
	if (atomic_load_explicit(&thread_current()->arch.work, memory_order_relaxed) &
	    WORK_RESCHED) {
		reschedule(false);
	}
}

/* --- blocking (sync/waitq.h) --- */

void block_prepare(enum wait_mode mode)
{
	struct thread *t = thread_current();

	atomic_store_explicit(&t->wait_mode, mode, memory_order_relaxed);
	/* State first, then the condition and the flags of signals: pairs with block_wake() and
	 * sched_interrupt(), whose callers change those first and then look at the state. */
	atomic_store_explicit(&t->state, THREAD_PREPARING, memory_order_seq_cst);
}

void block_cancel(void)
{
	/* Whoever still finds us preparing takes that for a wake, and is right: we are awake. */
	atomic_store_explicit(&thread_current()->state, THREAD_RUNNABLE, memory_order_release);
}

static bool interrupted(const struct thread *t, enum wait_mode mode)
{
	return (mode == WAIT_INTR && atomic_load_explicit(&t->interrupted, memory_order_seq_cst)) ||
	       (mode != WAIT_UNINTR && atomic_load_explicit(&t->killed, memory_order_seq_cst));
}

int block(uint64_t deadline)
{
	struct thread *t = thread_current();
	enum wait_mode mode = atomic_load_explicit(&t->wait_mode, memory_order_relaxed);
	uint32_t preparing = THREAD_PREPARING;

	lockcheck_may_sleep();
	ASSERT(irq_enabled());
	if (atomic_load_explicit(&t->state, memory_order_acquire) == THREAD_RUNNABLE) {
		return 0;
	}
	if (interrupted(t, mode)) {
		block_cancel();
		return -ERESTARTSYS;
	}
	t->timed_out = false;
	if (deadline != DEADLINE_NONE) {
		if (clock_mono_ns() >= deadline) {
			block_cancel();
			return -ETIMEDOUT;
		}
		timer_arm(&t->block_timer, deadline);
	}
	uint64_t flags = irq_save();
	struct runq *rq = runq_this();

	spin_lock(&rq->lock);
	if (atomic_compare_exchange_strong_explicit(&t->state, &preparing, THREAD_BLOCKED,
						    memory_order_acq_rel, memory_order_acquire)) {
		charge_current_locked(rq, t);
		t->vol_switches++;
		switch_locked(rq, t);
	} else {
		spin_unlock(&rq->lock);
	}
	irq_restore(flags);
	if (deadline != DEADLINE_NONE) {
		timer_cancel_sync(&t->block_timer);
		if (t->timed_out) {
			return -ETIMEDOUT;
		}
	}
	return interrupted(t, mode) ? -ERESTARTSYS : 0;
}

bool block_wake(struct thread *t)
{
	for (;;) {
		uint32_t state = atomic_load_explicit(&t->state, memory_order_seq_cst);

		if (state == THREAD_PREPARING) {
			if (atomic_compare_exchange_strong_explicit(
				    &t->state, &state, THREAD_RUNNABLE, memory_order_acq_rel,
				    memory_order_acquire)) {
				return true;
			}
			continue;
		}
		if (state != THREAD_BLOCKED) {
			return false;
		}
		/* The lock of its queue is held until it is off its stack. */
		int cpu = READ_ONCE(t->cpu);
		struct runq *rq = &runqs[cpu];
		uint64_t flags = spin_lock_irqsave(&rq->lock);
		bool won = t->cpu == cpu && atomic_compare_exchange_strong_explicit(
						    &t->state, &state, THREAD_RUNNABLE,
						    memory_order_acq_rel, memory_order_acquire);

		spin_unlock_irqrestore(&rq->lock, flags);
		if (won) {
			sched_queue(t, true);
			return true;
		}
	}
}

/* timed_out is set first: a blocked thread reads it only after it woke. */
void sched_block_timeout(struct timer *timer)
{
	struct thread *t = container_of(timer, struct thread, block_timer);

	t->timed_out = true;
	block_wake(t);
}

int sched_sleep_until(uint64_t deadline, enum wait_mode mode)
{
	for (;;) {
		block_prepare(mode);
		int err = block(deadline);

		if (err == -ETIMEDOUT) {
			return 0;
		}
		if (err) {
			return err;
		}
	}
}

void sched_interrupt(struct thread *t, bool killed)
{
	/* The flags first, then the state: pairs with block_prepare(). */
	atomic_store_explicit(&t->interrupted, true, memory_order_seq_cst);
	if (killed) {
		atomic_store_explicit(&t->killed, true, memory_order_seq_cst);
	}
	atomic_fetch_or_explicit(&t->arch.work, WORK_SIGNAL, memory_order_seq_cst);
	uint32_t state = atomic_load_explicit(&t->state, memory_order_seq_cst);
	enum wait_mode mode = atomic_load_explicit(&t->wait_mode, memory_order_relaxed);

	if (state != THREAD_RUNNABLE && (mode == WAIT_INTR || (mode == WAIT_KILLABLE && killed))) {
		block_wake(t);
		return;
	}
	if (t != thread_current()) {
		unsigned cpu = (unsigned)READ_ONCE(t->cpu);

		if (READ_ONCE(runqs[cpu].current) == t) {
			smp_kick(cpu);
		}
	}
}

void sched_exit(void)
{
	struct thread *t = thread_current();
	struct runq *rq;

	lockcheck_may_sleep();
	DEBUG_ASSERT(!t->held_ranks.mask);
	irq_off();
	rq = runq_this();
	ASSERT(t != rq->idle);
	spin_lock(&rq->lock);
	charge_current_locked(rq, t);
	atomic_store_explicit(&t->state, THREAD_DEAD, memory_order_release);
	ASSERT(!rq->dead);
	rq->dead = t;
	switch_locked(rq, t);
	panic("a dead thread ran");
}

void sched_leave_idle(void)
{
	reschedule(false);
}
