/* SPDX-License-Identifier: MIT */
/*
 * The firmware's memory map as sorted, disjoint, page-aligned ranges.  Pure; the map is
 * untrusted.
 */
#include "memmap.h"

static void range_remove(struct mem_range *r, unsigned *count, unsigned i)
{
	for (; i + 1 < *count; i++) {
		r[i] = r[i + 1];
	}
	(*count)--;
}

static void range_insert(struct mem_range *r, unsigned *count, unsigned i, struct mem_range x)
{
	for (unsigned k = *count; k > i; k--) {
		r[k] = r[k - 1];
	}
	r[i] = x;
	(*count)++;
}

unsigned memmap_exclude(struct mem_range *ranges, unsigned count, unsigned max, uint64_t start,
			uint64_t end)
{
	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = end > UINT64_MAX - PAGE_SIZE ? ALIGN_DOWN(UINT64_MAX, PAGE_SIZE)
					   : ALIGN_UP(end, PAGE_SIZE);
	for (unsigned i = 0; i < count && start < end;) {
		struct mem_range *r = &ranges[i];

		if (r->end <= start || r->start >= end) {
			i++;
		} else if (start <= r->start && end >= r->end) {
			range_remove(ranges, &count, i);
		} else if (start > r->start && end < r->end) {
			struct mem_range high = { end, r->end };
			uint64_t low_size = start - r->start;

			if (count < max) {
				r->end = start;
				range_insert(ranges, &count, i + 1, high);
			} else if (low_size >= high.end - high.start) {
				r->end = start;
			} else {
				*r = high;
			}
			i += 1;
		} else if (start <= r->start) {
			r->start = end;
			i++;
		} else {
			r->end = start;
			i++;
		}
	}
	return count;
}

/* Adds a range to a sorted disjoint list, merging what it touches. */
static unsigned ranges_add(struct mem_range *r, unsigned count, unsigned max, struct mem_range x)
{
	unsigned i = 0;

	while (i < count && r[i].end < x.start) {
		i++;
	}
	while (i < count && r[i].start <= x.end) {
		x.start = MIN(x.start, r[i].start);
		x.end = MAX(x.end, r[i].end);
		range_remove(r, &count, i);
	}
	if (count < max) {
		range_insert(r, &count, i, x);
	}
	return count;
}

unsigned memmap_build(const struct memmap_entry *map, unsigned count, uint64_t limit,
		      struct mem_range *out, unsigned max, uint64_t *total)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t size = MIN(map[i].size, UINT64_MAX - map[i].addr);
		struct mem_range x = { map[i].addr, MIN(map[i].addr + size, limit) };

		if (map[i].type != MEMMAP_RAM || x.start >= x.end ||
		    x.start > UINT64_MAX - PAGE_SIZE) {
			continue;
		}
		/* Whole pages only; merging first would join halves of a page that two
		 * entries share, which is rare enough to lose. */
		x.start = ALIGN_UP(x.start, PAGE_SIZE);
		x.end = ALIGN_DOWN(x.end, PAGE_SIZE);
		if (x.start < x.end) {
			n = ranges_add(out, n, max, x);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		uint64_t size = MIN(map[i].size, UINT64_MAX - map[i].addr);

		if (map[i].type != MEMMAP_RAM && size > 0) {
			n = memmap_exclude(out, n, max, map[i].addr, map[i].addr + size);
		}
	}
	*total = 0;
	for (unsigned i = 0; i < n; i++) {
		*total += out[i].end - out[i].start;
	}
	return n;
}
