/* SPDX-License-Identifier: MIT */
/*
 * The page cache: life of its pages, filling and read-ahead, waiting.
 *
 * A page that is being filled is in the tree, PAGE_LOCKED and not PAGE_UPTODATE: whoever wants
 * it waits for it, so that a page is read once.  When the fill is over it becomes up to date or
 * leaves the tree, and the waiters look again.  Nothing is held while ops->fill runs but the
 * pages' locks.
 */
#include "pagecache_internal.h"
#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <mm/slab.h>

#define FILL_MAX 256	/* pages per fill: 1 MiB */
#define RA_START 32	/* first window of a file read from its start */
#define FAULT_AROUND 16 /* pages, aligned, that a lone fault brings in */
#define ON_STACK 32

static uint64_t readahead_max = FILL_MAX; /* [I] */

void pagecache_subsystem_init(void)
{
	struct mem_stats ms;

	pagecache_tree_init();
	pagecache_reclaim_init();
	pagecache_writeback_init();
	/* Read-ahead in a small machine would throw out what it read before its use. */
	mem_get_stats(&ms);
	readahead_max = MIN(MAX(ms.total_pages / 64, (uint64_t)RA_START), (uint64_t)FILL_MAX);
}

void pagecache_init(struct page_cache *pc, const struct pagecache_ops *ops, void *owner)
{
	*pc = (struct page_cache){ .ops = ops, .owner = owner };
	spin_init(&pc->lock, RANK_PAGECACHE, "pagecache");
	spin_init(&pc->vmas_lock, RANK_OBJECT_VMAS, "object vmas");
	refcount_init(&pc->refs, 1);
	atomic_init(&pc->ra_trigger, UINT64_MAX);
	list_init(&pc->vmas);
	list_init(&pc->dirty_link);
	waitq_init(&pc->unlock_waiters);
}

void pagecache_destroy(struct page_cache *pc)
{
	ASSERT(!pagecache_is_mapped(pc));
	pagecache_dirty_forget(pc);
	pagecache_remove_range(pc, 0, UINT64_MAX, false);
	ASSERT(atomic_load_explicit(&pc->npages, memory_order_relaxed) == 0);
	/* Whoever unlocked the last page still holds the lock for a moment. */
	spin_lock(&pc->lock);
	spin_unlock(&pc->lock);
}

static void anon_release(struct page_cache *pc)
{
	pagecache_destroy(pc);
	kfree(pc);
}
static const struct pagecache_ops anon_ops = { .release = anon_release };

struct page_cache *pagecache_create_anon(uint64_t size)
{
	struct page_cache *pc = kmalloc(sizeof(*pc));

	if (pc) {
		pagecache_init(pc, &anon_ops, NULL);
		atomic_init(&pc->size, size);
	}
	return pc;
}
void pagecache_get(struct page_cache *pc)
{
	refcount_get(&pc->refs);
}
void pagecache_put(struct page_cache *pc)
{
	if (pc && refcount_put(&pc->refs) && pc->ops && pc->ops->release) {
		pc->ops->release(pc);
	}
}

bool page_account_take(struct page_account *a)
{
	uint64_t used = atomic_fetch_add_explicit(&a->used, 1, memory_order_relaxed);

	if (a->max && used >= a->max) {
		atomic_fetch_sub_explicit(&a->used, 1, memory_order_relaxed);
		return false;
	}
	return true;
}
void page_account_give(struct page_account *a)
{
	if (a) {
		atomic_fetch_sub_explicit(&a->used, 1, memory_order_relaxed);
	}
}

int pagecache_insert_locked(struct page_cache *pc, uint64_t index, struct page *p, uint32_t flags)
{
	int err;

	spin_assert_held(&pc->lock);
	ASSERT(!(page_flags(p) & PAGE_CACHE));
	if (pc->account && !page_account_take(pc->account)) {
		return -ENOSPC;
	}
	err = pagecache_tree_insert(pc, index, p);
	if (err) {
		page_account_give(pc->account);
		return err;
	}
	p->owner = pc;
	p->index = index;
	p->priv = 0;
	list_init(&p->link);
	page_set_flags(p, PAGE_CACHE | flags);
	if (!pagecache_is_memory(pc)) {
		pagecache_lru_add(p);
	}
	mem_account(MEM_CACHE, 1);
	return 0;
}

