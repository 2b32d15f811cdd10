/* SPDX-License-Identifier: MIT */
#pragma once
/* What epoll.c and epoll_nest.c share; the locks are explained in epoll.c. */
#include <lib/list.h>
#include <lib/rbtree.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>
#include <sync/waitq.h>

struct file;

#define EPOLL_MAX_NEST 5

struct epoll {
	MUTEX(epoll) mutex;
	struct rb_tree items GUARDED_BY(epoll_role);
	struct user_account *payer; /* [I] charged with the items */
	SPINLOCK(epoll_ready) ready_lock;
	struct list ready;    /* struct epoll_item.ready_link */
	struct waitq waiters; /* epoll_wait, poll of the epoll file */
	struct list parents;  /* items of other epolls that watch this one: gate and nest lock */
	struct list children; /* own items that watch epolls: gate */
	/* epoll_nest.c, gate: the checks that have seen it, and what they found. */
	uint64_t seen_below, seen_above, seen_files;
	int below, above;
};
struct epoll_wait_link {
	struct waitq_entry wait;
	struct epoll_item *item;
};
#define INLINE_LINKS 2
struct epoll_item {
	struct rb_node node;
	struct epoll *ep;
	struct file *file; /* not counted: the file's last put removes the item */
	int fd;
	_Atomic uint32_t events; /* wanted, with EPOLLET and friends; 0 events = disabled */
	uint64_t data;
	struct list ready_link;	 /* ready_lock */
	struct list file_link;	 /* file->epoll_lock */
	struct list parent_link; /* gate and nest lock; when file is an epoll */
	struct list child_link;	 /* gate; when file is an epoll */
	unsigned nlinks;
	struct epoll_wait_link links[INLINE_LINKS];
	struct epoll_wait_link *more[2];
	bool no_memory;
};

/* Which epoll watches which. */
extern SPINLOCK(epoll_nest) epoll_nest_lock;

/* The gate is held, so that no other link is made meanwhile. */
/* Whether ep may watch target: no circle, no tower (-ELOOP). */
MUST_USE int epoll_check_nesting(struct epoll *ep, struct epoll *target);
/* With the link made: too many ways up from f (-EINVAL), or from any file below ep, which was just
 * checked for its nesting and whose parent's mutex is held. */
MUST_USE int epoll_check_ways(struct file *f);
MUST_USE int epoll_check_ways_below(struct epoll *ep) REQUIRES(epoll_role);
