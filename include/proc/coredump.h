/* SPDX-License-Identifier: MIT */
#pragma once
/* What is left of a program that died by a fault: a line for the user, a core for gdb. */
#include <proc/task.h>

/* Writes a core of the current process, within RLIMIT_CORE: true = it is there. */
bool coredump_write(int sig, const struct siginfo *info);
/* A thread that is to die waits while another of its process writes a core.  siglock held, with
 * *flags as process_lock() gave them. */
void coredump_park_locked(struct process *p, uint64_t *flags) REQUIRES(siglock_role);

/* One line about what the current thread did, when it was a fault of its own. */
void crash_report(int sig, const struct siginfo *info);
