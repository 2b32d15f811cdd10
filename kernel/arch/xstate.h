/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which register states XSAVE is to carry.  Pure: takes a CPUID, so that the tables of machines
 * that nobody here owns can be tried (tests/unit/test_xstate.c).
 *
 * AVX-512's three components come together or not at all.  What the kernel does not know (PKRU,
 * AMX's tiles, CET) stays off in XCR0, which is where programs look before they use it.
 * Intel SDM 1, 13.2 and 13.5; AMD APM 2, 11.5.
 */
#include <stdbool.h>
#include <stdint.h>

#define XCR0_X87 0x1ul
#define XCR0_SSE 0x2ul
#define XCR0_AVX 0x4ul
#define XCR0_AVX512 0xe0ul

#define XSAVE_LEGACY_SIZE 512
#define XSAVE_HEADER_SIZE 64
#define XSTATE_AREA_MAX 2752 /* standard form, all of the above, on any CPU known so far */

typedef void (*cpuid_fn)(uint32_t leaf, uint32_t sub, uint32_t r[4]);

struct xstate {
	uint64_t xcr0;
	uint32_t area_size; /* bytes, standard form */
};

/* For a CPU that has XSAVE. */
struct xstate xstate_choose(cpuid_fn query, bool avx, bool avx512);
