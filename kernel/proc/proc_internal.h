/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of kernel/proc share among themselves. */
#include <proc/access.h>
#include <proc/task.h>

/* access.c: siglock of t's process held. */
MUST_USE int task_may_access_locked(const struct task *t, enum access_ids as)
	REQUIRES(siglock_role);

/* process.c */
void process_subsystem_init(void);
/* NULL = no memory.  The task counts p. */
struct task *task_alloc(struct process *p, const char *name, const struct thread *parent);
struct process *process_alloc(void);

/* limits.c */
void limits_subsystem_init(void);

/* exit.c: cause 0 = p is a zombie, else CLD_STOPPED or CLD_CONTINUED; proctree_lock held. */
void process_notify_parent_locked(struct process *p, int cause, int status) REQUIRES(proctree_role);

/* fault.c */
void fault_subsystem_init(void);
/* A thread gave up its mm: who waits for memory looks again. */
void oom_memory_returned(void);

/* procinfo.c */
void procinfo_init(void);

/* rseq.c */
void rseq_notify_return(struct trap_frame *f);
