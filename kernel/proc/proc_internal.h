/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of kernel/proc share among themselves. */
#include <proc/task.h>

/* process.c */
void process_subsystem_init(void);
struct task *task_alloc(struct process *p, const char *name, const struct thread *parent);
struct process *process_alloc(void);
struct fdtable *task_get_files(struct task *t);
struct fs_context *task_get_fs(struct task *t);
struct cred *task_get_cred(struct task *t);

/* limits.c */
unsigned proc_max_threads(void);
void limits_subsystem_init(void);

/* tree.c: proctree_lock held */
void tree_link_locked(struct process *p, struct process *parent, struct pid *group,
		      struct session *session);
void tree_unlink_locked(struct process *p); /* reaped: group and session are left */
void tree_set_group_locked(struct process *p, struct pid *group);
bool tree_group_orphaned_locked(struct pid *group, const struct process *without);
bool tree_group_has_stopped_locked(struct pid *group);
struct session *session_alloc(struct pid *sid, struct process *leader);
void session_get(struct session *s);
void session_put(struct session *s);
extern struct process *init_process;

/* exit.c */
void process_notify_parent_locked(struct process *p, int cause, int status); /* proctree */

/* stop.c */
void process_stop_begin_locked(struct process *p, int sig);
/* The current thread waits until the stop is over; siglock held, with flags. */
void task_stop_locked(struct process *p, uint64_t *flags);
void process_continue_locked(struct process *p);
bool process_stop_thread_gone_locked(struct process *p); /* true: report it */
void process_report_stop(struct process *p);
void process_report_continue(struct process *p);

/* signal_send.c */
void signal_wake_task(struct task *t, bool killed); /* siglock held */
bool signal_default_ignored(int sig);
bool signal_default_stops(int sig);
bool signal_default_dumps(int sig);
struct sigqueue *sigqueue_alloc(struct user_account *u, uint64_t limit, bool force);
void sigqueue_free(struct sigqueue *q);
void sigqueue_free_timer(struct sigqueue *q);
void signal_retarget_locked(struct process *p, struct task *gone, uint64_t set);
void signal_flush_locked(struct process *p, uint64_t set);	   /* from all queues */
void signal_unqueue_locked(struct process *p, struct sigqueue *q); /* one entry, not freed */

/* posix_timers.c */
void timers_process_free(struct process *p);

/* coredump.c: true = a core was written; crash.c */
bool coredump_write(int sig, const struct siginfo *info);
void crash_report(int sig, const struct siginfo *info);

/* fault.c */
void fault_subsystem_init(void);

/* procinfo.c */
void procinfo_init(void);

/* ipc_proc.c: once /proc is there */
void ipc_proc_register(void);

/* rseq.c */
void rseq_notify_return(struct trap_frame *f);
void rseq_signal_deliver(struct trap_frame *f);
