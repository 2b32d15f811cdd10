/* SPDX-License-Identifier: MIT */
/* The choice of register states, see xstate.h. */
#include "xstate.h"

#define LEAF_XSTATE 0xd
#define FIRST_EXTENDED 2u /* x87 and SSE lie in the legacy area */
#define LAST_EXTENDED 7u

/* The end of the component's room in the area; 0 when it has none that we can use. */
static uint32_t component_end(cpuid_fn query, unsigned component)
{
	uint32_t r[4];

	query(LEAF_XSTATE, component, r);
	uint64_t end = (uint64_t)r[0] + r[1];

	if (r[0] == 0 || r[1] < XSAVE_LEGACY_SIZE + XSAVE_HEADER_SIZE || end > XSTATE_AREA_MAX) {
		return 0;
	}
	return (uint32_t)end;
}

struct xstate xstate_choose(cpuid_fn query, bool avx, bool avx512)
{
	struct xstate x = { .area_size = XSAVE_LEGACY_SIZE + XSAVE_HEADER_SIZE };
	uint32_t r[4], ends[LAST_EXTENDED + 1] = { 0 };

	query(LEAF_XSTATE, 0, r);
	uint64_t want = XCR0_X87 | XCR0_SSE | (avx ? XCR0_AVX : 0) | (avx512 ? XCR0_AVX512 : 0);

	x.xcr0 = want & ((uint64_t)r[3] << 32 | r[0]);
	for (unsigned i = FIRST_EXTENDED; i <= LAST_EXTENDED; i++) {
		ends[i] = x.xcr0 & 1ul << i ? component_end(query, i) : 0;
		if (!ends[i]) {
			x.xcr0 &= ~(1ul << i);
		}
	}
	if (!(x.xcr0 & XCR0_AVX) || (x.xcr0 & XCR0_AVX512) != XCR0_AVX512) {
		x.xcr0 &= ~XCR0_AVX512;
	}
	for (unsigned i = FIRST_EXTENDED; i <= LAST_EXTENDED; i++) {
		if (x.xcr0 & 1ul << i && ends[i] > x.area_size) {
			x.area_size = ends[i];
		}
	}
	return x;
}