void pagecache_remove_locked(struct page_cache *pc, struct page *p)
{
	uint32_t old;

	spin_assert_held(&pc->lock);
	ASSERT(p->owner == pc && page_flags(p) & PAGE_CACHE);
	pagecache_tree_remove(pc, p->index);
	if (!pagecache_is_memory(pc)) {
		pagecache_lru_remove(p);
	}
	/* One step: pagecache_mark_dirty() sets PAGE_DIRTY only together with PAGE_CACHE. */
	old = page_clear_flags(p, PAGE_CACHE | PAGE_DIRTY | PAGE_LOCKED | PAGE_REFERENCED);
	if (old & PAGE_DIRTY) {
		pagecache_count_dirty(pc, -1);
	}
	p->owner = NULL;
	page_account_give(pc->account);
	mem_account(MEM_CACHE, -1);
}

void pagecache_wait_locked(struct page_cache *pc)
{
	int err = waitq_wait(&pc->unlock_waiters, &pc->lock, WAIT_UNINTR, DEADLINE_NONE);

	(void)err; /* the caller looks again in any case */
}

void pagecache_unlock_locked(struct page_cache *pc, struct page **pages, unsigned n)
{
	spin_assert_held(&pc->lock);
	for (unsigned i = 0; i < n; i++) {
		ASSERT(page_flags(pages[i]) & PAGE_LOCKED);
		page_clear_flags(pages[i], PAGE_LOCKED);
	}
	waitq_wake_all(&pc->unlock_waiters);
}

static struct page *find_ready_locked(struct page_cache *pc, uint64_t index)
	REQUIRES(pagecache_role)
{
	struct page *p = pagecache_tree_find(pc, index);

	if (!p || !(page_flags(p) & PAGE_UPTODATE)) {
		return NULL;
	}
	page_get(p);
	if (!(page_flags(p) & PAGE_REFERENCED)) {
		page_set_flags(p, PAGE_REFERENCED);
	}
	return p;
}

struct page *pagecache_find(struct page_cache *pc, uint64_t index)
{
	struct page *p;

	spin_lock(&pc->lock);
	p = find_ready_locked(pc, index);
	spin_unlock(&pc->lock);
	return p;
}

struct page *pagecache_find_wait(struct page_cache *pc, uint64_t index)
{
	struct page *p;

	spin_lock(&pc->lock);
	while (!(p = find_ready_locked(pc, index)) && pagecache_tree_find(pc, index)) {
		pagecache_wait_locked(pc);
	}
	spin_unlock(&pc->lock);
	return p;
}

/* A run of missing pages to fill at once, and the reader's window after that. */
struct window {
	uint64_t first, ra_size;
	unsigned n;
};

/* Cuts w down to the pages around index that are missing. */
static void trim_window_locked(const struct page_cache *pc, uint64_t index, struct window *w)
	REQUIRES(pagecache_role)
{
	uint64_t lo = index, end = index + 1;

	while (lo > w->first && !pagecache_tree_find(pc, lo - 1)) {
		lo--;
	}
	while (end < w->first + w->n && !pagecache_tree_find(pc, end)) {
		end++;
	}
	w->first = lo;
	w->n = (unsigned)(end - lo);
}

/* What to fill for a miss at index.  Changes nothing: that is fill_window()'s, when it has the
 * pages. */
static struct window plan_window_locked(const struct page_cache *pc, uint64_t index, uint64_t want,
					bool mapped) REQUIRES(pagecache_role)
{
	uint64_t size = atomic_load_explicit(&pc->size, memory_order_relaxed);
	uint64_t end = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
	uint64_t around = want, hi;
	struct window w = { .first = index };

	if (index == pc->ra_next && index) {
		w.ra_size = MIN(MAX(pc->ra_size * 2, (uint64_t)RA_START), readahead_max);
	} else {
		w.ra_size = index == 0 ? RA_START : 0;
	}
	if (mapped && w.ra_size == 0) {
		w.first = ALIGN_DOWN(index, FAULT_AROUND);
		around = FAULT_AROUND - (index - w.first);
	}
	hi = index + MIN(MAX(around, w.ra_size), (uint64_t)FILL_MAX);
	hi = MAX(MIN(hi, end), index + 1);
	w.n = (unsigned)(hi - w.first);
	trim_window_locked(pc, index, &w);
	return w;
}

