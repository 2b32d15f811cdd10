/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reference counts.  Whoever has a reference may take another one; who has none (a table, a
 * list) may only try, and gets it unless the last one is gone already.  A count that is taken
 * from zero, put below zero or overflows is a bug of ours and panics.
 *
 * Order: what was done with an object before a put happens before what the last putter does to
 * it (release and acquire in refcount_put()).  Getting one orders nothing.
 *
 * A module's own put takes NULL: void x_put(struct x *x) { if (x && refcount_put(&x->refs)) ...
 */
#include <lib/assert.h>
#include <stdatomic.h>

struct refcount {
	_Atomic int32_t count;
};

static inline void refcount_init(struct refcount *r, int32_t n)
{
	atomic_store_explicit(&r->count, n, memory_order_relaxed);
}
/* A hint, as it may change at once; exact when it is 1 and that one is the caller's. */
static inline int32_t refcount_read(const struct refcount *r)
{
	return atomic_load_explicit(&r->count, memory_order_acquire);
}
static inline void refcount_get(struct refcount *r)
{
	int32_t old = atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);

	ASSERT(old > 0);
}
MUST_USE static inline bool refcount_try_get(struct refcount *r)
{
	int32_t old = atomic_load_explicit(&r->count, memory_order_relaxed);

	do {
		ASSERT(old >= 0);
		if (old == 0) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&r->count, &old, old + 1, memory_order_acquire, memory_order_relaxed));
	return true;
}
/* True when that was the last one: the caller frees the object. */
MUST_USE static inline bool refcount_put(struct refcount *r)
{
	int32_t old = atomic_fetch_sub_explicit(&r->count, 1, memory_order_acq_rel);

	ASSERT(old > 0);
	return old == 1;
}
