/* SPDX-License-Identifier: MIT */
/*
 * Waiting and waking: FUTEX_WAIT, WAKE, WAKE_OP, futex_waitv and the end of a thread.  The protocol
 * between a waiter and its waker is in futex/futex.h.
 *
 * The buckets are made once and never freed.  A bucket holds waiters of any keys that hash to it,
 * plain ones and those of PI futexes (futex_pi.c).
 */
#include "futex_internal.h"

#include <arch/cpu.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <signal/signal.h>

#define BUCKET_BITS 8

static struct futex_bucket *buckets;

void futex_init(void)
{
	size_t bytes = sizeof(struct futex_bucket) << BUCKET_BITS;
	struct page *page = page_alloc((unsigned)__builtin_ctzll(DIV_ROUND_UP(bytes, PAGE_SIZE)),
				       PAGE_ALLOC_ZERO);

	ASSERT(page);
	buckets = page_to_virt(page);
	for (size_t i = 0; i < 1u << BUCKET_BITS; i++) {
		spin_init(&buckets[i].lock, RANK_FUTEX, "futex");
		list_init(&buckets[i].waiters);
	}
}

struct futex_bucket *futex_bucket_of(const struct futex_key *key)
{
	return &buckets[futex_key_hash(key, BUCKET_BITS)];
}

int futex_get_key(user_ptr word, bool shared, struct futex_key *key)
{
	struct mm *mm = thread_current()->mm;
	uint64_t object = 0, offset;
	int err;

	if (word.addr % sizeof(uint32_t)) {
		return -EINVAL;
	}
	if (!user_range_ok(word, sizeof(uint32_t))) {
		return -EFAULT;
	}
	if (shared) {
		err = mm_futex_key(mm, word.addr, &object, &offset);
		if (err) {
			return err;
		}
	}
	key->object = object ? object : (uint64_t)mm; /* numbers are no kernel addresses */
	key->offset = object ? offset : word.addr;
	return 0;
}

/* --- waiters --- */

void futex_waiter_init(struct futex_waiter *w, const struct futex_key *key, uint32_t bitset)
{
	*w = (struct futex_waiter){
		.link = { &w->link, &w->link },
		.pi_link = { &w->pi_link, &w->pi_link },
		.key = *key,
		.task = task_current(),
		.bitset = bitset,
	};
}

void futex_waiter_link_locked(struct futex_waiter *w, struct futex_bucket *b)
{
	ASSERT(spin_held(&b->lock));
	atomic_store_explicit(&w->bucket, b, memory_order_relaxed);
	list_push_back(&b->waiters, &w->link);
}

void futex_waiter_wake_locked(struct futex_waiter *w)
{
	ASSERT(spin_held(&atomic_load_explicit(&w->bucket, memory_order_relaxed)->lock));
	list_remove(&w->link);
	block_wake(&w->task->thread);
	/* Pairs with waiter_was_woken(): after this w and its thread may be gone. */
	atomic_store_explicit(&w->woken, true, memory_order_release);
}

/* Without a lock.  Waits for a waker that is at work; a requeue unlinks w for a moment, too, and
 * links it again. */
static bool waiter_was_woken(struct futex_waiter *w)
{
	/* Pairs with futex_waiter_wake_locked(). */
	while (!atomic_load_explicit(&w->woken, memory_order_acquire)) {
		if (READ_ONCE(w->link.next) != &w->link) {
			return false;
		}
		cpu_pause();
	}
	return true;
}

/* Locks the bucket that w is linked in; NULL when it was woken. */
static struct futex_bucket *lock_waiter(struct futex_waiter *w) TRY_ACQUIRES(true, futex_role)
	LOCK_UNCHECKED("held when a bucket is returned")
{
	for (;;) {
		/* Only a guess until its lock is held: w may be requeued. */
		struct futex_bucket *b = atomic_load_explicit(&w->bucket, memory_order_relaxed);

		spin_lock(&b->lock);
		if (b == atomic_load_explicit(&w->bucket, memory_order_relaxed) &&
		    list_linked(&w->link)) {
			return b;
		}
		spin_unlock(&b->lock);
		if (waiter_was_woken(w)) {
			return NULL;
		}
	}
}

int futex_waiter_setup(struct futex_waiter *w, user_ptr word, uint32_t expected)
{
	struct futex_bucket *b = futex_bucket_of(&w->key);
	uint32_t value;

	for (;;) {
		spin_lock(&b->lock);
		if (likely(!get_user_u32_nofault(&value, word))) {
			break;
		}
		spin_unlock(&b->lock);
		int err = fault_in_user(word, false);

		if (err) {
			return err;
		}
	}
	if (value != expected) {
		spin_unlock(&b->lock);
		return -EAGAIN;
	}
	futex_waiter_link_locked(w, b);
	block_prepare(WAIT_INTR);
	spin_unlock(&b->lock);
	return 0;
}

