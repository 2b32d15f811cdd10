/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Futexes: sleep until a word in the program's memory changes.
 *
 * There is no futex object.  A waiter lives on the stack of the sleeping thread (in an array of
 * its own for futex_waitv) and is linked into the bucket that its key hashes to: (mm, address) for
 * private futexes, (object, offset) for shared ones.
 *
 * Lost wake-ups: the word is read under the bucket lock, with a copy that can't fault; when the
 * page isn't there the lock is dropped, the page faulted in and all begins again.  A waker stores
 * first and then takes the lock: either it is the second to have it and finds the waiter, or the
 * waiter is, and reads what was stored.
 *
 * The end of a wait: a waiter that is linked waits.  Its waker, under the bucket lock,
 *   1. unlinks it,
 *   2. wakes the thread,
 *   3. sets `woken`, and touches neither the waiter nor the thread again.
 * Step 3 is last: who sees `woken` may return, which ends the waiter, and exit, which ends the
 * thread.  So a thread that woke by itself (timeout, signal) and finds its waiter unlinked spins
 * for `woken`; if it left at once, step 2 would be done to a thread that may be gone.  Step 1 is
 * before step 2, or the woken thread could find itself linked, take the wake for a spurious one
 * and sleep again, and then be unlinked with nobody left to wake it.
 *
 * A thread announces its sleep (block_prepare) before it links its waiter or under the lock of the
 * bucket in which that is linked, never elsewhere.  So step 2 finds it preparing or blocked, or
 * awake and bound to take that lock before it sleeps again.  Were it to announce first and look at
 * the link then, without the lock, the waker would need a fence between the steps 1 and 2: each
 * side stores and then reads what the other stores.
 *
 * Locks: bucket locks (RANK_FUTEX); two of them only by futex_lock_two().
 *
 * Priority inheritance (futex_pi.c): a pi_state per contended PI futex, found through its
 * waiters' key; it is in the owner's list, and the owner runs at the best waiter's priority
 * (sched_boost), along chains of owners that wait themselves.
 */
#include <mm/user_ptr.h>
#include <futex/futex_key.h>
#include <proc/task.h>

MUST_USE int futex_get_key(user_ptr word, bool shared, struct futex_key *key);

/* futex(2).  deadline is absolute, clock_mono_ns(). */
long futex_wait(user_ptr word, bool shared, uint32_t expected, uint64_t deadline, uint32_t bitset);
long futex_wake(user_ptr word, bool shared, int max, uint32_t bitset);
long futex_requeue(user_ptr word, user_ptr word2, bool shared, int nr_wake, int nr_requeue,
		   const uint32_t *expected, bool pi);
long futex_wake_op(user_ptr word, user_ptr word2, bool shared, int nr_wake, int nr_wake2,
		   uint32_t op);
long futex_lock_pi(user_ptr word, bool shared, uint64_t deadline, bool try_only);
long futex_unlock_pi(user_ptr word, bool shared);
long futex_wait_requeue_pi(user_ptr word, bool shared, uint32_t expected, uint64_t deadline,
			   uint32_t bitset, user_ptr word2);
struct futex_wait_entry {
	user_ptr word;
	uint32_t expected;
	bool shared;
};
/* Index of a woken one, or -errno. */
long futex_wait_multiple(const struct futex_wait_entry *e, unsigned n, uint64_t deadline);

/* A thread ends: its robust list, PI futexes that it owns, FUTEX_WAKE of clear_child_tid. */
void futex_exit(struct task *t);
void futex_init(void);
