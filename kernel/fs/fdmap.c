/* SPDX-License-Identifier: MIT */
/*
 * The two levels of used descriptors.  Invariants: bit w of `full` is set iff word w of `used` has
 * no zero bit; no descriptor below `hint` is free.
 */
#include <fs/fdmap.h>

#include <lib/bitmap.h>

unsigned fdmap_find_free(const struct fdmap *m, unsigned min)
{
	size_t words = m->size / 64, word;
	uint64_t w;

	if (min < m->hint) {
		min = m->hint;
	}
	if (min >= m->size) {
		return m->size;
	}
	/* The word of min, from min on. */
	w = ~m->used[min / 64] & ~0ull << (min % 64);
	if (w) {
		return min / 64 * 64 + (unsigned)__builtin_ctzll(w);
	}
	word = bitmap_find_clear(m->full, words, min / 64 + 1);
	if (word >= words) {
		return m->size;
	}
	return (unsigned)word * 64 + (unsigned)__builtin_ctzll(~m->used[word]);
}

void fdmap_set(struct fdmap *m, unsigned fd)
{
	bitmap_set(m->used, fd);
	if (m->used[fd / 64] == ~0ull) {
		bitmap_set(m->full, fd / 64);
	}
	if (fd == m->hint) {
		m->hint = fd + 1;
	}
}

void fdmap_clear(struct fdmap *m, unsigned fd)
{
	bitmap_clear(m->used, fd);
	bitmap_clear(m->full, fd / 64);
	if (fd < m->hint) {
		m->hint = fd;
	}
}

unsigned fdmap_next_used(const struct fdmap *m, unsigned from)
{
	if (from >= m->size) {
		return m->size;
	}
	return (unsigned)bitmap_find_set(m->used, m->size, from);
}
