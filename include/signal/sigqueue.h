/* SPDX-License-Identifier: MIT */
#pragma once
/* Queue entries of signals, for who owns one: POSIX timers. */
#include <lib/list.h>
#include <linux/signal.h>
#include <sync/lock_order.h>

struct posix_timer;
struct process;
struct sigpending;
struct user_account;

struct sigqueue {
	struct list link;      /* [S] sigpending.queue ... */
	struct sigpending *on; /* [S] of this, while it is linked */
	struct siginfo info;
	struct user_account *user; /* counted: whom it is charged to */
	struct posix_timer *timer; /* the timer that owns it; NULL: freed when it is taken */
};

/* Charged to u, unless it has `limit` already (force: all the same); NULL = not to be had. */
struct sigqueue *sigqueue_alloc(struct user_account *u, uint64_t limit, bool force);
/* The owner frees its entry, which is on no queue. */
void sigqueue_free_timer(struct sigqueue *q);
/* Takes q off the queue that it is on; siglock held. */
void signal_unqueue_locked(struct process *p, struct sigqueue *q) REQUIRES(siglock_role);
