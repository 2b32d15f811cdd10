/* SPDX-License-Identifier: MIT */
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
	if (rq->cpu == cpu_id()) {
		return;
	}
	/* Pairs with idle.c: it stores !polling, then looks at nr_queued. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&rq->polling, memory_order_relaxed)) {
		smp_kick(rq->cpu);
	}
}

void sched_preempt(struct runq *rq)
{
	struct thread *t = rq->current;

	if (t && t != rq->idle) {
		atomic_fetch_or(&t->arch.work, WORK_RESCHED);
	}
}

void upcall_kick(void)
{
	/* Work bits and queues were set by the sender; leaving halt or user mode is all. */
	log_kicked();
}

static void set_slice(struct runq *rq, struct thread *t, uint64_t now)
{
	uint64_t slice = runq_slice(rq, t);

	t->slice_end = slice == UINT64_MAX ? UINT64_MAX : now + slice;
}

/* Under rq->lock: the timer is needed only when somebody waits. */
static void arm_slice(struct runq *rq)
{
	struct thread *t = rq->current;

	if (rq->cpu == cpu_id()) {
		bool company = atomic_load_explicit(&rq->nr_queued, memory_order_relaxed);

		timer_set_slice(company && t != rq->idle ? t->slice_end : UINT64_MAX);
	}
}

void sched_queue(struct thread *t, bool waking)
{
	uint64_t flags = irq_save();

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
			sched_preempt(rq);
		}
		if (idle || preempt) {
			kick(rq);
		} else if (rq->cpu == cpu_id()) {
			arm_slice(rq);
		} else if (atomic_load_explicit(&rq->nr_queued, memory_order_relaxed) == 1) {
			sched_preempt(rq); /* its slice timer was off: let it arm it */
			kick(rq);
		}
		spin_unlock(&rq->lock);
		break;
	}
	irq_restore(flags);
}

/* Interrupts off, rq->lock held.  `prev` is current and was put where it belongs (queue,
 * nowhere).  Returns on prev's stack when it runs again, on whatever CPU. */
static void switch_locked(struct runq *rq, struct thread *prev)
{
	struct thread *next = runq_first(rq);
	uint64_t now = clock_mono_ns();

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
	set_slice(rq, next, now);
	arm_slice(rq);
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

	rq->dead = rq->migrant = NULL;
	spin_unlock(&rq->lock);
	if (thread_current()->notify_switch) {
		atomic_fetch_or(&thread_current()->arch.work, WORK_NOTIFY);
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

/* Interrupts off, rq->lock held. */
static void charge_current(struct runq *rq, struct thread *t)
{
	uint64_t now = clock_mono_ns();

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
	struct thread *t = rq->current;
	int elsewhere = -1;

	atomic_fetch_and(&t->arch.work, ~(uint32_t)WORK_RESCHED);
	spin_lock(&rq->lock);
	charge_current(rq, t);
	bool expired = t->exec_start >= t->slice_end;
	bool allowed = t->affinity >> rq->cpu & 1;

	if (t == rq->idle) {
		switch_locked(rq, t);
		irq_restore(flags);
		return;
	}
	if (!atomic_load_explicit(&rq->nr_queued, memory_order_relaxed) && allowed) {
		set_slice(rq, t, t->exec_start);
		spin_unlock(&rq->lock);
		irq_restore(flags);
		return;
	}
	struct thread *best = runq_first(rq);

	if (!voluntary && !expired && allowed && best && !runq_preempts(best, t)) {
		arm_slice(rq); /* asked only to arm the timer */
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
	/* Pairs with block_wake() and sched_interrupt(): state first, then the condition. */
	atomic_store(&t->state, THREAD_PREPARING);
}

void block_cancel(void)
{
	atomic_store(&thread_current()->state, THREAD_RUNNABLE);
}

static bool interrupted(const struct thread *t, enum wait_mode mode)
{
	return (mode == WAIT_INTR && atomic_load(&t->interrupted)) ||
	       (mode != WAIT_UNINTR && atomic_load(&t->killed));
}

int block(uint64_t deadline)
{
	struct thread *t = thread_current();
	enum wait_mode mode = atomic_load_explicit(&t->wait_mode, memory_order_relaxed);
	uint32_t preparing = THREAD_PREPARING;

	lockcheck_may_sleep();
	ASSERT(irq_enabled());
	if (atomic_load(&t->state) == THREAD_RUNNABLE) {
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
	if (atomic_compare_exchange_strong(&t->state, &preparing, THREAD_BLOCKED)) {
		charge_current(rq, t);
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
		uint32_t state = atomic_load(&t->state);

		if (state == THREAD_PREPARING) {
			if (atomic_compare_exchange_strong(&t->state, &state, THREAD_RUNNABLE)) {
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
		bool won = t->cpu == cpu &&
			   atomic_compare_exchange_strong(&t->state, &state, THREAD_RUNNABLE);

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
	atomic_store(&t->interrupted, true);
	if (killed) {
		atomic_store(&t->killed, true);
	}
	atomic_fetch_or(&t->arch.work, WORK_SIGNAL);
	uint32_t state = atomic_load(&t->state);
	enum wait_mode mode = atomic_load(&t->wait_mode);

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

	irq_off();
	rq = runq_this();
	spin_lock(&rq->lock);
	charge_current(rq, t);
	atomic_store(&t->state, THREAD_DEAD);
	rq->dead = t;
	switch_locked(rq, t);
	panic("a dead thread ran");
}

void sched_leave_idle(void)
{
	reschedule(false);
}
