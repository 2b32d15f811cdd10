/* SPDX-License-Identifier: MIT */
/*
 * PI futexes: FUTEX_LOCK_PI and friends, see futex/futex.h.
 *
 * A pi_state exists while a PI futex has waiters; they hold it together.  Which waiters exist, who
 * owns the state, and the word change under the bucket's lock, as for all futexes.  The owner's list
 * of states and the order of the waiters are under pi_lock, one for all: this is the contended path
 * of a rare kind of lock, and chains of owners cross buckets.  So the order can change under a
 * bucket's lock alone, and while a waiter is moved the list is without it: the most urgent one is
 * looked up under pi_lock, too, and stays a waiter (though perhaps not the most urgent) after it.
 *
 * Unlocking hands the futex over: the word gets the most urgent waiter's tid before that waiter
 * wakes.
 */
#include "futex_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <signal/signal.h>

#define CHAIN_LIMIT 1024

struct pi_state {
	struct futex_key key;
	struct task *owner; /* written with pi_lock and the bucket's; NULL: not attached */
	struct list owner_link GUARDED_BY(futex_pi_role); /* owner->pi_owned */
	/* struct futex_waiter.pi_link, most urgent first */
	struct list waiters GUARDED_BY(futex_pi_role);
};

static SPINLOCK(futex_pi) pi_lock = SPINLOCK_INIT(RANK_FUTEX_PI, "pi futexes");

struct pi_state *pi_state_alloc(void)
{
	struct pi_state *s = kzalloc(sizeof(*s));

	if (s) {
		list_init(&s->owner_link);
		list_init(&s->waiters);
	}
	return s;
}

void pi_state_free(struct pi_state *s)
{
	ASSERT(!s || (list_empty(&s->waiters) && !list_linked(&s->owner_link)));
	kfree(s);
}

/* --- priorities --- */

static struct futex_waiter *top_waiter_locked(struct pi_state *s) REQUIRES(futex_pi_role)
{
	ASSERT(spin_held(&pi_lock));
	return list_empty(&s->waiters)
		       ? NULL
		       : list_first_entry(&s->waiters, struct futex_waiter, pi_link);
}

static void insert_waiter_locked(struct pi_state *s, struct futex_waiter *w) REQUIRES(futex_pi_role)
{
	struct futex_waiter *other;

	ASSERT(spin_held(&pi_lock));
	list_for_each_entry(other, &s->waiters, pi_link) {
		if (other->prio < w->prio) {
			list_insert_before(&other->pi_link, &w->pi_link);
			return;
		}
	}
	list_push_back(&s->waiters, &w->pi_link);
}

static int best_of_owned_locked(struct task *owner) REQUIRES(futex_pi_role)
{
	struct pi_state *s;
	int best = 0;

	ASSERT(spin_held(&pi_lock));
	list_for_each_entry(s, &owner->pi_owned, owner_link) {
		struct futex_waiter *w = top_waiter_locked(s);

		best = w ? MAX(best, w->prio) : best;
	}
	return best;
}

/* Boosts the owner of s, and along the chain of what it waits for itself. */
static void propagate_locked(struct pi_state *s) REQUIRES(futex_pi_role)
{
	ASSERT(spin_held(&pi_lock));
	for (int depth = 0; s && s->owner && depth < CHAIN_LIMIT; depth++) {
		struct task *owner = s->owner;
		struct futex_waiter *w = owner->pi_waiter;
		int prio;

		sched_boost(&owner->thread, best_of_owned_locked(owner));
		if (!w) {
			return;
		}
		prio = sched_effective_prio(&owner->thread);
		if (prio == w->prio) {
			return;
		}
		w->prio = prio;
		list_remove(&w->pi_link);
		insert_waiter_locked(w->pi, w);
		s = w->pi;
	}
}

static bool would_deadlock_locked(struct pi_state *s, struct task *t) REQUIRES(futex_pi_role)
{
	ASSERT(spin_held(&pi_lock));
	for (int depth = 0; s && depth < CHAIN_LIMIT; depth++) {
		if (s->owner == t) {
			return true;
		}
		s = s->owner && s->owner->pi_waiter ? s->owner->pi_waiter->pi : NULL;
	}
	return s != NULL;
}

