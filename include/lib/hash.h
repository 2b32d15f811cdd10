/* SPDX-License-Identifier: MIT */
#pragma once
/* Hashes for tables inside the kernel; seeded nowhere, so never for secrets. */
#include <stddef.h>
#include <stdint.h>

/* Fibonacci hashing: the top `bits` bits of the product. */
static inline uint32_t hash_u64(uint64_t v, unsigned bits)
{
	return (uint32_t)((v * 0x9e3779b97f4a7c15ull) >> (64 - bits));
}
/* FNV-1a with a final mix. */
static inline uint32_t hash_bytes(const void *data, size_t n, uint32_t seed)
{
	const unsigned char *p = data;
	uint32_t h = 2166136261u ^ seed;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ p[i]) * 16777619u;
	}
	return h ^ h >> 15;
}
