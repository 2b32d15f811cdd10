/* SPDX-License-Identifier: MIT */
/*
 * Which CPU a thread runs on.
 *
 * All choices but a steal are made from counters that other CPUs change meanwhile: a wrong one
 * costs time, never correctness, as sched_queue() checks the affinity again under the lock.
 * A thief holds one run-queue lock at a time, so that no order of two is needed: between the
 * two the thread belongs to nobody and is found by nobody, being in no tree.
 */
#include "runq.h"
#include <lib/assert.h>

_Atomic uint64_t idle_mask;

static unsigned load_of(unsigned cpu)
{
	return atomic_load_explicit(&runqs[cpu].nr_queued, memory_order_relaxed) +
	       !atomic_load_explicit(&runqs[cpu].idling, memory_order_relaxed);
}

unsigned place_wakeup(const struct thread *t)
{
	uint64_t allowed = t->affinity & sched_online_mask();
	uint64_t idle = atomic_load_explicit(&idle_mask, memory_order_relaxed) & allowed;
	unsigned prev = (unsigned)t->cpu, best;

	if (!allowed) {
		allowed = sched_online_mask(); /* never left without a CPU */
	}
	if (idle >> prev & 1) {
		return prev;
	}
	if (idle) {
		return (unsigned)__builtin_ctzll(idle);
	}
	best = allowed >> prev & 1 ? prev : (unsigned)__builtin_ctzll(allowed);
	for (uint64_t m = allowed; m; m &= m - 1) {
		unsigned cpu = (unsigned)__builtin_ctzll(m);

		/* a little inertia: caches and shootdowns */
		if (load_of(cpu) + 1 < load_of(best)) {
			best = cpu;
		}
	}
	return best;
}

struct thread *place_steal(struct runq *rq)
{
	uint64_t me = 1ull << rq->cpu;

	for (unsigned i = 1; i < cpu_count(); i++) {
		struct runq *other = &runqs[(rq->cpu + i) % cpu_count()];
		struct thread *found = NULL;

		if (!atomic_load_explicit(&other->nr_queued, memory_order_relaxed) ||
		    atomic_load_explicit(&other->idling, memory_order_relaxed)) {
			continue; /* nothing, or about to be taken by its own CPU */
		}
		uint64_t flags = irq_save();

		if (!spin_trylock(&other->lock)) {
			irq_restore(flags);
			continue;
		}
		struct thread *t = runq_first(other);

		if (t && thread_rt_prio(t)) {
			found = t->affinity & me ? t : NULL;
		} else if (t) {
			/* the one that would wait longest */
			for (struct rb_node *n = rb_last(&other->fair); n; n = rb_prev(n)) {
				t = rb_entry(n, struct thread, rq_node);
				if (t->affinity & me) {
					found = t;
					break;
				}
			}
		}
		if (found) {
			runq_dequeue(other, found);
			found->vruntime -= other->min_vruntime;
			found->vruntime += rq->min_vruntime;
			found->cpu = (int)rq->cpu;
		}
		spin_unlock(&other->lock);
		irq_restore(flags);
		if (found) {
			return found;
		}
	}
	return NULL;
}

int place_balance(const struct runq *rq, const struct thread *t)
{
	/* t is not counted here any more: it is about to be queued */
	unsigned mine = atomic_load_explicit(&rq->nr_queued, memory_order_relaxed) + 1;

	for (uint64_t m = t->affinity & sched_online_mask(); m; m &= m - 1) {
		unsigned cpu = (unsigned)__builtin_ctzll(m);

		if (cpu != rq->cpu && load_of(cpu) + 2 <= mine) {
			return (int)cpu;
		}
	}
	return -1;
}
