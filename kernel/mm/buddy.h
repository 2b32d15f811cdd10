/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The buddy lists: blocks of 2^order pages, aligned to their size, that merge with their
 * neighbour ("buddy") when both are free.  Pure: the caller locks, and sees to it that
 * the struct pages of a whole PAGE_MAX_ORDER chunk are initialised (zero) before any of
 * its pages is handed in.
 */
#include <mm/phys.h>

struct buddy {
	struct list free[PAGE_MAX_ORDER + 1];
	uint64_t free_pages;
	uint32_t nonempty; /* bit per order whose list has blocks */
};
void buddy_init(struct buddy *b);
/* Takes 2^order pages; NULL when no block is large enough.  The page's flags are 0. */
struct page *buddy_alloc(struct buddy *b, unsigned order);
void buddy_free(struct buddy *b, struct page *p, unsigned order);
/* Hands in [start, end), page frame numbers, within one chunk. */
void buddy_add_range(struct buddy *b, uint64_t start, uint64_t end);
