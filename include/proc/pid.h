/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Process ids.  A struct pid is a number together with what it names: a thread (its
 * tid), a process, a process group, a session.  The number is in the table, and is not
 * given out again, as long as it names any of these; the struct lives while it is
 * referenced (pidfd).
 *
 * Locks: the table and pid->task by a lock of their own (RANK_PID_TABLE), so that
 * creating and signalling threads stays clear of the process tree; process, group and
 * session by proctree_lock.  pid_put() may be called anywhere.
 */
#include <lib/list.h>
#include <lib/refcount.h>
#include <stdatomic.h>
#include <sync/spinlock.h>
#include <sync/waitq.h>

struct task;
struct process;

#define PID_MAX 32768

struct pid {
	struct refcount refs;
	int32_t nr;				      /* [I] */
	uint32_t users GUARDED_BY(pid_table_role);    /* [table] things that it names */
	struct task *task GUARDED_BY(pid_table_role); /* [table] the thread with this tid */
	struct process *process;		      /* [table, proctree] until it is reaped */
	struct list group;			      /* [proctree] processes by group_link */
	struct list session;			      /* [proctree] processes by session_link */
	uint32_t loses_parents;	 /* [proctree] 0 but while a parent of members exits: exit.c */
	struct waitq exit_waitq; /* pidfd: the process became a zombie */
};

/* Tree of processes, groups, sessions.  Taken with interrupts off. */
extern SPINLOCK(proctree) proctree_lock;

/* A fresh number for a task in the making (1 user, 1 reference for it): it names nothing until
 * pid_set_task(), so no look-up finds what may still be thrown away.  wanted: that one (-EEXIST),
 * 0: any (-EAGAIN when all are in use).  -ENOMEM. */
MUST_USE int pid_alloc(struct pid **out, int wanted);
void pid_get(struct pid *p);
void pid_put(struct pid *p);
/* One more / one thing less that the number names.  The last drops it from the table. */
void pid_use(struct pid *p);
void pid_unuse(struct pid *p);
/* The process with this pid (NULL: reaped).  proctree_lock held. */
void pid_set_process(struct pid *p, struct process *process) REQUIRES(proctree_role);
/* Changes the thread that the number names (NULL: none); does not count.  From now on others
 * find the thread, which is complete: publication ends with this. */
void pid_set_task(struct pid *p, struct task *task);

/* Counted; NULL when there is no such number. */
struct pid *pid_find(int nr);
/* What p itself names, whoever has the number by now: counted, or NULL when it is gone. */
struct task *pid_get_task(struct pid *p);
struct process *pid_get_process(struct pid *p);
/* The thread with that tid, counted (task_put), or NULL. */
struct task *task_find(int tid);
/* Runs fn on the thread with that tid, under the table's lock; its result, or -ESRCH. */
MUST_USE int pid_call_task(int tid, int (*fn)(struct task *t, void *arg), void *arg);
/* The process with that pid, zombies included, counted, or NULL. */
struct process *process_find(int pid);
/* The same, and the process of a thread with that tid. */
struct process *process_find_any(int nr);
/* The next process with a pid >= nr, counted; NULL = none.  For /proc and kill(-1). */
struct process *process_next(int nr);

/* Waits until one process is left that nobody has reaped, but not for signals: the end of the
 * VM. */
void process_wait_alone(uint64_t deadline);

/* The next thread with a tid >= nr, without a lock or a count: all other CPUs are stopped for good.
 * NULL = none. */
const struct task *pid_stopped_task(int nr);

/* Threads alive in the VM, for sysinfo and /proc/loadavg; the last number given out. */
unsigned task_count(void);
MUST_USE int pid_last(void);
void pid_init(void);
