/* SPDX-License-Identifier: MIT */
/*
 * The page cache gives memory back: pages that have a copy elsewhere are on one list, oldest
 * first; a page that was used since it was last looked at gets a second chance.  First only
 * pages that no process maps, then also mapped ones.
 *
 * The caches are found through their pages.  A cache can't go while one of its pages is on
 * the list and lru_lock is held, nor while one of its pages is locked.  The order is
 * pc->lock, lru_lock; here it is the other way round, with a try.
 */
#include "pagecache_internal.h"
#include <lib/assert.h>
#include <mm/mm.h>

#define BATCH 32
#define LOOK_MIN 512 /* pages looked at before mapped ones are taken */

static SPINLOCK(page_lru) lru_lock = SPINLOCK_INIT(RANK_FS_LEAF, "page lru");
static struct list lru GUARDED_BY(page_lru_role) = LIST_INIT(lru); /* struct page.link */
static uint64_t lru_pages GUARDED_BY(page_lru_role);

void pagecache_lru_add(struct page *p)
{
	spin_lock(&lru_lock);
	list_push_back(&lru, &p->link);
	lru_pages++;
	spin_unlock(&lru_lock);
}

void pagecache_lru_remove(struct page *p)
{
	spin_lock(&lru_lock);
	ASSERT(list_linked(&p->link));
	list_remove(&p->link);
	lru_pages--;
	spin_unlock(&lru_lock);
}

enum verdict { KEEP, FREE, UNMAP };

static enum verdict judge(struct page *p, bool mapped_too) REQUIRES(pagecache_role, page_lru_role)
{
	uint32_t f = page_flags(p);
	int32_t maps = atomic_load_explicit(&p->maps, memory_order_acquire);

	if (f & (PAGE_DIRTY | PAGE_LOCKED)) {
		return KEEP;
	}
	if (f & PAGE_REFERENCED) {
		page_clear_flags(p, PAGE_REFERENCED);
		return KEEP;
	}
	if (maps > 0) {
		return mapped_too ? UNMAP : KEEP;
	}
	/* Only the tree's reference: a new one would be taken under the cache's lock, so nobody
	 * uses the page, nor marks it dirty, before it is out of the tree. */
	return page_refs(p) == 1 ? FREE : KEEP;
}

/* What one look at the list found: unmapped pages, taken out, and mapped ones, locked. */
struct haul {
	struct page *free[BATCH], *mapped[BATCH];
	unsigned nfree, nmapped;
};

/* Decides about p and takes it along if it can go. */
static void haul_locked(struct page_cache *pc, struct page *p, bool mapped_too, struct haul *h)
	REQUIRES(pagecache_role, page_lru_role)
{
	enum verdict v = judge(p, mapped_too);

	spin_assert_held(&pc->lock);
	if (v == UNMAP) {
		page_get(p);
		page_set_flags(p, PAGE_LOCKED);
		h->mapped[h->nmapped++] = p;
	} else if (v == FREE) {
		/* pagecache_remove_locked() without taking lru_lock again */
		list_remove(&p->link);
		lru_pages--;
		pagecache_tree_remove(pc, p->index);
		page_clear_flags(p, PAGE_CACHE);
		p->owner = NULL;
		h->free[h->nfree++] = p;
	}
}

/* Looks at up to `budget` pages, until a batch of one kind is full. */
LOCK_UNCHECKED("pc->lock is tried under lru_lock, against the order; a try can't deadlock")
static void scan(uint64_t *budget, bool mapped_too, struct haul *h)
{
	h->nfree = h->nmapped = 0;
	spin_lock(&lru_lock);
	while (*budget && h->nfree < BATCH && h->nmapped < BATCH && !list_empty(&lru)) {
		struct page *p = list_first_entry(&lru, struct page, link);
		struct page_cache *pc = p->owner;

		(*budget)--;
		list_remove(&p->link);
		list_push_back(&lru, &p->link);
		if (!spin_trylock(&pc->lock)) {
			continue;
		}
		haul_locked(pc, p, mapped_too, h);
		spin_unlock(&pc->lock);
	}
	spin_unlock(&lru_lock);
}

