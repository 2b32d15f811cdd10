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
	struct thread *current;
	struct thread *idle;
	_Atomic uint32_t nr_queued; /* waiting, without current */
	struct rb_tree fair;	    /* by vruntime */
	uint64_t min_vruntime;
	struct list rt[RT_PRIOS];
	uint64_t rt_bits[2];
	struct thread *dead;	/* switched away for the last time: put by the next thread */
	struct thread *migrant; /* switched away to be queued on another CPU */
	_Atomic bool idling, polling;
	uint64_t idle_since, idle_ns;
	uint64_t switches;
} ALIGNED(64);

extern struct runq runqs[MAX_CPUS];

static inline struct runq *runq_this(void)
{
	return &runqs[cpu_id()];
}

/* --- fair.c: pure, under rq->lock --- */
/* 1..99 when t runs in a real-time class (own or boosted), else 0. */
int thread_rt_prio(const struct thread *t);
/* Weight of a nice level; 1024 = nice 0. */
uint32_t nice_weight(int nice);
/* Nice level after boosting. */
int thread_nice(const struct thread *t);
void runq_init(struct runq *rq, unsigned cpu);
void runq_enqueue(struct runq *rq, struct thread *t, bool at_head);
void runq_dequeue(struct runq *rq, struct thread *t);
struct thread *runq_first(struct runq *rq); /* NULL = nothing waits */
/* Charges ns of CPU to t. */
void runq_charge(struct runq *rq, struct thread *t, uint64_t ns);
/* A thread comes from sleep or another queue: bounds its lag. */
void runq_place(struct runq *rq, struct thread *t, bool waking);
/* Should `woken` take the CPU from `running`? */
bool runq_preempts(const struct thread *woken, const struct thread *running);
uint64_t runq_slice(const struct runq *rq, const struct thread *t);

/* --- place.c --- */
/* The CPU for a thread that becomes runnable; a hint, no locks. */
unsigned place_wakeup(const struct thread *t);
/* Takes a waiting thread from another queue for this idle CPU; NULL = none.  The
 * thread is dequeued, its ->cpu is this CPU.  No run-queue lock held. */
struct thread *place_steal(struct runq *rq);
/* A CPU with at least two fewer runnable threads than `rq`, for t; -1 = none. */
int place_balance(const struct runq *rq, const struct thread *t);
extern _Atomic uint64_t idle_mask;

/* --- sched.c --- */
/* Queues a runnable thread that is on no queue, on the best CPU, and preempts there. */
void sched_queue(struct thread *t, bool waking);
/* Timer function of thread.block_timer. */
void sched_block_timeout(struct timer *timer);
/* Lets the best waiting thread run instead of the idle thread. */
void sched_leave_idle(void);
/* Under rq->lock: makes rq's CPU look for something better. */
void sched_preempt(struct runq *rq);

/* --- timer.c --- */
void timer_set_slice(uint64_t deadline); /* this CPU, interrupts off */
