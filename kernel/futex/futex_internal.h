/* SPDX-License-Identifier: MIT */
#pragma once
/* What futex.c, futex_requeue.c and futex_pi.c share, see futex/futex.h.  _locked: the lock of the
 * bucket is held that the waiter, or the key, is in. */
#include <futex/futex.h>

struct futex_bucket {
	SPINLOCK(futex) lock;
	struct list waiters GUARDED_BY(futex_role); /* struct futex_waiter.link */
} ALIGNED(64);

struct pi_state;
struct futex_waiter {
	struct list link GUARDED_BY(futex_role); /* unlinked = woken, or about to be */
	struct futex_bucket
		*_Atomic bucket; /* [bucket] written with the old and the new one locked */
	struct futex_key key;	 /* [bucket] */
	struct task *task;
	uint32_t bitset;
	_Atomic bool woken; /* the waker's last store */
	/* priority inheritance */
	struct pi_state *pi; /* what it waits for, written with both locks; NULL = a plain waiter */
	struct list pi_link GUARDED_BY(futex_pi_role); /* pi->waiters, most urgent first */
	int prio GUARDED_BY(futex_pi_role);
	bool owns;	 /* set before woken: the lock was handed over */
	bool owner_died; /* ... by an owner that is gone: the word is ours to fix */
	bool requeue_pi; /* FUTEX_WAIT_REQUEUE_PI: waits to be requeued to ... */
	struct futex_key requeue_key;
};

struct futex_bucket *futex_bucket_of(const struct futex_key *key);
void futex_waiter_init(struct futex_waiter *w, const struct futex_key *key, uint32_t bitset);
/* Links at the tail. */
void futex_waiter_link_locked(struct futex_waiter *w, struct futex_bucket *b) REQUIRES(futex_role);
/* Unlinks and wakes; w must not be touched any more. */
void futex_waiter_wake_locked(struct futex_waiter *w) REQUIRES(futex_role);
/* Links w when *word == expected; the thread is then prepared to block.  -EAGAIN, -EFAULT. */
MUST_USE int futex_waiter_setup(struct futex_waiter *w, user_ptr word, uint32_t expected);
/* Sleeps until woken, after futex_waiter_setup() or its like.  0 = woken, else w is unlinked and
 * the reason is returned. */
MUST_USE int futex_waiter_sleep(struct futex_waiter *w, uint64_t deadline);
/* The only way to have two buckets: lower address first, the same one once. */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b) ACQUIRES(futex_role);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b) RELEASES(futex_role);

/* --- futex_pi.c --- */
struct pi_state *pi_state_alloc(void);
void pi_state_free(struct pi_state *s);
/* Takes the word for `t` (with FUTEX_WAITERS set when set_waiters): 1.  Else 0, and *out is the
 * state to queue in: *fresh, which is NULL then, unless there is one.  -EFAULT: fault the word in;
 * -EAGAIN: look again. */
MUST_USE int pi_lock_or_attach_locked(user_ptr word, const struct futex_key *key,
				      struct futex_bucket *b, struct task *t,
				      struct pi_state **fresh, struct pi_state **out,
				      bool set_waiters, bool try_only) REQUIRES(futex_role);
/* Queues w in s; -EDEADLK (and s is gone when nobody else waits in it). */
MUST_USE int pi_enqueue_locked(struct futex_waiter *w, struct pi_state *s) REQUIRES(futex_role);
/* Takes w out of its state (timeout, signal). */
void pi_dequeue_locked(struct futex_waiter *w) REQUIRES(futex_role);
/* After a wait that ended with the lock handed over by a dying owner. */
MUST_USE int pi_fix_word(user_ptr word, struct futex_waiter *w);
/* The dying thread's PI futexes go to their next waiters. */
void pi_exit(struct task *t);
void robust_list_exit(struct task *t);
