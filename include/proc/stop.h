/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Job control: stopping and continuing a process (kernel/proc/stop.c), as signals ask for it.
 * The _locked functions: siglock held.
 */
#include <proc/task.h>

/* A stop signal took its default action: all threads are to stop. */
void process_stop_begin_locked(struct process *p, int sig) REQUIRES(siglock_role);
/* The current thread waits until the stop is over; the lock, held with *flags, is dropped
 * meanwhile. */
void task_stop_locked(struct process *p, uint64_t *flags) REQUIRES(siglock_role);
/* SIGCONT was sent. */
void process_continue_locked(struct process *p) REQUIRES(siglock_role);
/* A thread has left the list: true = that made the process stopped, to be reported. */
bool process_stop_thread_gone_locked(struct process *p) REQUIRES(siglock_role);

/* Tell the parent.  No lock held. */
void process_report_stop(struct process *p);
void process_report_continue(struct process *p);
