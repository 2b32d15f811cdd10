/* SPDX-License-Identifier: MIT */
/*
 * A block of order n on free[n] is aligned to its size; its first page has PAGE_BUDDY and
 * order n, its others have neither.  Two buddies of one order are never both free: they merge.
 * Pure; the caller's lock.
 */
#include "buddy.h"

#include <lib/assert.h>

void buddy_init(struct buddy *b)
{
	for (unsigned i = 0; i <= PAGE_MAX_ORDER; i++) {
		list_init(&b->free[i]);
	}
	b->free_pages = 0;
	b->nonempty = 0;
}

static void block_push(struct buddy *b, struct page *p, unsigned order)
{
	p->order = (uint8_t)order;
	atomic_store_explicit(&p->flags, PAGE_BUDDY, memory_order_relaxed);
	list_push_front(&b->free[order], &p->link);
	b->nonempty |= 1u << order;
}

static void block_unlink(struct buddy *b, struct page *p, unsigned order)
{
	list_remove(&p->link);
	atomic_store_explicit(&p->flags, 0, memory_order_relaxed);
	if (list_empty(&b->free[order])) {
		b->nonempty &= ~(1u << order);
	}
}

struct page *buddy_alloc(struct buddy *b, unsigned order)
{
	uint32_t fit = b->nonempty & ~((1u << order) - 1);
	struct page *p;
	unsigned have;

	if (!fit) {
		return NULL;
	}
	have = (unsigned)__builtin_ctz(fit);
	p = list_first_entry(&b->free[have], struct page, link);
	block_unlink(b, p, have);
	while (have > order) {
		have--;
		block_push(b, p + (1ul << have), have);
	}
	p->order = (uint8_t)order;
	b->free_pages -= 1ul << order;
	return p;
}

void buddy_free(struct buddy *b, struct page *p, unsigned order)
{
	uint64_t pfn = page_to_phys(p) >> PAGE_SHIFT;

	ASSERT(order <= PAGE_MAX_ORDER && IS_ALIGNED(pfn, 1ul << order));
	b->free_pages += 1ul << order;
	while (order < PAGE_MAX_ORDER) {
		struct page *other = phys_to_page((pfn ^ (1ul << order)) << PAGE_SHIFT);

		if (!(other->flags & PAGE_BUDDY) || other->order != order) {
			break;
		}
		block_unlink(b, other, order);
		pfn &= ~(1ul << order);
		order++;
	}
	block_push(b, phys_to_page(pfn << PAGE_SHIFT), order);
}

void buddy_add_range(struct buddy *b, uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned order = start ? (unsigned)__builtin_ctzl(start) : PAGE_MAX_ORDER;

		if (order > PAGE_MAX_ORDER) {
			order = PAGE_MAX_ORDER;
		}
		while ((1ul << order) > end - start) {
			order--;
		}
		buddy_free(b, phys_to_page(start << PAGE_SHIFT), order);
		start += 1ul << order;
	}
}
