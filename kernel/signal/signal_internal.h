/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of this room share among themselves. */
#include <signal/signal.h>
#include <signal/sigqueue.h>

/* Default actions. */
bool signal_default_ignored(int sig);
bool signal_default_stops(int sig);
bool signal_default_dumps(int sig);

/* One that nobody owns. */
/* Drops what is pending of `set`, for the process and all threads; siglock held. */
void signal_flush_locked(struct process *p, uint64_t set) REQUIRES(siglock_role);