static void set_owner_locked(struct pi_state *s, struct task *owner) REQUIRES(futex_pi_role)
{
	struct task *old = s->owner;

	ASSERT(spin_held(&pi_lock));
	if (list_linked(&s->owner_link)) {
		list_remove(&s->owner_link);
	}
	s->owner = owner;
	if (owner) {
		list_push_back(&owner->pi_owned, &s->owner_link);
	}
	if (old && old != owner) {
		sched_boost(&old->thread, best_of_owned_locked(old));
	}
	propagate_locked(s);
}

/* The end of a state in which nobody waits; true: the caller frees it, without pi_lock. */
static bool end_if_unused_locked(struct pi_state *s) REQUIRES(futex_pi_role)
{
	ASSERT(spin_held(&pi_lock));
	if (!list_empty(&s->waiters)) {
		return false;
	}
	set_owner_locked(s, NULL);
	return true;
}

int pi_enqueue_locked(struct futex_waiter *w, struct pi_state *s)
{
	uint64_t flags = spin_lock_irqsave(&pi_lock);
	bool unused;
	int err = 0;

	if (would_deadlock_locked(s, w->task)) {
		err = -EDEADLK;
	} else {
		w->pi = s;
		w->task->pi_waiter = w;
		w->prio = sched_effective_prio(&w->task->thread);
		insert_waiter_locked(s, w);
		propagate_locked(s);
	}
	unused = end_if_unused_locked(s);
	spin_unlock_irqrestore(&pi_lock, flags);
	if (unused) {
		pi_state_free(s);
	}
	return err;
}

/* w leaves its state, as the owner or without it. */
static void leave_locked(struct futex_waiter *w, bool owns) REQUIRES(futex_role)
{
	struct pi_state *s = w->pi;
	uint64_t flags = spin_lock_irqsave(&pi_lock);
	bool unused;

	list_remove(&w->pi_link);
	w->pi = NULL;
	w->task->pi_waiter = NULL;
	unused = end_if_unused_locked(s);
	if (!unused && owns) {
		set_owner_locked(s, w->task);
	} else if (!unused) {
		propagate_locked(s);
	}
	spin_unlock_irqrestore(&pi_lock, flags);
	if (unused) {
		pi_state_free(s);
	}
}

void pi_dequeue_locked(struct futex_waiter *w)
{
	leave_locked(w, false);
}

/* The most urgent waiter; *more: there are others. */
static struct futex_waiter *next_owner_locked(struct pi_state *s, bool *more) REQUIRES(futex_role)
{
	uint64_t flags = spin_lock_irqsave(&pi_lock);
	struct futex_waiter *w = top_waiter_locked(s);

	ASSERT(w);
	*more = w->pi_link.next != &s->waiters;
	spin_unlock_irqrestore(&pi_lock, flags);
	return w;
}

/* --- taking the word --- */

static struct pi_state *find_state_locked(struct futex_bucket *b, const struct futex_key *key,
					  int *err) REQUIRES(futex_role)
{
	struct futex_waiter *w;

	ASSERT(spin_held(&b->lock));
	*err = 0;
	list_for_each_entry(w, &b->waiters, link) {
		if (futex_key_equal(&w->key, key)) {
			if (!w->pi) {
				*err = -EINVAL; /* somebody waits for it as an ordinary one */
			}
			return w->pi;
		}
	}
	return NULL;
}

/* The owner named by the word gets the fresh state.  Under the pid table's lock it can't go. */
static int attach_owner(struct task *owner, void *state)
{
	uint64_t flags = spin_lock_irqsave(&pi_lock);
	int err = 0;

	if (owner->pi_exited) {
		err = -EAGAIN; /* it is on its way out and will clear the word, or is gone */
	} else {
		set_owner_locked(state, owner);
	}
	spin_unlock_irqrestore(&pi_lock, flags);
	return err;
}

