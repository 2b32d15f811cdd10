/* SPDX-License-Identifier: MIT */
#pragma once
/* What futex.c, futex_requeue.c and futex_pi.c share, see proc/futex.h. */
#include <futex/futex.h>

struct futex_bucket {
	SPINLOCK(futex) lock;
	struct list waiters; /* struct futex_waiter.link */
} ALIGNED(64);

struct pi_state;
struct futex_waiter {
	struct list link;		     /* [bucket] unlinked = woken */
	struct futex_bucket *_Atomic bucket; /* changes while requeued */
	struct futex_key key;		     /* [bucket] */
	struct task *task;
	uint32_t bitset;
	_Atomic bool woken; /* last store of whoever unlinks it */
	/* priority inheritance */
	struct pi_state *pi; /* [bucket] what it waits for; NULL = a plain waiter */
	struct list pi_link; /* [pi lock] pi->waiters, most urgent first */
	int prio;	     /* [pi lock] */
	bool owns;	     /* set before woken: the lock was handed over */
	bool owner_died;     /* ... by an owner that is gone: the word is ours to fix */
	bool requeue_pi;     /* FUTEX_WAIT_REQUEUE_PI: waits to be requeued to ... */
	struct futex_key requeue_key;
};

struct futex_bucket *futex_bucket_of(const struct futex_key *key);
void futex_waiter_init(struct futex_waiter *w, const struct futex_key *key, uint32_t bitset);
/* Bucket lock held: links at the tail. */
void futex_waiter_link(struct futex_waiter *w, struct futex_bucket *b);
/* Bucket lock held: unlinks and wakes; w must not be touched any more. */
void futex_waiter_wake(struct futex_waiter *w);
/* Sleeps until woken; the state is THREAD_PREPARING.  0 = woken, else w is unlinked and the
 * reason is returned. */
int futex_waiter_sleep(struct futex_waiter *w, uint64_t deadline);
/* Locks the bucket that w is in; NULL when it was woken. */
struct futex_bucket *futex_waiter_lock(struct futex_waiter *w);
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);

/* --- futex_pi.c --- */
struct pi_state *pi_state_alloc(void);
void pi_state_free(struct pi_state *s);
/* Takes the word for `t`, or makes s (fresh unless there is one: *s is used up then) the
 * state that w waits in.  Bucket lock held.  1: taken; 0: queue; -errno. -EFAULT: fault the
 * word in; -EAGAIN: look again. */
int pi_lock_or_attach(user_ptr word, const struct futex_key *key, struct futex_bucket *b,
		      struct task *t, struct pi_state **fresh, struct pi_state **out,
		      bool set_waiters, bool try_only);
/* Queues w in s; -EDEADLK (and s is gone when nobody else waits in it).  Bucket lock held. */
MUST_USE int pi_enqueue(struct futex_waiter *w, struct pi_state *s);
/* Takes w out of its state (timeout, signal).  Bucket lock held. */
void pi_dequeue(struct futex_waiter *w);
/* After a wait that ended with the lock handed over by a dying owner. */
MUST_USE int pi_fix_word(user_ptr word, struct futex_waiter *w);
/* The dying thread's PI futexes go to their next waiters. */
void pi_exit(struct task *t);
void robust_list_exit(struct task *t);
