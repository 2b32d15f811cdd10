/* SPDX-License-Identifier: MIT */
/*
 * The order within a run queue, pure.
 *
 * Real-time threads stand in one list per priority, fair ones in a tree by virtual time: CPU
 * time scaled by weight.  A thread's place depends on its parameters as they were when it was
 * queued, so they change only while it is not (api.c).  min_vruntime never goes back; a thread
 * from another queue or from sleep is placed relative to it, so virtual times of two queues are
 * never compared.
 */
#include "runq.h"
#include <lib/assert.h>

/* 1024 * 1.25^-nice (sched(7): each level is worth about 10 % of the CPU). */
static const uint32_t weights[40] = {
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537,  7629,  6104,  4883,  3906,  3125,  2500,	 2000,	1600,  1280,
	1024,  819,   655,   524,   419,   336,	  268,	 215,	172,   137,
	110,   88,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

int sched_effective_prio(const struct thread *t)
{
	bool rt = t->policy == SCHED_FIFO || t->policy == SCHED_RR;
	int own = rt ? 40 + t->rt_prio : t->policy == SCHED_IDLE ? 1 : 20 - t->nice;

	return MAX(own, (int)t->boost_prio);
}

int thread_rt_prio(const struct thread *t)
{
	int prio = sched_effective_prio(t);

	return prio > 40 ? prio - 40 : 0;
}

int thread_nice(const struct thread *t)
{
	int prio = sched_effective_prio(t);

	return prio > 40 ? -20 : 20 - prio;
}

static uint32_t nice_weight(int nice)
{
	ASSERT(nice >= -20 && nice <= 19);
	return weights[nice + 20];
}

static uint32_t thread_weight(const struct thread *t)
{
	return t->policy == SCHED_IDLE && !t->boost_prio ? 3 : nice_weight(thread_nice(t));
}

void runq_init(struct runq *rq, unsigned cpu)
{
	spin_init(&rq->lock, RANK_RUNQ, "runq");
	rq->cpu = cpu;
	for (int i = 0; i < RT_PRIOS; i++) {
		list_init(&rq->rt[i]);
	}
}

REQUIRES(runq_role)
static void enqueue_fair(struct runq *rq, struct thread *t)
{
	struct rb_node **link = &rq->fair.root, *parent = NULL;

	while (*link) {
		parent = *link;
		struct thread *other = rb_entry(parent, struct thread, rq_node);

		/* signed distance: virtual time may wrap */
		link = (int64_t)(t->vruntime - other->vruntime) < 0 ? &parent->left
								    : &parent->right;
	}
	rb_link(&t->rq_node, parent, link);
	rb_insert_fix(&rq->fair, &t->rq_node);
}

void runq_enqueue(struct runq *rq, struct thread *t, bool at_head)
{
	int prio = thread_rt_prio(t);

	DEBUG_ASSERT(spin_held(&rq->lock));
	ASSERT(!t->queued && t->cpu == (int)rq->cpu);
	if (prio) {
		if (at_head) {
			list_push_front(&rq->rt[prio], &t->rq_link);
		} else {
			list_push_back(&rq->rt[prio], &t->rq_link);
		}
		rq->rt_bits[prio / 64] |= 1ull << (prio % 64);
	} else {
		enqueue_fair(rq, t);
	}
	t->queued = true;
	/* a full fence before kick() looks at `polling`, see sched.c */
	atomic_fetch_add_explicit(&rq->nr_queued, 1, memory_order_seq_cst);
}

void runq_dequeue(struct runq *rq, struct thread *t)
{
	DEBUG_ASSERT(spin_held(&rq->lock));
	ASSERT(t->queued && t->cpu == (int)rq->cpu);
	if (list_linked(&t->rq_link)) {
		/* t was queued under the priority it had then */
		struct list *head = t->rq_link.next;

		list_remove(&t->rq_link);
		if (list_empty(head)) {
			int prio = (int)(head - rq->rt);

			ASSERT(prio > 0 && prio < RT_PRIOS);
			rq->rt_bits[prio / 64] &= ~(1ull << (prio % 64));
		}
	} else {
		rb_remove(&rq->fair, &t->rq_node);
	}
	t->queued = false;
	atomic_fetch_sub_explicit(&rq->nr_queued, 1, memory_order_relaxed);
}

struct thread *runq_first(struct runq *rq)
{
	DEBUG_ASSERT(spin_held(&rq->lock));
	for (int w = 1; w >= 0; w--) {
		if (rq->rt_bits[w]) {
			int prio = w * 64 + 63 - __builtin_clzll(rq->rt_bits[w]);

			return list_first_entry(&rq->rt[prio], struct thread, rq_link);
		}
	}
	struct rb_node *n = rb_first(&rq->fair);

	return n ? rb_entry(n, struct thread, rq_node) : NULL;
}

void runq_charge(struct runq *rq, struct thread *t, uint64_t ns)
{
	uint32_t weight = thread_weight(t);

	DEBUG_ASSERT(spin_held(&rq->lock));
	atomic_store_explicit(&t->runtime, t->runtime + ns, memory_order_relaxed);
	if (thread_rt_prio(t)) {
		return;
	}
	t->vruntime += weight == 1024 ? ns : ns * 1024 / weight;

	/* The queue's clock follows the least of those that run or wait, never back. */
	uint64_t least = t->vruntime;
	struct rb_node *n = rb_first(&rq->fair);

	if (n) {
		uint64_t first = rb_entry(n, struct thread, rq_node)->vruntime;

		least = (int64_t)(first - least) < 0 ? first : least;
	}
	if ((int64_t)(least - rq->min_vruntime) > 0) {
		rq->min_vruntime = least;
	}
}

void runq_place(struct runq *rq, struct thread *t, bool waking)
{
	uint64_t floor = rq->min_vruntime - (waking ? WAKE_CREDIT_NS : 0);
	int64_t lag = (int64_t)(t->vruntime - floor);

	/* A sleeper gets little back; a thread from another queue, whose virtual time has
	 * nothing to do with ours, starts at this one's. */
	if (lag < 0 || lag > (int64_t)(50 * NSEC_PER_MSEC)) {
		t->vruntime = floor;
	}
}

bool runq_preempts(const struct thread *woken, const struct thread *running)
{
	int a = thread_rt_prio(woken), b = thread_rt_prio(running);

	if (a || b) {
		return a > b;
	}
	if (running->policy == SCHED_IDLE && woken->policy != SCHED_IDLE) {
		return true;
	}
	return (int64_t)(running->vruntime - woken->vruntime) > (int64_t)PREEMPT_NS;
}

uint64_t runq_slice(const struct runq *rq, const struct thread *t)
{
	if (thread_rt_prio(t)) {
		return t->policy == SCHED_FIFO ? UINT64_MAX : RR_SLICE_NS;
	}
	uint64_t slice = SLICE_NS * thread_weight(t) / 1024;

	return slice < NSEC_PER_MSEC ? NSEC_PER_MSEC : MIN(slice, 4 * SLICE_NS);
}
