/* SPDX-License-Identifier: MIT */
/* Bit sets: searches, a word at a time. */
#include <lib/bitmap.h>

/* First bit at or after `from` whose value, xored with `invert`, is one. */
static size_t find(const uint64_t *map, size_t bits, size_t from, uint64_t invert)
{
	if (from >= bits) {
		return bits;
	}
	uint64_t word = (map[from / 64] ^ invert) & ~0ull << (from % 64);

	for (size_t i = from / 64;;) {
		if (word) {
			size_t bit = i * 64 + (size_t)__builtin_ctzll(word);

			return bit < bits ? bit : bits;
		}
		if (++i >= BITMAP_WORDS(bits)) {
			return bits;
		}
		word = map[i] ^ invert;
	}
}

size_t bitmap_find_clear(const uint64_t *map, size_t bits, size_t from)
{
	return find(map, bits, from, ~0ull);
}

size_t bitmap_find_set(const uint64_t *map, size_t bits, size_t from)
{
	return find(map, bits, from, 0);
}

size_t bitmap_count(const uint64_t *map, size_t bits)
{
	size_t n = 0;

	for (size_t bit = find(map, bits, 0, 0); bit < bits; bit = find(map, bits, bit + 1, 0)) {
		n++;
	}
	return n;
}
