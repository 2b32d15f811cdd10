/* SPDX-License-Identifier: MIT */
/*
 * PI futexes: FUTEX_LOCK_PI and friends, see proc/futex.h.
 *
 * A pi_state exists while a PI futex has waiters; they hold it together.  The owner's list of
 * states and the order of waiters are under pi_lock, one for all: this is the contended path of a
 * rare kind of lock, and chains of owners cross buckets.  Which waiters exist, and the word, are
 * under the bucket's lock, as for all futexes.
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
	struct task *owner;	/* [pi lock] NULL: it died */
	struct list owner_link; /* [pi lock] owner->pi_owned */
	struct list waiters;	/* [pi lock] struct futex_waiter.pi_link, most urgent first */
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

/* --- priorities: pi_lock held --- */

static struct futex_waiter *top_waiter(struct pi_state *s)
{
	return list_empty(&s->waiters)
		       ? NULL
		       : list_first_entry(&s->waiters, struct futex_waiter, pi_link);
}

static void insert_waiter(struct pi_state *s, struct futex_waiter *w)
{
	struct futex_waiter *other;

	list_for_each_entry(other, &s->waiters, pi_link) {
		if (other->prio < w->prio) {
			list_insert_before(&other->pi_link, &w->pi_link);
			return;
		}
	}
	list_push_back(&s->waiters, &w->pi_link);
}

static int best_of_owned(struct task *owner)
{
	struct pi_state *s;
	int best = 0;

	list_for_each_entry(s, &owner->pi_owned, owner_link) {
		struct futex_waiter *w = top_waiter(s);

		best = w ? MAX(best, w->prio) : best;
	}
	return best;
}

/* Boosts the owner of s, and along the chain of what it waits for itself. */
static void propagate(struct pi_state *s)
{
	for (int depth = 0; s && s->owner && depth < CHAIN_LIMIT; depth++) {
		struct task *owner = s->owner;
		struct futex_waiter *w = owner->pi_waiter;
		int prio;

		sched_boost(&owner->thread, best_of_owned(owner));
		if (!w) {
			return;
		}
		prio = sched_effective_prio(&owner->thread);
		if (prio == w->prio) {
			return;
		}
		w->prio = prio;
		list_remove(&w->pi_link);
		insert_waiter(w->pi, w);
		s = w->pi;
	}
}

static bool would_deadlock(struct pi_state *s, struct task *t)
{
	for (int depth = 0; s && depth < CHAIN_LIMIT; depth++) {
		if (s->owner == t) {
			return true;
		}
		s = s->owner && s->owner->pi_waiter ? s->owner->pi_waiter->pi : NULL;
	}
	return s != NULL;
}

static void set_owner(struct pi_state *s, struct task *owner)
{
	struct task *old = s->owner;

	if (list_linked(&s->owner_link)) {
		list_remove(&s->owner_link);
	}
	s->owner = owner;
	if (owner) {
		list_push_back(&owner->pi_owned, &s->owner_link);
	}
	if (old && old != owner) {
		sched_boost(&old->thread, best_of_owned(old));
	}
	propagate(s);
}

int pi_enqueue(struct futex_waiter *w, struct pi_state *s)
{
	uint64_t flags = spin_lock_irqsave(&pi_lock);
	bool unused;
	int err = 0;

	if (would_deadlock(s, w->task)) {
		err = -EDEADLK;
	} else {
		w->pi = s;
		w->task->pi_waiter = w;
		w->prio = sched_effective_prio(&w->task->thread);
		insert_waiter(s, w);
		propagate(s);
	}
	unused = list_empty(&s->waiters);
	if (unused) {
		set_owner(s, NULL);
	}
	spin_unlock_irqrestore(&pi_lock, flags);
	if (unused) {
		pi_state_free(s);
	}
	return err;
}

