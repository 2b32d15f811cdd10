/* SPDX-License-Identifier: MIT */
#pragma once
#include <proc/task.h>
/* A thread that is to die waits while another of its process writes a core.  siglock held, with
 * *flags as process_lock() gave them. */
void coredump_park_locked(struct process *p, uint64_t *flags);
