/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Futexes: sleep until a word in the program's memory changes.
 *
 * There is no futex object.  A waiter lives on the stack of the sleeping thread and is linked
 * into the bucket that its key hashes to; an unlinked waiter has been woken, and whoever
 * unlinks it decides its result.  After that the waiter may vanish at any moment: a waker
 * takes a reference to the thread first, and sets `woken` last.
 *
 * Key: (mm, address) for private futexes, (object, offset) for shared ones.
 *
 * Lost wake-ups: the word is read under the bucket lock, with a copy that can't fault; when the
 * page isn't there the lock is dropped, the page faulted in and all begins again.  A waker that
 * stores first and then calls futex_wake() either finds the waiter or the word has changed.
 *
 * Locks: bucket locks (RANK_FUTEX); two of them in the order of their addresses, the same one
 * once (futex_lock_two).
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
