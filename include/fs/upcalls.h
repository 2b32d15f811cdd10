/* SPDX-License-Identifier: MIT */
#pragma once
/* What fs asks of proc, which sets these at boot. */
#include <lib/util.h>

struct file;

/* Thread group id of current; set by proc: F_GETLK, /proc/locks. */
extern int (*fs_current_pid)(void);
/* Limit on descriptors of the current process; set by proc (soft RLIMIT_NOFILE). */
extern uint64_t (*fs_rlimit)(int resource); /* RLIMIT_* -> soft limit of current */
extern void (*fs_send_sigxfsz)(void);
extern void (*fs_send_sigpipe)(void);
extern void (*fs_send_sigio)(struct file *f, int band); /* F_SETOWN/O_ASYNC */