static void set_trigger_locked(struct page_cache *pc, uint64_t index) REQUIRES(pagecache_role)
{
	atomic_store_explicit(&pc->ra_trigger, index, memory_order_relaxed);
}

/* Puts the new pages into the tree, all locked.  Fewer than n when nodes can't be had. */
static unsigned insert_run_locked(struct page_cache *pc, uint64_t first, struct page **pages,
				  unsigned n) REQUIRES(pagecache_role)
{
	for (unsigned i = 0; i < n; i++) {
		if (pagecache_insert_locked(pc, first + i, pages[i], PAGE_LOCKED)) {
			return i;
		}
	}
	return n;
}

static void put_pages(struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		page_put(pages[i]);
	}
}

/* The fill is over: pages that it could not read leave the tree; all are unlocked.  The one
 * at `index`, when it is good, gets a reference for the caller. */
static struct page *finish_fill(struct page_cache *pc, struct page **pages, unsigned n,
				uint64_t index)
{
	struct page *result = NULL;
	unsigned bad = 0;

	spin_lock(&pc->lock);
	for (unsigned i = 0; i < n; i++) {
		struct page *p = pages[i];

		if (!(page_flags(p) & PAGE_UPTODATE)) {
			pagecache_remove_locked(pc, p);
			pages[bad++] = p;
			continue;
		}
		if (p->index == index) {
			page_get(p);
			result = p;
		}
		page_clear_flags(p, PAGE_LOCKED);
	}
	waitq_wake_all(&pc->unlock_waiters);
	spin_unlock(&pc->lock);
	put_pages(pages, bad);
	return result;
}

#define LOOK_AGAIN 1 /* no error: those are the owner's, which may be any */

/* Fills w, which holds index, by way of pages[w.n].  LOOK_AGAIN: somebody else was faster.  The plan was
 * made before the pages were allocated, without the lock meanwhile: what others put into the tree
 * since is left out. */
static int fill_window(struct page_cache *pc, uint64_t index, struct window w, struct page **pages,
		       struct page **out)
{
	unsigned have = page_alloc_many(pages, w.n), n;
	int err;

	if (!have) {
		return -ENOMEM;
	}
	spin_lock(&pc->lock);
	if (pagecache_tree_find(pc, index)) {
		spin_unlock(&pc->lock);
		put_pages(pages, have);
		return LOOK_AGAIN;
	}
	trim_window_locked(pc, index, &w);
	if (w.n > have) {
		w.n = have;
		w.first = MAX(w.first, index - MIN(index, (uint64_t)have - 1));
	}
	n = insert_run_locked(pc, w.first, pages, w.n);
	pc->ra_next = w.first + n;
	pc->ra_size = w.ra_size ? MIN(MAX(w.ra_size, (uint64_t)n), readahead_max) : 0;
	/* The start of a file may be all that is wanted: half of the first window first. */
	set_trigger_locked(pc, !pc->ra_size ? UINT64_MAX : index ? w.first : n / 2);
	spin_unlock(&pc->lock);
	put_pages(pages + n, have - n);
	if (n == 0) {
		return -ENOMEM;
	}
	err = pc->ops->fill(pc, w.first, pages, n);
	*out = finish_fill(pc, pages, n, index);
	if (*out) {
		return 0;
	}
	if (index >= w.first + n) {
		return -ENOMEM; /* no tree node for the page that matters */
	}
	return err ? err : -EIO;
}

/* A zero page for memory-only caches. */
static int make_zero_page(struct page_cache *pc, uint64_t index, struct page **out)
{
	struct page *p = page_alloc_user(0, PAGE_ALLOC_ZERO), *old;
	int err = 0;

	if (!p) {
		return -ENOMEM;
	}
	spin_lock(&pc->lock);
	old = find_ready_locked(pc, index);
	if (!old) {
		err = pagecache_insert_locked(pc, index, p, PAGE_UPTODATE);
		if (!err) {
			page_get(p);
			old = p;
			p = NULL;
		}
	}
	spin_unlock(&pc->lock);
	page_put(p);
	*out = old;
	return err;
}