int futex_waiter_sleep(struct futex_waiter *w, uint64_t deadline)
{
	struct futex_bucket *b;
	int err;

	for (;;) {
		err = block(deadline);
		if (waiter_was_woken(w)) {
			return 0;
		}
		b = lock_waiter(w);
		if (!b) {
			return 0;
		}
		if (err) {
			break;
		}
		block_prepare(WAIT_INTR); /* it was nobody's wake */
		spin_unlock(&b->lock);
	}
	if (w->pi) {
		pi_dequeue_locked(w);
	}
	list_remove(&w->link);
	spin_unlock(&b->lock);
	return err;
}

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	struct futex_bucket *first = MIN(a, b), *second = MAX(a, b);

	spin_lock(&first->lock);
	if (second != first) {
		spin_lock_nested(&second->lock);
	}
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a != b) {
		spin_unlock_nested(&b->lock);
	}
	spin_unlock(&a->lock);
}

/* --- FUTEX_WAIT --- */

static long wait_again(struct task *t)
{
	const uint64_t *a = t->restart.arg;

	return futex_wait((user_ptr){ a[0] }, a[1], (uint32_t)a[2], a[3], (uint32_t)a[4]);
}

long futex_wait(user_ptr word, bool shared, uint32_t expected, uint64_t deadline, uint32_t bitset)
{
	struct futex_waiter w;
	struct futex_key key;
	int err;

	if (!bitset) {
		return -EINVAL;
	}
	err = futex_get_key(word, shared, &key);
	if (err) {
		return err;
	}
	futex_waiter_init(&w, &key, bitset);
	err = futex_waiter_setup(&w, word, expected);
	if (!err) {
		err = futex_waiter_sleep(&w, deadline);
	}
	if (err == -ERESTARTSYS && deadline != DEADLINE_NONE) {
		uint64_t args[] = { word.addr, shared, expected, deadline, bitset };

		return signal_set_restart(wait_again, args, ARRAY_SIZE(args));
	}
	return err;
}

/* --- FUTEX_WAKE --- */

/* Wakes up to max waiters, at least one; how many, or -EINVAL: they wait for a PI futex. */
static int wake_locked(struct futex_bucket *b, const struct futex_key *key, int max,
		       uint32_t bitset) REQUIRES(futex_role)
{
	struct futex_waiter *w, *tmp;
	int woken = 0;

	ASSERT(spin_held(&b->lock));
	list_for_each_entry_safe(w, tmp, &b->waiters, link) {
		if (!futex_key_equal(&w->key, key)) {
			continue;
		}
		if (w->pi || w->requeue_pi) {
			return -EINVAL;
		}
		if (w->bitset & bitset) {
			futex_waiter_wake_locked(w);
			if (++woken >= max) {
				break;
			}
		}
	}
	return woken;
}

long futex_wake(user_ptr word, bool shared, int max, uint32_t bitset)
{
	struct futex_bucket *b;
	struct futex_key key;
	int result;

	if (!bitset) {
		return -EINVAL;
	}
	result = futex_get_key(word, shared, &key);
	if (result) {
		return result;
	}
	b = futex_bucket_of(&key);
	spin_lock(&b->lock);
	result = wake_locked(b, &key, max, bitset);
	spin_unlock(&b->lock);
	return result;
}

/* --- FUTEX_WAKE_OP --- */

static int32_t sign_extend12(uint32_t v)
{
	return (int32_t)(v << 20) >> 20;
}

static uint32_t apply_op(uint32_t op, uint32_t old, uint32_t arg)
{
	switch (op) {
	case FUTEX_OP_SET: return arg;
	case FUTEX_OP_ADD: return old + arg;
	case FUTEX_OP_OR: return old | arg;
	case FUTEX_OP_ANDN: return old & ~arg;
	default: return old ^ arg;
	}
}

static int compare_op(uint32_t cmp, int32_t old, int32_t arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ: return old == arg;
	case FUTEX_OP_CMP_NE: return old != arg;
	case FUTEX_OP_CMP_LT: return old < arg;
	case FUTEX_OP_CMP_LE: return old <= arg;
	case FUTEX_OP_CMP_GT: return old > arg;
	case FUTEX_OP_CMP_GE: return old >= arg;
	default: return -ENOSYS; /* and yet the word has changed, as on Linux */
	}
}

/* Changes the word atomically; 1 or 0 = what the comparison says.  Does not fault: for use under
 * bucket locks. */