/* n pages of one cache with consecutive indexes, locked and referenced by us. */
static unsigned unmap_and_free(struct page **pages, unsigned n)
{
	struct page_cache *pc = pages[0]->owner;
	bool gone[BATCH];
	unsigned freed = 0;

	mm_unmap_object(pc, pages[0]->index, pages[n - 1]->index);
	spin_lock(&pc->lock);
	for (unsigned i = 0; i < n; i++) {
		struct page *p = pages[i];

		page_clear_flags(p, PAGE_LOCKED);
		gone[i] = !(page_flags(p) & PAGE_DIRTY) && page_refs(p) == 2 &&
			  atomic_load_explicit(&p->maps, memory_order_acquire) == 0;
		if (gone[i]) {
			pagecache_remove_locked(pc, p);
			freed++;
		}
	}
	waitq_wake_all(&pc->unlock_waiters);
	spin_unlock(&pc->lock);
	for (unsigned i = 0; i < n; i++) {
		if (gone[i]) {
			page_put(pages[i]);
		}
		page_put(pages[i]);
	}
	return freed;
}

static unsigned free_mapped(struct haul *h)
{
	unsigned freed = 0;

	for (unsigned i = 0, n; i < h->nmapped; i += n) {
		struct page *first = h->mapped[i];

		for (n = 1; i + n < h->nmapped; n++) {
			struct page *p = h->mapped[i + n];

			if (p->owner != first->owner || p->index != first->index + n) {
				break;
			}
		}
		freed += unmap_and_free(h->mapped + i, n);
	}
	return freed;
}

static uint64_t shrink_pass(uint64_t want, bool mapped_too, uint64_t budget)
{
	uint64_t freed = 0;

	while (freed < want && budget) {
		struct haul h;

		scan(&budget, mapped_too, &h);
		for (unsigned i = 0; i < h.nfree; i++) {
			page_put(h.free[i]);
		}
		mem_account(MEM_CACHE, -(int64_t)h.nfree);
		freed += h.nfree + free_mapped(&h);
		if (h.nfree + h.nmapped == 0) {
			break;
		}
	}
	return freed;
}

/* Mapped pages are the programs' code.  With the last of them taken away, programs would
 * fault them in again and again instead of running, with no end: rather out of memory. */
static uint64_t mapped_to_spare(void)
{
	uint64_t keep = MAX(96ul, mem_total_pages() / 64), have;

	spin_lock(&lru_lock);
	have = lru_pages;
	spin_unlock(&lru_lock);
	return have > keep ? have - keep : 0;
}

/* Unmapped pages first, each time looking at a larger part of the list: a look at all of it
 * for a few pages would cost more than the pages are worth. */
static uint64_t shrink(uint64_t pages)
{
	uint64_t freed = 0, all;

	spin_lock(&lru_lock);
	all = lru_pages * 2; /* a second chance each */
	spin_unlock(&lru_lock);
	for (int shift = 4; shift >= 0 && freed < pages; shift -= 2) {
		uint64_t budget = MIN(all, MAX(all >> shift, (uint64_t)LOOK_MIN));

		freed += shrink_pass(pages - freed, false, budget);
		if (freed < pages) {
			uint64_t spare = mapped_to_spare();

			freed += shrink_pass(MIN(pages - freed, spare), true, budget);
		}
	}
	return freed;
}

uint64_t pagecache_shrink(uint64_t pages)
{
	uint64_t freed = shrink(pages);

	if (freed == 0) {
		/* All that is left may be dirty: written back, it can go. */
		pagecache_write_back();
		freed = shrink(pages);
	}
	return freed;
}

void pagecache_reclaim_init(void)
{
	mem_register_shrinker(pagecache_shrink);
}