void pi_dequeue(struct futex_waiter *w)
{
	struct pi_state *s = w->pi;
	uint64_t flags = spin_lock_irqsave(&pi_lock);
	bool unused;

	list_remove(&w->pi_link);
	w->pi = NULL;
	w->task->pi_waiter = NULL;
	unused = list_empty(&s->waiters);
	if (unused) {
		set_owner(s, NULL);
	} else {
		propagate(s);
	}
	spin_unlock_irqrestore(&pi_lock, flags);
	if (unused) {
		pi_state_free(s);
	}
}

/* --- taking the word: bucket lock held --- */

static struct pi_state *find_state(struct futex_bucket *b, const struct futex_key *key, int *err)
{
	struct futex_waiter *w;

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
		set_owner(state, owner);
	}
	spin_unlock_irqrestore(&pi_lock, flags);
	return err;
}

int pi_lock_or_attach(user_ptr word, const struct futex_key *key, struct futex_bucket *b,
		      struct task *t, struct pi_state **fresh, struct pi_state **out,
		      bool set_waiters, bool try_only)
{
	uint32_t tid = (uint32_t)task_tid(t), value, next, seen;
	struct pi_state *s;
	int err;

	err = get_user_u32_nofault(&value, word);
	if (err) {
		return err;
	}
	if ((value & FUTEX_TID_MASK) == tid) {
		return -EDEADLK;
	}
	s = find_state(b, key, &err);
	if (err) {
		return err;
	}
	if (!s && !(value & FUTEX_TID_MASK)) {
		next = (value & FUTEX_OWNER_DIED) | tid | (set_waiters ? FUTEX_WAITERS : 0);
		seen = value;
		err = cmpxchg_user_u32_nofault(word, &seen, next);
		return err ? err : seen == value ? 1 : -EAGAIN;
	}
	if (try_only) {
		return -EBUSY;
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
	result = pi_lock_or_attach(word, &w->key, b, w->task, fresh, &s, false, try_only);
	if (result == 0) {
		result = pi_enqueue(w, s);
		if (result == 0) {
			futex_waiter_link(w, b);
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

/* Bucket lock held.  The next waiter owns the futex; w may be gone afterwards. */
static void hand_over(struct pi_state *s, struct futex_waiter *w, bool died)
{
	uint64_t flags = spin_lock_irqsave(&pi_lock);
	bool unused;

	list_remove(&w->pi_link);
	w->pi = NULL;
	w->task->pi_waiter = NULL;
	unused = list_empty(&s->waiters);
	set_owner(s, unused ? NULL : w->task);
	spin_unlock_irqrestore(&pi_lock, flags);
	if (unused) {
		pi_state_free(s);
	}
	w->owns = true;
	w->owner_died = died;
	futex_waiter_wake(w);
}

static int unlock_locked(user_ptr word, const struct futex_key *key, struct futex_bucket *b)
{
	uint32_t tid = (uint32_t)task_tid(task_current()), value, next = 0, seen;
	struct futex_waiter *w = NULL;
	struct pi_state *s;
	int err;

	err = get_user_u32_nofault(&value, word);
	if (err) {
		return err;
	}
	if ((value & FUTEX_TID_MASK) != tid) {
		return -EPERM;
	}
	s = find_state(b, key, &err);
	if (err) {
		return err;
	}
	if (s) {
		if (s->owner != task_current()) {
			return -EINVAL;
		}
		w = top_waiter(s);
		next = (uint32_t)task_tid(w->task) |
		       (w->pi_link.next != &s->waiters ? FUTEX_WAITERS : 0);
	}
	seen = value;
	err = cmpxchg_user_u32_nofault(word, &seen, next);
	if (err || seen != value) {
		return err ? err : -EAGAIN;
	}
	if (w) {
		hand_over(s, w, false);
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

static struct pi_state *find_owned(struct futex_bucket *b, const struct futex_key *key,
				   const struct task *t)
{
	struct futex_waiter *w;

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
		s = find_owned(b, &key, t);
		if (s) {
			hand_over(s, top_waiter(s), true);
		}
		spin_unlock(&b->lock);
	}
}
