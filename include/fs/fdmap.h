/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which descriptors are in use: a bitmap with a second level whose bits say "this word is
 * full", so that the lowest free one is found by looking at a few words even among a
 * million.  Pure; the descriptor table's lock protects it.
 */
#include <lib/bitmap.h>

struct fdmap {
	uint64_t *used; /* size bits */
	uint64_t *full; /* one bit per word of used */
	unsigned size;	/* multiple of 64 */
	unsigned hint;	/* nothing below is free */
};
/* Words needed for the full level of `size` descriptors. */
static inline size_t fdmap_full_words(unsigned size)
{
	return BITMAP_WORDS((size_t)size / 64);
}
/* Lowest free descriptor >= min; size when there is none. */
unsigned fdmap_find_free(const struct fdmap *m, unsigned min);
void fdmap_set(struct fdmap *m, unsigned fd);
void fdmap_clear(struct fdmap *m, unsigned fd);
/* Next used one >= from; size when there is none. */
unsigned fdmap_next_used(const struct fdmap *m, unsigned from);
