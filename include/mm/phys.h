/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Physical pages: a buddy allocator with per-CPU caches of single pages.  Every RAM
 * page has a struct page in VMEMMAP; a reference count keeps it, the last put frees it.
 *
 * Boot costs next to nothing: the page array is mapped, but a 4 MiB chunk of RAM is
 * first looked at (its struct pages zeroed, its pages given to the buddy lists) when the
 * lists run dry.
 *
 * A 2 MiB page (order 9) is one unit with one count, in its head.  When a process has to
 * map a part of one that others share, its page-table entries point to tail pages: these
 * carry PAGE_TAIL and `owner` = head, and page_get/page_put count in the head.
 *
 * Three grades of hunger share the pages: programs (PAGE_ALLOC_USER) stop first,
 * page_alloc_user() after the shrinkers were asked; the kernel's plain allocations next; PAGE_ALLOC_ATOMIC may take
 * the last page.
 */
#include <arch/paging.h>
#include <lib/list.h>
#include <stdatomic.h>
#include <sync/lock_order.h>

#define PAGE_MAX_ORDER 10 /* 4 MiB */
#define PAGE_HUGE_ORDER 9 /* 2 MiB */

enum page_flags {
	PAGE_BUDDY = 1 << 0,
	PAGE_SLAB = 1 << 1,
	PAGE_CACHE = 1 << 2, /* belongs to a page cache: owner and index are valid */
	PAGE_UPTODATE = 1 << 3,
	PAGE_DIRTY = 1 << 4,
	PAGE_LOCKED = 1 << 5, /* being filled or written, see pagecache.h */
	PAGE_REFERENCED = 1 << 6,
	PAGE_TAIL = 1 << 7,	/* inside a 2 MiB unit: owner = its head */
	PAGE_COMPOUND = 1 << 8, /* head whose tails carry PAGE_TAIL */
};
struct page {
	_Atomic uint32_t refs;	/* 0 = free */
	_Atomic uint32_t flags; /* enum page_flags */
	_Atomic int32_t maps;	/* user page-table entries that point here */
	uint8_t order;		/* of the allocation (head page) */
	_Atomic uint8_t code;	/* this frame was executable; outlives the allocation */
	/* the rest is its owner's */
	struct list link; /* free: buddy or CPU's list; slab: partial; page cache: LRU */
	void *owner;	  /* page cache, slab: kmem_cache; tail: its head */
	uint64_t index;	  /* page cache: page offset; slab: objects that are out */
	uint64_t priv;	  /* slab: its free objects */
} ALIGNED(64);
_Static_assert(sizeof(struct page) == 64, "one cache line per page");

enum page_alloc_flags {
	PAGE_ALLOC_ZERO = 1 << 0,
	PAGE_ALLOC_ATOMIC = 1 << 1, /* may use the reserve */
	PAGE_ALLOC_USER = 1 << 2,   /* counts against what programs may use: leaves a reserve for
				     * the kernel */
};
/* 2^order pages, refs = 1 on the head; NULL when there is no memory.  Never sleeps. */
struct page *page_alloc(unsigned order, unsigned flags);
/* For programs, with PAGE_ALLOC_USER: reclaims before it gives up. */
struct page *page_alloc_user(unsigned order, unsigned flags) MAY_SLEEP;
/* Up to n single pages for programs: how many.  Only for the first of them others are thrown
 * out. */
unsigned page_alloc_many(struct page **pages, unsigned n) MAY_SLEEP;
void page_get(struct page *p);
void page_put(struct page *p); /* frees with the last reference; NULL is fine */

/*
 * An emulator keeps translations of the instructions it ran, per frame.  It drops them when a CPU
 * writes there; it does not see what a process beside it writes, as a vhost-user daemon does.  So
 * a frame that was mapped executable is noted, and before such a device may write to it, the CPU
 * does, over its whole length.  n frames from p on; what they hold stays.
 */
void page_forget_code(struct page *p, unsigned n);
/* Before an entry that lets programs execute the frame is there. */
static inline void page_note_code(struct page *p)
{
	atomic_store_explicit(&p->code, 1, memory_order_relaxed);
}
static inline struct page *phys_to_page(uint64_t phys)
{
	return (struct page *)VMEMMAP + (phys >> PAGE_SHIFT);
}
static inline uint64_t page_to_phys(const struct page *p)
{
	return (uint64_t)(p - (struct page *)VMEMMAP) << PAGE_SHIFT;
}
static inline void *page_to_virt(const struct page *p)
{
	return phys_to_virt(page_to_phys(p));
}
static inline struct page *virt_to_page(const void *v)
{
	return phys_to_page(virt_to_phys(v));
}

/* A zeroed physical page for page tables, 0 when out of memory. */
uint64_t page_alloc_table(void);

struct mem_stats {
	uint64_t total_pages, free_pages, cache_pages, slab_pages, anon_pages, table_pages;
	uint64_t peak_used_pages;
};
void mem_get_stats(struct mem_stats *s);
/* Called under memory pressure to free clean cache pages: returns pages freed. */
void mem_register_shrinker(uint64_t (*shrink)(uint64_t pages));
/* Asks the shrinkers for pages now.  Pages freed. */
uint64_t mem_reclaim(uint64_t pages) MAY_SLEEP;
/* Before a return to the program, when the kernel took pages from its reserve (WORK_NOTIFY
 * was set): reclaims. */
void mem_balance(void) MAY_SLEEP;
/* Pages that programs may still take before reclaim starts (an estimate). */
uint64_t mem_available_pages(void);
uint64_t mem_total_pages(void);

enum mem_kind { MEM_CACHE, MEM_SLAB, MEM_ANON, MEM_TABLE, MEM_KINDS };
/* Statistics only: so many more pages are used for this. */
void mem_account(enum mem_kind kind, int64_t pages);

/* Fills 2^order pages with zeros / copies one page, through the direct map. */
void page_copy(struct page *dst, struct page *src);
/* The page that counts references for p: itself, or the head of its 2 MiB unit. */
static inline struct page *page_head(struct page *p)
{
	if (unlikely(atomic_load_explicit(&p->flags, memory_order_relaxed) & PAGE_TAIL)) {
		return (struct page *)p->owner;
	}
	return p;
}
static inline uint32_t page_refs(struct page *p)
{
	return atomic_load_explicit(&page_head(p)->refs, memory_order_acquire);
}

void phys_init(void); /* from boot_info; single CPU, before all else of mm */
