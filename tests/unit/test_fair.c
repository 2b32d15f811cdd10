/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/sched/fair.c kernel/lib/rbtree.c tests/unit/shim/base.c */
/* The order of a run queue, driven by hand: who runs, for how long, in what share. */
#include "../../kernel/sched/runq.h"
#include "test.h"
#include <string.h>

struct spinlock;
void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	(void)l, (void)rank, (void)name;
}

bool spin_held(const struct spinlock *l)
{
	(void)l;
	return true;
}

static void make(struct thread *t, int policy, int nice, int rt)
{
	memset(t, 0, sizeof(*t));
	t->policy = (uint8_t)policy;
	t->nice = (int8_t)nice;
	t->rt_prio = (uint8_t)rt;
	list_init(&t->rq_link);
	rb_clear(&t->rq_node);
}

static struct runq *queue(void)
{
	static struct runq rq;

	memset(&rq, 0, sizeof(rq));
	runq_init(&rq, 0);
	return &rq;
}

/* Runs the best for its slice, n times; counts[i] gets each thread's ns. */
static void simulate(struct runq *rq, struct thread *ts, uint64_t *ns, int n)
{
	for (int i = 0; i < n; i++) {
		struct thread *t = runq_first(rq);
		uint64_t slice = runq_slice(rq, t);

		if (slice == UINT64_MAX) {
			slice = SLICE_NS;
		}
		runq_dequeue(rq, t);
		runq_charge(rq, t, slice);
		ns[t - ts] += slice;
		runq_enqueue(rq, t, false);
	}
}

static void equal_threads_share_equally(void)
{
	struct runq *rq = queue();
	struct thread ts[3];
	uint64_t ns[3] = { 0 };

	make(&ts[0], SCHED_OTHER, 0, 0);
	make(&ts[1], SCHED_OTHER, 0, 0);
	make(&ts[2], SCHED_OTHER, 0, 0);
	for (int i = 0; i < 3; i++) {
		runq_place(rq, &ts[i], false);
		runq_enqueue(rq, &ts[i], false);
	}
	simulate(rq, ts, ns, 300);
	CHECK_EQ(ns[0], ns[1]);
	CHECK_EQ(ns[1], ns[2]);
}

static void nice_gives_weighted_shares(void)
{
	struct runq *rq = queue();
	struct thread ts[2];
	uint64_t ns[2] = { 0 };

	make(&ts[0], SCHED_OTHER, 0, 0);
	make(&ts[1], SCHED_OTHER, 5, 0);
	runq_enqueue(rq, &ts[0], false);
	runq_enqueue(rq, &ts[1], false);
	simulate(rq, ts, ns, 4000);
	double share = (double)ns[0] / (double)ns[1];

	CHECK(share > 2.8 && share < 3.3); /* 1.25^5 = 3.05 */
}

static void real_time_goes_first(void)
{
	struct runq *rq = queue();
	struct thread ts[3];

	make(&ts[0], SCHED_OTHER, -20, 0);
	make(&ts[1], SCHED_FIFO, 0, 10);
	make(&ts[2], SCHED_RR, 0, 70);
	for (int i = 0; i < 3; i++) {
		runq_enqueue(rq, &ts[i], false);
	}
	CHECK(runq_first(rq) == &ts[2]);
	runq_dequeue(rq, &ts[2]);
	CHECK(runq_first(rq) == &ts[1]);
	runq_dequeue(rq, &ts[1]);
	CHECK(runq_first(rq) == &ts[0]);
	runq_dequeue(rq, &ts[0]);
	CHECK(!runq_first(rq));
	CHECK(runq_preempts(&ts[1], &ts[0]) && !runq_preempts(&ts[0], &ts[1]));
	CHECK(runq_preempts(&ts[2], &ts[1]) && !runq_preempts(&ts[1], &ts[1]));
	CHECK_EQ(runq_slice(rq, &ts[1]), UINT64_MAX);
}

static void fifo_head_and_tail(void)
{
	struct runq *rq = queue();
	struct thread ts[3];

	make(&ts[0], SCHED_FIFO, 0, 5);
	make(&ts[1], SCHED_FIFO, 0, 5);
	make(&ts[2], SCHED_FIFO, 0, 5);
	runq_enqueue(rq, &ts[0], false);
	runq_enqueue(rq, &ts[1], false);
	runq_enqueue(rq, &ts[2], true); /* preempted: keeps its place */
	CHECK(runq_first(rq) == &ts[2]);
	runq_dequeue(rq, &ts[0]); /* from the middle */
	runq_dequeue(rq, &ts[2]);
	CHECK(runq_first(rq) == &ts[1]);
	runq_dequeue(rq, &ts[1]);
	CHECK(!rq->rt_bits[0] && !rq->rt_bits[1]);
	CHECK_EQ(rq->nr_queued, 0);
}

static void sleeper_gets_bounded_credit(void)
{
	struct runq *rq = queue();
	struct thread hog, sleeper;

	make(&hog, SCHED_OTHER, 0, 0);
	make(&sleeper, SCHED_OTHER, 0, 0);
	runq_charge(rq, &hog, 10 * NSEC_PER_SEC);
	runq_place(rq, &sleeper, true);
	CHECK_EQ(sleeper.vruntime, rq->min_vruntime - WAKE_CREDIT_NS);
	CHECK(runq_preempts(&sleeper, &hog));
	/* one that just slept for a moment keeps its place */
	sleeper.vruntime = rq->min_vruntime + 5;
	runq_place(rq, &sleeper, true);
	CHECK_EQ(sleeper.vruntime, rq->min_vruntime + 5);
	CHECK(!runq_preempts(&sleeper, &hog));
}

static void boost_lifts_and_ends(void)
{
	struct thread low, mid;

	make(&low, SCHED_OTHER, 19, 0);
	make(&mid, SCHED_FIFO, 0, 20);
	CHECK_EQ(thread_rt_prio(&low), 0);
	low.boost_prio = (uint8_t)sched_effective_prio(&mid);
	CHECK_EQ(thread_rt_prio(&low), 20);
	low.boost_prio = 25; /* a nice -5 waiter */
	CHECK_EQ(thread_rt_prio(&low), 0);
	CHECK_EQ(thread_nice(&low), -5);
	low.boost_prio = 0;
	CHECK_EQ(thread_nice(&low), 19);
}

static void virtual_time_wraps(void)
{
	struct runq *rq = queue();
	struct thread a, b;

	make(&a, SCHED_OTHER, 0, 0);
	make(&b, SCHED_OTHER, 0, 0);
	rq->min_vruntime = UINT64_MAX - 10;
	a.vruntime = UINT64_MAX - 5;
	b.vruntime = 5; /* later: past the wrap */
	runq_enqueue(rq, &b, false);
	runq_enqueue(rq, &a, false);
	CHECK(runq_first(rq) == &a);
	runq_dequeue(rq, &a);
	runq_charge(rq, &a, 100);
	CHECK_EQ(rq->min_vruntime, 5);
}

int main(void)
{
	RUN(equal_threads_share_equally);
	RUN(nice_gives_weighted_shares);
	RUN(real_time_goes_first);
	RUN(fifo_head_and_tail);
	RUN(sleeper_gets_bounded_credit);
	RUN(boost_lifts_and_ends);
	RUN(virtual_time_wraps);
	return test_done();
}
