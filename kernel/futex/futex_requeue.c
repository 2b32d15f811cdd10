/* SPDX-License-Identifier: MIT */
/* FUTEX_REQUEUE, CMP_REQUEUE, CMP_REQUEUE_PI and WAIT_REQUEUE_PI, see proc/futex.h. */
#include "futex_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <mm/usercopy.h>
#include <signal/signal.h>

static void move_waiter(struct futex_waiter *w, struct futex_bucket *to,
			const struct futex_key *key)
{
	list_remove(&w->link);
	w->key = *key;
	futex_waiter_link(w, to);
}

/* Both buckets are locked. */
static int requeue_plain(struct futex_bucket *b1, struct futex_bucket *b2,
			 const struct futex_key *k1, const struct futex_key *k2, int nr_wake,
			 int nr_requeue)
{
	struct futex_waiter *w, *tmp;
	struct list stay = LIST_INIT(stay);
	int count = 0;

	list_for_each_entry_safe(w, tmp, &b1->waiters, link) {
		if (count - nr_wake >= nr_requeue) {
			break;
		}
		if (!futex_key_equal(&w->key, k1)) {
			continue;
		}
		if (w->pi || w->requeue_pi) {
			return -EINVAL;
		}
		if (++count <= nr_wake) {
			futex_waiter_wake(w);
		} else if (!futex_key_equal(k1, k2)) {
			move_waiter(w, b2, k2);
		}
	}
	return count;
}

/* The first waiter gets the PI futex when it is free and is woken; the others queue for it.
 * `fresh` is a state to use when there is none yet. */
static int requeue_pi(struct futex_bucket *b1, struct futex_bucket *b2, const struct futex_key *k1,
		      const struct futex_key *k2, user_ptr word2, int nr_requeue,
		      struct pi_state **fresh)
{
	struct futex_waiter *w, *tmp;
	int count = 0, result = 0;

	list_for_each_entry_safe(w, tmp, &b1->waiters, link) {
		struct pi_state *state;

		if (count > nr_requeue) {
			break;
		}
		if (!futex_key_equal(&w->key, k1)) {
			continue;
		}
		if (!w->requeue_pi || w->pi || !futex_key_equal(&w->requeue_key, k2)) {
			result = -EINVAL;
			break;
		}
		result = pi_lock_or_attach(word2, k2, b2, w->task, fresh, &state, true, false);
		if (result > 0) {
			w->owns = true;
			futex_waiter_wake(w);
		} else if (result == 0) {
			move_waiter(w, b2, k2);
			result = pi_enqueue(w, state);
			if (result) {
				list_remove(&w->link);
				futex_waiter_link(w, b1);
				w->key = *k1;
				break;
			}
		} else {
			break;
		}
		count++;
		result = 0;
	}
	return count ? count : result;
}

long futex_requeue(user_ptr word, user_ptr word2, bool shared, int nr_wake, int nr_requeue,
		   const uint32_t *expected, bool pi)
{
	struct futex_bucket *b1, *b2;
	struct pi_state *fresh = NULL;
	struct futex_key k1, k2;
	uint32_t value;
	int err, result;

	if (nr_wake < 0 || nr_requeue < 0 || (pi && (nr_wake != 1 || word.addr == word2.addr))) {
		return -EINVAL;
	}
	err = futex_get_key(word, shared, &k1);
	if (!err) {
		err = futex_get_key(word2, shared, &k2);
	}
	if (!err && pi && futex_key_equal(&k1, &k2)) {
		err = -EINVAL;
	}
	if (err) {
		return err;
	}
	b1 = futex_bucket_of(&k1);
	b2 = futex_bucket_of(&k2);
	for (;;) {
		user_ptr fault = word;

		if (pi && !fresh) {
			fresh = pi_state_alloc();
			if (!fresh) {
				return -ENOMEM;
			}
		}
		futex_lock_two(b1, b2);
		result = expected ? get_user_u32_nofault(&value, word) : 0;
		if (!result && expected && value != *expected) {
			futex_unlock_two(b1, b2);
			result = -EAGAIN;
			break;
		}
		if (!result && pi) {
			result = requeue_pi(b1, b2, &k1, &k2, word2, nr_requeue, &fresh);
			fault = word2;
		} else if (!result) {
			result = requeue_plain(b1, b2, &k1, &k2, nr_wake, nr_requeue);
		}
		futex_unlock_two(b1, b2);
		if (result == -EFAULT) {
			result = fault_in_user(fault, fault.addr == word2.addr);
			if (result) {
				break;
			}
		} else if (result == -EAGAIN) {
			sched_yield(); /* an owner is just dying */
		} else {
			break;
		}
	}
	pi_state_free(fresh);
	return result;
}

static int requeue_pi_setup(struct futex_waiter *w, user_ptr word, uint32_t expected)
{
	struct futex_bucket *b = futex_bucket_of(&w->key);
	uint32_t value;

	for (;;) {
		int err;

		spin_lock(&b->lock);
		err = get_user_u32_nofault(&value, word);
		if (!err && value == expected) {
			futex_waiter_link(w, b);
			block_prepare(WAIT_INTR);
		}
		spin_unlock(&b->lock);
		if (!err) {
			return value == expected ? 0 : -EAGAIN;
		}
		err = fault_in_user(word, false);
		if (err) {
			return err;
		}
	}
}

long futex_wait_requeue_pi(user_ptr word, bool shared, uint32_t expected, uint64_t deadline,
			   uint32_t bitset, user_ptr word2)
{
	struct futex_waiter w;
	struct futex_key k1, k2;
	bool requeued;
	int err;

	if (word.addr == word2.addr || !bitset) {
		return -EINVAL;
	}
	err = futex_get_key(word, shared, &k1);
	if (!err) {
		err = futex_get_key(word2, shared, &k2);
	}
	if (!err && futex_key_equal(&k1, &k2)) {
		err = -EINVAL;
	}
	if (err) {
		return err;
	}
	futex_waiter_init(&w, &k1, bitset);
	w.requeue_pi = true;
	w.requeue_key = k2;
	err = requeue_pi_setup(&w, word, expected);
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
