/* SPDX-License-Identifier: MIT */
/*
 * Idle: take work from others, spin a little while wake-ups come quickly, then halt.
 *
 * While a CPU polls, a waker need not interrupt it.  So it says that it stops, and looks once
 * more: a waker that queued before that look is found, one that queues after it sees that the
 * CPU polls no more and sends an interrupt (kick() in sched.c).  The last look is made with
 * interrupts off, and the halt turns them on: an interrupt after the look ends the halt.
 */
#include "runq.h"
#include <arch/clock.h>
#include <lib/assert.h>

#define SPIN_MAX_NS (30 * NSEC_PER_USEC)

static bool has_work(struct runq *rq)
{
	return atomic_load_explicit(&rq->nr_queued, memory_order_relaxed) != 0;
}

static bool steal(struct runq *rq)
{
	struct thread *t = place_steal(rq);

	if (!t) {
		return false;
	}
	uint64_t flags = spin_lock_irqsave(&rq->lock);

	runq_enqueue(rq, t, false);
	spin_unlock_irqrestore(&rq->lock, flags);
	return true;
}

static bool spin(struct runq *rq, uint64_t ns)
{
	uint64_t end = clock_mono_ns() + ns;

	do {
		for (int i = 0; i < 16; i++) {
			if (has_work(rq)) {
				return true;
			}
			cpu_pause();
		}
	} while (clock_mono_ns() < end);
	return false;
}

/* Waits for work; *typical is a running mean of how long idle lasts, ns. */
static void idle_once(struct runq *rq, uint64_t *typical)
{
	uint64_t bit = 1ull << rq->cpu, start = clock_mono_ns(), took;
	bool found;

	atomic_store_explicit(&rq->polling, true, memory_order_relaxed);
	atomic_store_explicit(&rq->idling, true, memory_order_relaxed);
	atomic_fetch_or_explicit(&idle_mask, bit, memory_order_release);
	found = has_work(rq) || steal(rq);
	if (!found && *typical < 2 * SPIN_MAX_NS) {
		found = spin(rq, SPIN_MAX_NS);
	}
	/* pairs with kick() in sched.c */
	atomic_store_explicit(&rq->polling, false, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	while (!found) {
		irq_off();
		if (has_work(rq)) {
			irq_on();
			break;
		}
		cpu_halt_until_irq();
		found = has_work(rq) || steal(rq);
	}
	atomic_fetch_and_explicit(&idle_mask, ~bit, memory_order_relaxed);
	atomic_store_explicit(&rq->idling, false, memory_order_relaxed);
	took = clock_mono_ns() - start;
	*typical = (*typical * 3 + took) / 4;
}

void sched_run_idle(void)
{
	struct runq *rq = runq_this();
	uint64_t typical = NSEC_PER_MSEC;

	ASSERT(thread_current() == rq->idle);
	irq_on();
	for (;;) {
		if (!has_work(rq)) {
			idle_once(rq, &typical);
		}
		sched_leave_idle();
	}
}