/* fill_window() with room for the pointers: on the stack, or allocated when they are many. */
static int fill_planned(struct page_cache *pc, uint64_t index, struct window w, struct page **out)
{
	struct page *few[ON_STACK], **pages = few;
	int err;

	if (w.n > ON_STACK) {
		pages = kmalloc(w.n * sizeof(*pages));
		if (!pages) {
			pages = few;
			w.first = MAX(w.first, index - MIN(index, ON_STACK - 1ul));
			w.n = ON_STACK;
		}
	}
	err = fill_window(pc, index, w, pages, out);
	if (pages != few) {
		kfree(pages);
	}
	return err;
}

int pagecache_fetch(struct page_cache *pc, uint64_t index, uint64_t want, bool mapped,
		    struct page **out)
{
	for (;;) {
		bool memory = pagecache_is_memory(pc), locked;
		struct window w = { 0 };
		int err = 0;

		spin_lock(&pc->lock);
		*out = find_ready_locked(pc, index);
		locked = !*out && pagecache_tree_find(pc, index);
		if (locked) {
			err = waitq_wait(&pc->unlock_waiters, &pc->lock, WAIT_KILLABLE,
					 DEADLINE_NONE);
		} else if (!*out && !memory) {
			w = plan_window_locked(pc, index, want, mapped);
		}
		spin_unlock(&pc->lock);
		if (*out) {
			return 0;
		}
		if (err) {
			return -EINTR;
		}
		if (locked) {
			continue;
		}
		if (memory) {
			return make_zero_page(pc, index, out);
		}
		err = fill_planned(pc, index, w, out);
		if (err != LOOK_AGAIN) {
			return err;
		}
	}
}

void pagecache_fill_done(struct page_cache *pc, struct page **pages, unsigned n)
{
	struct page *none = finish_fill(pc, pages, n, UINT64_MAX);

	ASSERT(!none);
}

/* Puts the window that follows ra_next into the tree, locked.  Its length, 0 = nothing to do. */
static unsigned insert_ahead(struct page_cache *pc, uint64_t first, struct page **pages,
			     unsigned have)
{
	unsigned n = 0;

	spin_lock(&pc->lock);
	if (pc->ra_next == first) {
		while (n < have && !pagecache_tree_find(pc, first + n)) {
			n++;
		}
		n = insert_run_locked(pc, first, pages, n);
		pc->ra_next = first + n;
		set_trigger_locked(pc, n ? first : UINT64_MAX);
	}
	spin_unlock(&pc->lock);
	return n;
}

void pagecache_read_ahead(struct page_cache *pc, uint64_t index, unsigned n)
{
	uint64_t size = atomic_load_explicit(&pc->size, memory_order_relaxed), first, end, want;
	uint64_t trigger = atomic_load_explicit(&pc->ra_trigger, memory_order_relaxed);
	struct page **pages;
	unsigned have;

	/* A look without the lock: of several readers that pass the mark the first takes it
	 * away under the lock, the others find none and want nothing. */
	if (trigger - index >= n || !pc->ops->fill_async) {
		return;
	}
	end = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
	spin_lock(&pc->lock);
	first = pc->ra_next;
	want = MIN(MAX(pc->ra_size * 2, (uint64_t)RA_START), readahead_max);
	trigger = atomic_load_explicit(&pc->ra_trigger, memory_order_relaxed);
	want = trigger == UINT64_MAX || first >= end ? 0 : MIN(want, end - first);
	pc->ra_size = MAX(pc->ra_size, want);
	set_trigger_locked(pc, UINT64_MAX);
	spin_unlock(&pc->lock);
	pages = want ? kmalloc(want * sizeof(*pages)) : NULL;
	if (!pages) {
		return;
	}
	for (have = 0; have < want; have++) {
		pages[have] = page_alloc(0, PAGE_ALLOC_USER);
		if (!pages[have]) {
			break;
		}
	}
	n = insert_ahead(pc, first, pages, have);
	put_pages(pages + n, have - n);
	if (n && pc->ops->fill_async(pc, first, pages, n)) {
		pagecache_fill_done(pc, pages, n);
	}
	kfree(pages);
}

int pagecache_get_page(struct page_cache *pc, uint64_t index, struct page **out)
{
	*out = pagecache_find(pc, index);
	return *out ? 0 : pagecache_fetch(pc, index, 1, true, out);
}
