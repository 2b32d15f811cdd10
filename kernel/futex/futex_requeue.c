/* SPDX-License-Identifier: MIT */
/*
 * FUTEX_REQUEUE, CMP_REQUEUE, CMP_REQUEUE_PI and WAIT_REQUEUE_PI, see futex/futex.h.
 *
 * A waiter changes its bucket only with the old and the new one locked, so whoever holds the lock
 * of the bucket that a waiter names has the waiter.  A waiter that wakes by itself meanwhile looks
 * at its bucket again when it has a lock (lock_waiter() in futex.c).
 */
#include "futex_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <mm/usercopy.h>
#include <signal/signal.h>

struct requeue {
	user_ptr word, word2;
	struct futex_key k1, k2;
	struct futex_bucket *b1, *b2;
	const uint32_t *expected; /* of word; NULL: whatever it is */
	int nr_wake, nr_requeue;
	bool pi;
	struct pi_state *fresh; /* pi: to use when there is no state yet */
};

static void move_locked(struct requeue *r, struct futex_waiter *w) REQUIRES(futex_role)
{
	list_remove(&w->link);
	w->key = r->k2;
	futex_waiter_link_locked(w, r->b2);
}

static int requeue_plain_locked(struct requeue *r) REQUIRES(futex_role)
{
	bool same = futex_key_equal(&r->k1, &r->k2);
	struct futex_waiter *w, *tmp;
	int count = 0;

	ASSERT(spin_held(&r->b1->lock) && spin_held(&r->b2->lock));
	list_for_each_entry_safe(w, tmp, &r->b1->waiters, link) {
		if (count - r->nr_wake >= r->nr_requeue) {
			break;
		}
		if (!futex_key_equal(&w->key, &r->k1)) {
			continue;
		}
		if (w->pi || w->requeue_pi) {
			return -EINVAL;
		}
		if (++count <= r->nr_wake) {
			futex_waiter_wake_locked(w);
		} else if (!same) {
			move_locked(r, w);
		}
	}
	return count;
}

/* Gives w the PI futex and wakes it when that is free, or queues it for it. */
static int requeue_one_pi_locked(struct requeue *r, struct futex_waiter *w) REQUIRES(futex_role)
{
	struct pi_state *state;
	int err;

	if (!w->requeue_pi || w->pi || !futex_key_equal(&w->requeue_key, &r->k2)) {
		return -EINVAL;
	}
	err = pi_lock_or_attach_locked(r->word2, &r->k2, r->b2, w->task, &r->fresh, &state, true,
				       false);
	if (err > 0) {
		w->owns = true;
		futex_waiter_wake_locked(w);
		return 0;
	}
	if (!err) {
		err = pi_enqueue_locked(w, state);
	}
	if (!err) {
		move_locked(r, w);
	}
	return err;
}

static int requeue_pi_locked(struct requeue *r) REQUIRES(futex_role)
{
	struct futex_waiter *w, *tmp;
	int count = 0;

	ASSERT(spin_held(&r->b1->lock) && spin_held(&r->b2->lock));
	list_for_each_entry_safe(w, tmp, &r->b1->waiters, link) {
		int err;

		if (count > r->nr_requeue) {
			break;
		}
		if (!futex_key_equal(&w->key, &r->k1)) {
			continue;
		}
		err = requeue_one_pi_locked(r, w);
		if (err) {
			return count ? count : err;
		}
		count++;
	}
	return count;
}

/* One attempt; *again: another is due. */
static int requeue_once(struct requeue *r, bool *again)
{
	bool differs = false, at_word2 = false;
	uint32_t value = 0;
	int result;

	futex_lock_two(r->b1, r->b2);
	result = r->expected ? get_user_u32_nofault(&value, r->word) : 0;
	if (!result && r->expected && value != *r->expected) {
		differs = true;
		result = -EAGAIN;
	} else if (!result && r->pi) {
		at_word2 = true;
		result = requeue_pi_locked(r);
	} else if (!result) {
		result = requeue_plain_locked(r);
	}
	futex_unlock_two(r->b1, r->b2);
	*again = result == -EAGAIN && !differs;
	if (*again) {
		sched_yield(); /* an owner is just dying */
	} else if (result == -EFAULT) {
		result = fault_in_user(at_word2 ? r->word2 : r->word, at_word2);
		*again = !result;
	}
	return result;
}

/* Both keys, for the calls in which a PI futex must be another one. */
static int get_keys(user_ptr word, user_ptr word2, bool shared, bool pi, struct futex_key *k1,
		    struct futex_key *k2)
{
	int err = pi && word.addr == word2.addr ? -EINVAL : futex_get_key(word, shared, k1);

	if (!err) {
		err = futex_get_key(word2, shared, k2);
	}
	return !err && pi && futex_key_equal(k1, k2) ? -EINVAL : err;
}

long futex_requeue(user_ptr word, user_ptr word2, bool shared, int nr_wake, int nr_requeue,
		   const uint32_t *expected, bool pi)
{
	struct requeue r = {
		.word = word,
		.word2 = word2,
		.expected = expected,
		.nr_wake = nr_wake,
		.nr_requeue = nr_requeue,
		.pi = pi,
	};
	bool again = true;
	int result;

	if (nr_wake < 0 || nr_requeue < 0 || (pi && nr_wake != 1)) {
		return -EINVAL;
	}
	result = get_keys(word, word2, shared, pi, &r.k1, &r.k2);
	if (result) {
		return result;
	}
	r.b1 = futex_bucket_of(&r.k1);
	r.b2 = futex_bucket_of(&r.k2);
	while (again) {
		if (pi && !r.fresh) {
			r.fresh = pi_state_alloc();
			if (!r.fresh) {
				return -ENOMEM;
			}
		}
		result = requeue_once(&r, &again);
	}
	pi_state_free(r.fresh);
	return result;
}

long futex_wait_requeue_pi(user_ptr word, bool shared, uint32_t expected, uint64_t deadline,
			   uint32_t bitset, user_ptr word2)
{
	struct futex_waiter w;
	struct futex_key k1, k2;
	bool requeued;
	int err;

	err = bitset ? get_keys(word, word2, shared, true, &k1, &k2) : -EINVAL;
	if (err) {
		return err;
	}
	futex_waiter_init(&w, &k1, bitset);
	w.requeue_pi = true;
	w.requeue_key = k2;
	err = futex_waiter_setup(&w, word, expected);
	if (err) {
		return err;
	}
	err = futex_waiter_sleep(&w, deadline);
	requeued = futex_key_equal(&w.key, &k2);
	if (!err) {
		if (w.owner_died) {
			return pi_fix_word(word2, &w);
		}
		return w.owns ? 0 : -EAGAIN; /* FUTEX_WAKE took it out */
	}
	if (err == -ERESTARTSYS) {
		return requeued ? -EAGAIN : -ERESTARTNOINTR;
	}
	return err;
}
