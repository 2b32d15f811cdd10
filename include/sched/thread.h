/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A thread: what the scheduler runs.  Kernel threads are just this; a thread of
 * a program is the first member of a struct task (proc/task.h), which adds
 * identity, signals and the like.
 *
 * The counted parts of a process that lower layers need (address space,
 * descriptors, fs context, credentials) hang here as pointers to types that
 * belong to the layers above; each pointer is changed only by the thread itself
 * (or before it first runs), so the current thread reads its own without a lock.
 *
 * Fields: [I] set before first run, [a] atomic, [t] this thread only, [rq] run
 * queue lock of the CPU it is on, otherwise as said.
 */
#include <arch/thread.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <lib/refcount.h>
#include <sched/timer.h>
#include <sync/waitq.h>

struct mm;
struct fdtable;
struct fs_context;
struct cred;
struct task;

enum thread_state {
	THREAD_RUNNABLE,  /* running or on a run queue */
	THREAD_PREPARING, /* block_prepare() was called */
	THREAD_BLOCKED,
	THREAD_DEAD, /* switched away for the last time */
};
enum sched_policy {
	SCHED_OTHER = 0,
	SCHED_FIFO = 1,
	SCHED_RR = 2,
	SCHED_BATCH = 3,
	SCHED_IDLE = 5
};

struct thread {
	struct arch_thread arch; /* first: entry.S knows its offsets */

	/* scheduling */
	_Atomic uint32_t state;	    /* [a] enum thread_state */
	_Atomic uint32_t wait_mode; /* [a] enum wait_mode of the current block */
	_Atomic bool interrupted;   /* [a] a signal is to be delivered (proc sets it) */
	_Atomic bool killed;	    /* [a] a fatal signal is pending (proc sets it) */
	bool ending;		    /* [t] no signal reaches it any more (proc sets it) */
	bool timed_out;		    /* [t] the deadline passed; set by block_timer's function */
	int cpu;		    /* [rq] run queue it is on or was last */
	struct rb_node rq_node GUARDED_BY(runq_role); /* [rq] fair tree */
	struct list rq_link GUARDED_BY(runq_role);    /* [rq] real-time list */
	bool queued GUARDED_BY(runq_role);	      /* [rq] */
	uint64_t vruntime GUARDED_BY(runq_role);      /* [rq] weighted ns */
	uint64_t slice_end GUARDED_BY(runq_role);     /* [rq] ns */
	uint64_t exec_start GUARDED_BY(runq_role);    /* [rq] ns, last charge */
	_Atomic uint64_t runtime;		      /* [a] ns of CPU used, user and system */
	_Atomic uint64_t vol_switches, invol_switches;
	uint8_t policy;	    /* [rq] enum sched_policy */
	int8_t nice;	    /* [rq] -20..19 */
	uint8_t rt_prio;    /* [rq] 1..99 for FIFO and RR */
	uint8_t boost_prio; /* [rq] priority inheritance: 0 or 1..140 (see sched.h) */
	bool reset_on_fork;
	bool notify_switch;	  /* [t] WORK_NOTIFY each time it is switched in (rseq) */
	uint64_t affinity;	  /* [rq] bit per CPU it may run on */
	struct timer block_timer; /* deadline of block() */

	/* counted parts, see above; NULL in kernel threads */
	struct mm *mm;
	struct fdtable *files;
	struct fs_context *fs;
	struct cred *cred;
	struct task *task; /* [I] NULL: a kernel thread */

	struct refcount refs; /* thread_get / thread_put; the struct goes with the last */
	void (*release)(struct thread *t); /* [I] frees the struct (and what embeds it) */
	void *kstack;			   /* [I] from kstack_alloc() */
	struct held_ranks held_ranks;	   /* [t] debug: sleeping locks held */
	char name[16];			   /* NUL-terminated (prctl PR_SET_NAME) */
};

/* The running thread.  Constant for the caller's life time. */
static inline struct thread *thread_current(void)
{
	return (struct thread *)arch_current();
}
static inline void thread_get(struct thread *t)
{
	refcount_get(&t->refs);
}
void thread_put(struct thread *t); /* takes NULL */
