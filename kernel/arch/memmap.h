/* SPDX-License-Identifier: MIT */
#pragma once
/* From the firmware's memory map, which may be in any order, overlap and lie, to
 * disjoint page-aligned ranges.  Pure. */
#include <arch/boot.h>

#define MEMMAP_RAM 1

/* An entry of the PVH memory map (Xen, hvm_memmap_table_entry). */
struct memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* Fills out[0..max) with usable RAM below `limit`: sorted, disjoint, whole pages.
 * Any other type wins over RAM where both claim a page.  Returns the count; ranges
 * that do not fit in out are dropped.  *total gets the bytes before exclusions. */
unsigned memmap_build(const struct memmap_entry *map, unsigned count, uint64_t limit,
		      struct mem_range *out, unsigned max, uint64_t *total);

/* Cuts [start, end) (rounded outwards to pages) out of the ranges; returns the new
 * count.  A cut in the middle needs room for one more; without it the smaller part
 * is lost. */
unsigned memmap_exclude(struct mem_range *ranges, unsigned count, unsigned max, uint64_t start,
			uint64_t end);