/* Why the word cannot be had at once, for one who will not wait. */
static int is_owner(struct task *owner, void *unused)
{
	return READ_ONCE(owner->pi_exited) ? -EAGAIN : -EBUSY;
}

int pi_lock_or_attach_locked(user_ptr word, const struct futex_key *key, struct futex_bucket *b,
			     struct task *t, struct pi_state **fresh, struct pi_state **out,
			     bool set_waiters, bool try_only)
{
	uint32_t tid = (uint32_t)task_tid(t), value, next, seen;
	struct pi_state *s;
	int err;

	ASSERT(spin_held(&b->lock));
	err = get_user_u32_nofault(&value, word);
	if (err) {
		return err;
	}
	if ((value & FUTEX_TID_MASK) == tid) {
		return -EDEADLK;
	}
	s = find_state_locked(b, key, &err);
	if (err) {
		return err;
	}
	if (!s && !(value & FUTEX_TID_MASK)) {
		next = (value & FUTEX_OWNER_DIED) | tid | (set_waiters ? FUTEX_WAITERS : 0);
		seen = value;
		err = cmpxchg_user_u32_nofault(word, &seen, next);
		if (!err) {
			err = seen == value ? 1 : -EAGAIN;
		}
		return err;
	}
	if (try_only) {
		return s ? -EBUSY : pid_call_task((int)(value & FUTEX_TID_MASK), is_owner, NULL);
	}
	if (!(value & FUTEX_WAITERS)) {
		seen = value;
		err = cmpxchg_user_u32_nofault(word, &seen, value | FUTEX_WAITERS);
		if (err || seen != value) {
			return err ? err : -EAGAIN;
		}
	}
	if (!s) {
		(*fresh)->key = *key;
		err = pid_call_task((int)(value & FUTEX_TID_MASK), attach_owner, *fresh);
		if (err) {
			return err;
		}
		s = *fresh;
		*fresh = NULL;
	}
	*out = s;
	return 0;
}

/* --- FUTEX_LOCK_PI, TRYLOCK_PI --- */

/* 1: locked; 0: w waits (prepared to block); -errno. */
static int lock_pi_once(struct futex_waiter *w, user_ptr word, bool try_only,
			struct pi_state **fresh)
{
	struct futex_bucket *b = futex_bucket_of(&w->key);
	struct pi_state *s;
	int result;

	spin_lock(&b->lock);
	result = pi_lock_or_attach_locked(word, &w->key, b, w->task, fresh, &s, false, try_only);
	if (result == 0) {
		result = pi_enqueue_locked(w, s);
		if (result == 0) {
			futex_waiter_link_locked(w, b);
			block_prepare(WAIT_INTR);
		}
	}
	spin_unlock(&b->lock);
	return result;
}

long futex_lock_pi(user_ptr word, bool shared, uint64_t deadline, bool try_only)
{
	struct pi_state *fresh = pi_state_alloc();
	struct futex_waiter w;
	struct futex_key key;
	int err;

	if (!fresh) {
		return -ENOMEM;
	}
	err = futex_get_key(word, shared, &key);
	if (err) {
		goto out;
	}
	futex_waiter_init(&w, &key, FUTEX_BITSET_MATCH_ANY);
	for (;;) {
		err = lock_pi_once(&w, word, try_only, &fresh);
		if (err == -EFAULT) {
			err = fault_in_user(word, true);
			if (err) {
				break;
			}
		} else if (err == -EAGAIN) {
			sched_yield();
			if (signal_interrupted()) {
				err = -ERESTARTNOINTR;
				break;
			}
		} else {
			break;
		}
	}
	if (err == 0) {
		err = futex_waiter_sleep(&w, deadline);
		if (!err && w.owner_died) {
			err = pi_fix_word(word, &w);
		}
		err = err == -ERESTARTSYS ? -ERESTARTNOINTR : err;
	} else if (err == -EBUSY) {
		err = -EAGAIN;
	}
out:
	pi_state_free(fresh);
	return err > 0 ? 0 : err;
}

