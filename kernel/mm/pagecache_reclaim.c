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

static struct spinlock lru_lock = SPINLOCK_INIT(RANK_FS_LEAF, "page lru");
static struct list lru = LIST_INIT(lru); /* struct page.link; lru_lock */
static uint64_t lru_pages;		 /* lru_lock */

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

/* lru_lock and the cache's lock held. */
static enum verdict judge(struct page *p, bool mapped_too)
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
	/* New references are taken under the cache's lock only. */
	return page_refs(p) == 1 ? FREE : KEEP;
}

/* Looks at up to `budget` pages; frees what it can, and picks one mapped page to unmap. */
static unsigned scan(uint64_t *budget, bool mapped_too, struct page **victims,
		     struct page **to_unmap)
{
	unsigned n = 0;

	*to_unmap = NULL;
	spin_lock(&lru_lock);
	while (*budget && n < BATCH && !*to_unmap && !list_empty(&lru)) {
		struct page *p = list_first_entry(&lru, struct page, link);
		struct page_cache *pc = p->owner;
		enum verdict v;

		(*budget)--;
		list_remove(&p->link);
		list_push_back(&lru, &p->link);
		if (!spin_trylock(&pc->lock)) {
			continue;
		}
		v = judge(p, mapped_too);
		if (v == UNMAP) {
			page_get(p);
			page_set_flags(p, PAGE_LOCKED);
			*to_unmap = p;
		} else if (v == FREE) {
			/* pagecache_remove_locked() without taking lru_lock again */
			list_remove(&p->link);
			lru_pages--;
			pagecache_tree_remove(pc, p->index);
			page_clear_flags(p, PAGE_CACHE);
			p->owner = NULL;
			victims[n++] = p;
		}
		spin_unlock(&pc->lock);
	}
	spin_unlock(&lru_lock);
	return n;
}

/* p is locked and referenced by us. */
static unsigned unmap_and_free(struct page *p)
{
	struct page_cache *pc = p->owner;
	bool gone = false;

	mm_unmap_object(pc, p->index, p->index);
	spin_lock(&pc->lock);
	pagecache_unlock_locked(pc, &p, 1);
	if (!(page_flags(p) & PAGE_DIRTY) && page_refs(p) == 2 &&
	    atomic_load_explicit(&p->maps, memory_order_acquire) == 0) {
		pagecache_remove_locked(pc, p);
		gone = true;
	}
	spin_unlock(&pc->lock);
	if (gone) {
		page_put(p);
	}
	page_put(p);
	return gone;
}

static uint64_t shrink_pass(uint64_t want, bool mapped_too)
{
	uint64_t freed = 0, budget;

	spin_lock(&lru_lock);
	budget = lru_pages * 2; /* a second chance each */
	spin_unlock(&lru_lock);
	while (freed < want && budget) {
		struct page *victims[BATCH], *to_unmap;
		unsigned n = scan(&budget, mapped_too, victims, &to_unmap);

		for (unsigned i = 0; i < n; i++) {
			page_put(victims[i]);
		}
		mem_account(MEM_CACHE, -(int64_t)n);
		freed += n;
		if (to_unmap) {
			freed += unmap_and_free(to_unmap);
		} else if (n == 0) {
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

uint64_t pagecache_shrink(uint64_t pages)
{
	uint64_t freed = shrink_pass(pages, false);

	if (freed < pages) {
		freed += shrink_pass(MIN(pages - freed, mapped_to_spare()), true);
	}
	if (freed == 0) {
		/* All that is left may be dirty: written back, it can go. */
		pagecache_sync_all();
		freed = shrink_pass(pages, false);
		if (freed < pages) {
			freed += shrink_pass(MIN(pages - freed, mapped_to_spare()), true);
		}
	}
	return freed;
}

void pagecache_reclaim_init(void)
{
	mem_register_shrinker(pagecache_shrink);
}
