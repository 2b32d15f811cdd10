/* SPDX-License-Identifier: MIT */
#pragma once
/* The arithmetic of clocks.  Pure. */
#include <lib/util.h>

/* x * mult >> shift without overflow in between; shift <= 63. */
static inline uint64_t clock_scale(uint64_t x, uint64_t mult, unsigned shift)
{
	return (uint64_t)(((unsigned __int128)x * mult) >> shift);
}

/* A rate is good for 64 KHz .. 16 GHz. */
#define CLOCK_MIN_HZ 65536ull
#define CLOCK_MAX_HZ (16 * NSEC_PER_SEC)

#define CLOCK_SHIFT 32	   /* ns = ticks * mult >> CLOCK_SHIFT */
#define CLOCK_INV_SHIFT 29 /* ticks = ns * inv >> CLOCK_INV_SHIFT */

static inline uint64_t clock_mult_of_hz(uint64_t hz)
{
	return ((NSEC_PER_SEC << CLOCK_SHIFT) + hz / 2) / hz;
}
static inline uint64_t clock_inv_of_hz(uint64_t hz)
{
	return (hz << CLOCK_INV_SHIFT) / NSEC_PER_SEC;
}
/* Hz from pvclock's kind of factors; 0 when they make no sense. */
static inline uint64_t clock_hz_of_mult(uint64_t mult, unsigned shift)
{
	/* 10^9 << 34 is the most that fits. */
	if (shift > 34) {
		mult = shift < 64 ? mult >> (shift - 34) : 0;
		shift = 34;
	}
	return mult ? (NSEC_PER_SEC << shift) / mult : 0;
}
/* Ticks per second from a count of ticks in ns nanoseconds (below 2^30). */
static inline uint64_t clock_hz_of_interval(uint64_t ticks, uint64_t ns)
{
	uint64_t whole = ticks / ns, rest = ticks % ns;

	return whole * NSEC_PER_SEC + rest * NSEC_PER_SEC / ns;
}