/* --- handing over --- */

/* w owns the futex and may be gone afterwards. */
static void hand_over_locked(struct futex_waiter *w, bool died) REQUIRES(futex_role)
{
	leave_locked(w, true);
	w->owns = true;
	w->owner_died = died;
	futex_waiter_wake_locked(w);
}

static int unlock_locked(user_ptr word, const struct futex_key *key, struct futex_bucket *b)
	REQUIRES(futex_role)
{
	uint32_t tid = (uint32_t)task_tid(task_current()), value, next = 0, seen;
	struct futex_waiter *w = NULL;
	struct pi_state *s;
	bool more;
	int err;

	ASSERT(spin_held(&b->lock));
	err = get_user_u32_nofault(&value, word);
	if (err) {
		return err;
	}
	if ((value & FUTEX_TID_MASK) != tid) {
		return -EPERM;
	}
	s = find_state_locked(b, key, &err);
	if (err) {
		return err;
	}
	if (s) {
		if (s->owner != task_current()) {
			return -EINVAL;
		}
		w = next_owner_locked(s, &more);
		next = (uint32_t)task_tid(w->task) | (more ? FUTEX_WAITERS : 0);
	}
	seen = value;
	err = cmpxchg_user_u32_nofault(word, &seen, next);
	if (err || seen != value) {
		return err ? err : -EAGAIN;
	}
	if (w) {
		hand_over_locked(w, false);
	}
	return 0;
}

long futex_unlock_pi(user_ptr word, bool shared)
{
	struct futex_bucket *b;
	struct futex_key key;
	int err = futex_get_key(word, shared, &key);

	if (err) {
		return err;
	}
	b = futex_bucket_of(&key);
	for (;;) {
		spin_lock(&b->lock);
		err = unlock_locked(word, &key, b);
		spin_unlock(&b->lock);
		if (err == -EFAULT) {
			err = fault_in_user(word, true);
			if (err) {
				return err;
			}
		} else if (err != -EAGAIN) {
			return err;
		}
	}
}

/* --- death of an owner --- */

int pi_fix_word(user_ptr word, struct futex_waiter *w)
{
	uint32_t tid = (uint32_t)task_tid(w->task), value, seen;
	int err;

	for (;;) {
		err = get_user_u32(&value, word);
		if (!err) {
			seen = value;
			err = cmpxchg_user_u32_nofault(
				word, &seen, tid | FUTEX_OWNER_DIED | (value & FUTEX_WAITERS));
		}
		if (!err && seen == value) {
			return 0;
		}
		if (err == -EFAULT) {
			err = fault_in_user(word, true);
		}
		if (err) {
			return err;
		}
	}
}

static struct pi_state *find_owned_locked(struct futex_bucket *b, const struct futex_key *key,
					  const struct task *t) REQUIRES(futex_role)
{
	struct futex_waiter *w;

	ASSERT(spin_held(&b->lock));
	list_for_each_entry(w, &b->waiters, link) {
		if (w->pi && w->pi->owner == t && futex_key_equal(&w->key, key)) {
			return w->pi;
		}
	}
	return NULL;
}

void pi_exit(struct task *t)
{
	for (;;) {
		uint64_t flags = spin_lock_irqsave(&pi_lock);
		struct futex_bucket *b = NULL;
		struct futex_key key;
		struct pi_state *s;
		bool more;

		t->pi_exited = true;
		if (!list_empty(&t->pi_owned)) {
			s = list_first_entry(&t->pi_owned, struct pi_state, owner_link);
			key = s->key;
			b = futex_bucket_of(&key);
		}
		spin_unlock_irqrestore(&pi_lock, flags);
		if (!b) {
			return;
		}
		/* Bucket first: look again under it. */
		spin_lock(&b->lock);
		s = find_owned_locked(b, &key, t);
		if (s) {
			hand_over_locked(next_owner_locked(s, &more), true);
		}
		spin_unlock(&b->lock);
	}
}