static int do_op(user_ptr word, uint32_t encoded)
{
	uint32_t op = encoded >> 28 & 7, cmp = encoded >> 24 & 15;
	int32_t oparg = sign_extend12(encoded >> 12 & 0xfff);
	int32_t cmparg = sign_extend12(encoded & 0xfff);
	uint32_t old, seen;
	int err;

	if (op > FUTEX_OP_XOR) {
		return -ENOSYS;
	}
	if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT) {
		oparg = (int32_t)(1u << (oparg & 31));
	}
	err = get_user_u32_nofault(&old, word);
	while (!err) {
		seen = old;
		err = cmpxchg_user_u32_nofault(word, &seen, apply_op(op, old, (uint32_t)oparg));
		if (!err && seen == old) {
			return compare_op(cmp, (int32_t)old, cmparg);
		}
		old = seen;
	}
	return err;
}

long futex_wake_op(user_ptr word, user_ptr word2, bool shared, int nr_wake, int nr_wake2,
		   uint32_t op)
{
	struct futex_bucket *b1, *b2;
	struct futex_key k1, k2;
	int err, result, more;

	err = futex_get_key(word, shared, &k1);
	if (!err) {
		err = futex_get_key(word2, shared, &k2);
	}
	if (err) {
		return err;
	}
	b1 = futex_bucket_of(&k1);
	b2 = futex_bucket_of(&k2);
	for (;;) {
		futex_lock_two(b1, b2);
		result = do_op(word2, op);
		if (result != -EFAULT) {
			break;
		}
		futex_unlock_two(b1, b2);
		err = fault_in_user(word2, true);
		if (err) {
			return err;
		}
	}
	if (result >= 0) {
		int pass = result;

		result = wake_locked(b1, &k1, nr_wake, FUTEX_BITSET_MATCH_ANY);
		if (result >= 0 && pass) {
			more = wake_locked(b2, &k2, nr_wake2, FUTEX_BITSET_MATCH_ANY);
			result = more < 0 ? more : result + more;
		}
	}
	futex_unlock_two(b1, b2);
	return result;
}

/* --- futex_waitv --- */

/* Unlinks w[0..n-1]; the index of a woken one, or -1. */
static int unlink_all(struct futex_waiter *w, unsigned n)
{
	int woken = -1;

	for (unsigned i = 0; i < n; i++) {
		struct futex_bucket *b = lock_waiter(&w[i]);

		if (!b) {
			woken = (int)i;
			continue;
		}
		list_remove(&w[i].link);
		spin_unlock(&b->lock);
	}
	return woken;
}

/* Links all while their words have the expected values; -EAGAIN, -EFAULT, or 0. *linked counts
 * those that are linked. */
static int link_all(struct futex_waiter *w, const struct futex_wait_entry *e, unsigned n,
		    unsigned *linked)
{
	for (*linked = 0; *linked < n; (*linked)++) {
		unsigned i = *linked;
		struct futex_bucket *b = futex_bucket_of(&w[i].key);
		uint32_t value;
		int err;

		spin_lock(&b->lock);
		err = get_user_u32_nofault(&value, e[i].word);
		if (!err && value != e[i].expected) {
			err = -EAGAIN;
		}
		if (!err) {
			futex_waiter_link_locked(&w[i], b);
		}
		spin_unlock(&b->lock);
		if (err) {
			return err;
		}
	}
	return 0;
}

static long wait_multiple(struct futex_waiter *w, const struct futex_wait_entry *e, unsigned n,
			  uint64_t deadline)
{
	for (;;) {
		unsigned linked;
		int err, index;

		block_prepare(WAIT_INTR); /* before the first is linked */
		err = link_all(w, e, n, &linked);
		if (err) {
			block_cancel();
		} else {
			err = block(deadline);
		}
		index = unlink_all(w, linked);
		if (index >= 0) {
			return index;
		}
		if (err == -EFAULT) {
			err = fault_in_user(e[linked].word, false);
		}
		if (err) {
			return err;
		}
		/* Faulted in, or a spurious wake: from the beginning. */
	}
}

long futex_wait_multiple(const struct futex_wait_entry *e, unsigned n, uint64_t deadline)
{
	struct futex_waiter *w = kcalloc(n, sizeof(*w));
	long result = 0;

	if (!w) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n && !result; i++) {
		struct futex_key key;

		result = futex_get_key(e[i].word, e[i].shared, &key);
		if (!result) {
			futex_waiter_init(&w[i], &key, FUTEX_BITSET_MATCH_ANY);
		}
	}
	if (!result) {
		result = wait_multiple(w, e, n, deadline);
	}
	kfree(w);
	return result;
}

/* --- the end of a thread --- */

void futex_exit(struct task *t)
{
	if (!user_ptr_is_null(t->robust_list)) {
		robust_list_exit(t);
		t->robust_list.addr = 0;
	}
	pi_exit(t);
	if (!user_ptr_is_null(t->clear_child_tid)) {
		user_ptr word = t->clear_child_tid;

		t->clear_child_tid.addr = 0;
		/* Nobody could look when the memory is the dying thread's alone; more users come
		 * only from those that there are, so a stale count can only be too high. */
		if (refcount_read(&t->thread.mm->users) > 1 && !put_user_u32(word, 0)) {
			futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
		}
	}
}
