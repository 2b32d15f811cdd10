/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Run queues: private to kernel/sched.  fair.c is pure (tested on the host): order, virtual
 * time and weights; sched.c switches; place.c chooses CPUs; api.c changes parameters.
 *
 * The running thread is in no tree.  `lock` protects the queue and the [rq] fields of the
 * threads whose ->cpu it is; it is held across the switch, so whoever holds it knows that
 * no blocked thread of this queue is still on its stack.
 */
#include <arch/cpu.h>
#include <sched/sched.h>
#include <sync/spinlock.h>

#define RT_PRIOS 100
#define SLICE_NS (4 * NSEC_PER_MSEC)	   /* of a nice-0 thread with company */
#define RR_SLICE_NS (100 * NSEC_PER_MSEC)  /* sched_rr_get_interval(2) */
#define WAKE_CREDIT_NS (3 * NSEC_PER_MSEC) /* virtual time a sleeper is given back */
#define PREEMPT_NS (1 * NSEC_PER_MSEC)	   /* virtual lead that a woken thread needs */

struct runq {
	SPINLOCK(runq) lock;
	unsigned cpu;
	struct thread *current GUARDED_BY(runq_role);
	struct thread *idle;			   /* [I] */
	_Atomic uint32_t nr_queued;		   /* waiting, without current */
	struct rb_tree fair GUARDED_BY(runq_role); /* by vruntime */
	uint64_t min_vruntime GUARDED_BY(runq_role);
	struct list rt[RT_PRIOS] GUARDED_BY(runq_role);
	uint64_t rt_bits[2] GUARDED_BY(runq_role);
	/* Switched away for the last time: put by the next thread. */
	struct thread *dead GUARDED_BY(runq_role);
	/* Switched away to be queued on another CPU. */
	struct thread *migrant GUARDED_BY(runq_role);
	_Atomic bool idling, polling;
	uint64_t idle_since GUARDED_BY(runq_role), idle_ns GUARDED_BY(runq_role);
	uint64_t switches GUARDED_BY(runq_role);
} ALIGNED(64);

extern struct runq runqs[MAX_CPUS];

static inline struct runq *runq_this(void)
{
	return &runqs[cpu_id()];
}

/* --- fair.c: pure, under rq->lock --- */
/* 1..99 when t runs in a real-time class (own or boosted), else 0. */
int thread_rt_prio(const struct thread *t);
/* Nice level after boosting. */
int thread_nice(const struct thread *t);
void runq_init(struct runq *rq, unsigned cpu);
void runq_enqueue(struct runq *rq, struct thread *t, bool at_head) REQUIRES(runq_role);
void runq_dequeue(struct runq *rq, struct thread *t) REQUIRES(runq_role);
/* NULL = nothing waits */
struct thread *runq_first(struct runq *rq) REQUIRES(runq_role);
/* Charges ns of CPU to t. */
void runq_charge(struct runq *rq, struct thread *t, uint64_t ns) REQUIRES(runq_role);
/* A thread comes from sleep or another queue: bounds its lag. */
void runq_place(struct runq *rq, struct thread *t, bool waking) REQUIRES(runq_role);
/* Should `woken` take the CPU from `running`? */
bool runq_preempts(const struct thread *woken, const struct thread *running) REQUIRES(runq_role);
uint64_t runq_slice(const struct runq *rq, const struct thread *t) REQUIRES(runq_role);

/* --- place.c --- */
/* The CPU for a thread that becomes runnable; a hint, no locks. */
unsigned place_wakeup(const struct thread *t);
/* Takes a waiting thread from another queue for this idle CPU; NULL = none.  The
 * thread is dequeued, its ->cpu is this CPU.  No run-queue lock held. */
struct thread *place_steal(struct runq *rq) EXCLUDES(runq_role);
/* A CPU with at least two fewer runnable threads than `rq`, for t; -1 = none. */
int place_balance(const struct runq *rq, const struct thread *t);
extern _Atomic uint64_t idle_mask;

/* --- sched.c --- */
/* The lock was taken by the thread that was left (arch/upcalls.h). */
void sched_finish_switch(void) RELEASES(runq_role);
/* Queues a runnable thread that is on no queue, on the best CPU, and preempts there. */
void sched_queue(struct thread *t, bool waking) EXCLUDES(runq_role);
/* Timer function of thread.block_timer. */
void sched_block_timeout(struct timer *timer);
/* Lets the best waiting thread run instead of the idle thread. */
void sched_leave_idle(void) EXCLUDES(runq_role);
/* Makes rq's CPU look for something better when it returns to user mode. */
void sched_preempt_locked(struct runq *rq) REQUIRES(runq_role);

/* --- timer.c --- */
void timer_set_slice(uint64_t deadline); /* this CPU, interrupts off */
