/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Shared by the files of the page cache; nobody else includes it.
 *
 * The tree is 64-way.  Height 0: `root` is the page of index 0 itself (or NULL), so that a
 * small file costs no node.  Height h: `root` is a node that covers 64^h indexes.
 *
 * Every change of PAGE_LOCKED happens under pc->lock, and an unlock wakes pc's waiters
 * under it.  Therefore a cache lives at least as long as one of its pages is locked:
 * pagecache_destroy() waits for them with that lock.
 */
#include <mm/pagecache.h>

/* --- pagecache_tree.c --- */
struct page *pagecache_tree_find(const struct page_cache *pc, uint64_t index)
	REQUIRES(pagecache_role);
/* 0, -ENOMEM; the slot must be empty. */
MUST_USE int pagecache_tree_insert(struct page_cache *pc, uint64_t index, struct page *p)
	REQUIRES(pagecache_role);
void pagecache_tree_remove(struct page_cache *pc, uint64_t index) REQUIRES(pagecache_role);
/* The first page whose index is in [*index, last]; sets *index to it.  NULL = none. */
struct page *pagecache_tree_next(const struct page_cache *pc, uint64_t *index, uint64_t last)
	REQUIRES(pagecache_role);
void pagecache_tree_init(void);

/* --- pagecache.c --- */
static inline uint32_t page_flags(const struct page *p)
{
	return atomic_load_explicit(&p->flags, memory_order_acquire);
}
static inline void page_set_flags(struct page *p, uint32_t f)
{
	atomic_fetch_or_explicit(&p->flags, f, memory_order_acq_rel);
}
static inline uint32_t page_clear_flags(struct page *p, uint32_t f)
{
	return atomic_fetch_and_explicit(&p->flags, ~f, memory_order_acq_rel);
}
/* Puts p (whose reference the tree takes over) at index. */
MUST_USE int pagecache_insert_locked(struct page_cache *pc, uint64_t index, struct page *p,
				     uint32_t flags) REQUIRES(pagecache_role);
/* Takes p out; its reference goes to the caller. */
void pagecache_remove_locked(struct page_cache *pc, struct page *p) REQUIRES(pagecache_role);
/* Sleeps until some page of pc is unlocked; pc->lock is dropped meanwhile. */
void pagecache_wait_locked(struct page_cache *pc) REQUIRES(pagecache_role);
/* Unlocks pages that the caller locked. */
void pagecache_unlock_locked(struct page_cache *pc, struct page **pages, unsigned n)
	REQUIRES(pagecache_role);
/* As pagecache_get_page; `want` pages from index on are going to be used. */
MUST_USE int pagecache_fetch(struct page_cache *pc, uint64_t index, uint64_t want, bool mapped,
			     struct page **out) MAY_SLEEP;
/* A sequential reader reached [index, index + n): reads the next window ahead, if it is time. */
void pagecache_read_ahead(struct page_cache *pc, uint64_t index, unsigned n) MAY_SLEEP;
/* A page that is there and up to date, waiting for one that is being filled; with a
 * reference.  NULL = missing. */
struct page *pagecache_find_wait(struct page_cache *pc, uint64_t index) MAY_SLEEP;
/* Removes [first, last]; dirty pages stay when keep_dirty. */
void pagecache_remove_range(struct page_cache *pc, uint64_t first, uint64_t last,
			    bool keep_dirty) MAY_SLEEP;

/* --- pagecache_reclaim.c --- */
void pagecache_lru_add(struct page *p) EXCLUDES(page_lru_role);
void pagecache_lru_remove(struct page *p) EXCLUDES(page_lru_role);
void pagecache_reclaim_init(void);

/* --- pagecache_writeback.c --- */
void pagecache_dirty_forget(struct page_cache *pc)
	EXCLUDES(dirty_caches_role); /* leaves the list of dirty caches */
/* Writes every dirty cache, and waits for nobody else: also from a write. */
void pagecache_write_back(void) MAY_SLEEP;
void pagecache_count_dirty(struct page_cache *pc, int64_t n);
void pagecache_writeback_init(void);
