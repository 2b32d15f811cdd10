/* SPDX-License-Identifier: MIT */
#pragma once
/* What names a futex: (mm, address) for private ones, (number of the object, offset) for shared
 * ones.  Pure. */
#include <lib/util.h>

struct futex_key {
	uint64_t object; /* address of the mm, or mm_futex_key()'s number */
	uint64_t offset; /* address or offset in the object */
};
static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset;
}
static inline uint32_t futex_key_hash(const struct futex_key *k, unsigned bits)
{
	uint64_t v = k->object ^ (k->offset >> 2) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(((v ^ v >> 29) * 0xbf58476d1ce4e5b9ull) >> (64 - bits));
}
