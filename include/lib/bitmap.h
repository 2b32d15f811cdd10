/* SPDX-License-Identifier: MIT */
#pragma once
/* Bit sets in arrays of 64-bit words.  Not atomic: the caller's lock protects. */
#include <lib/util.h>

#define BITMAP_WORDS(bits) DIV_ROUND_UP(bits, 64)

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}
static inline void bitmap_set(uint64_t *map, size_t bit)
{
	map[bit / 64] |= 1ull << (bit % 64);
}
static inline void bitmap_clear(uint64_t *map, size_t bit)
{
	map[bit / 64] &= ~(1ull << (bit % 64));
}
/* First clear / set bit at or after `from`; `bits` when there is none. */
size_t bitmap_find_clear(const uint64_t *map, size_t bits, size_t from);
size_t bitmap_find_set(const uint64_t *map, size_t bits, size_t from);
size_t bitmap_count(const uint64_t *map, size_t bits);
