/* SPDX-License-Identifier: MIT */
/*
 * The page cache: dirty pages and their way back to the file.
 *
 * A page becomes dirty on the write fault of a shared mapping; writing it back makes its
 * mappings read-only first, so that the next write faults again.  Caches with dirty pages
 * are on one list, which a thread empties every five seconds.
 *
 * PAGE_DIRTY is set without a lock, by compare-exchange and only together with PAGE_CACHE;
 * pc->ndirty counts the flags.  A cache on the list is alive: pagecache_destroy() takes it off,
 * and who takes it off to write holds its owner by ops->hold, under dirty_lock.
 *
 * A page that is on its way is no longer dirty.  So who promises that data has arrived (fsync,
 * msync, sync) also waits for what others are writing; who only wants memory does not, for it
 * may be called from a write.
 */
#include "pagecache_internal.h"
#include <arch/clock.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/kthread.h>
#include <mm/mm.h>
#include <sched/sched.h>

#define RUN_MAX 256   /* pages per write: 1 MiB */
#define SCAN_MAX 1024 /* pages looked at before the lock is let go */
#define WRITE_BACK_AGE_NS (5 * NSEC_PER_SEC)

static SPINLOCK(dirty_caches) dirty_lock = SPINLOCK_INIT(RANK_FS_LEAF, "dirty caches");
static struct list dirty_caches GUARDED_BY(dirty_caches_role) = LIST_INIT(dirty_caches);
static struct waitq flusher_q;
static unsigned flushing
	GUARDED_BY(dirty_caches_role); /* caches that pagecache_write_back() has in hand */
static struct waitq flushed_q;	       /* with dirty_lock */
static _Atomic bool flusher_started;
static _Atomic uint64_t dirty_pages; /* of all caches */
static uint64_t dirty_max; /* [I] more must be written back first: reclaim can't free them */

void pagecache_writeback_init(void)
{
	waitq_init(&flusher_q);
	waitq_init(&flushed_q);
	dirty_max = MAX(mem_total_pages() / 4, (uint64_t)64);
}

void pagecache_throttle_dirty(void)
{
	if (atomic_load_explicit(&dirty_pages, memory_order_relaxed) > dirty_max) {
		pagecache_write_back();
	}
}

void pagecache_count_dirty(struct page_cache *pc, int64_t n)
{
	/* Pairs with the acquire in write_range(): who sees no dirty page sees who writes it. */
	atomic_fetch_add_explicit(&pc->ndirty, (uint64_t)n, memory_order_release);
	atomic_fetch_add_explicit(&dirty_pages, (uint64_t)n, memory_order_relaxed);
}

/* The compare-exchange pairs with the clearing in pagecache_remove_locked(): a page that left
 * the cache is not marked, so ndirty is right. */
void pagecache_mark_dirty(struct page_cache *pc, struct page *p)
{
	uint32_t f = page_flags(p);
	bool wake = false;

	if (!pagecache_writes_back(pc)) {
		return;
	}
	do {
		if (f & PAGE_DIRTY || !(f & PAGE_CACHE)) {
			return; /* already, or no longer the file's */
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&p->flags, &f, f | PAGE_DIRTY, memory_order_acq_rel, memory_order_acquire));
	pagecache_count_dirty(pc, 1);
	spin_lock(&dirty_lock);
	if (!list_linked(&pc->dirty_link)) {
		wake = list_empty(&dirty_caches);
		list_push_back(&dirty_caches, &pc->dirty_link);
	}
	spin_unlock(&dirty_lock);
	if (wake) {
		waitq_wake_all(&flusher_q);
	}
}

void pagecache_dirty_forget(struct page_cache *pc)
{
	spin_lock(&dirty_lock);
	list_remove(&pc->dirty_link);
	spin_unlock(&dirty_lock);
}

/* Locks the next run of dirty pages at or after *index, with references; *index becomes its
 * start.  0 = none up to last. */
static unsigned lock_run(struct page_cache *pc, uint64_t *index, uint64_t last, struct page **pages)
{
	unsigned n = 0, scanned = 0;

	spin_lock(&pc->lock);
	for (;;) {
		struct page *p = pagecache_tree_next(pc, index, last);

		if (!p) {
			break;
		}
		if (page_flags(p) & PAGE_DIRTY) {
			if (!(page_flags(p) & PAGE_LOCKED)) {
				break;
			}
			pagecache_wait_locked(pc);
			continue;
		}
		if (*index == last) {
			break;
		}
		(*index)++;
		if (++scanned % SCAN_MAX == 0) {
			spin_unlock(&pc->lock);
			sched_yield_point();
			spin_lock(&pc->lock);
		}
	}
	while (n < RUN_MAX && *index + n <= last) {
		struct page *p = pagecache_tree_find(pc, *index + n);

		if (!p || (page_flags(p) & (PAGE_DIRTY | PAGE_LOCKED)) != PAGE_DIRTY) {
			break;
		}
		page_get(p);
		page_set_flags(p, PAGE_LOCKED);
		pages[n++] = p;
	}
	atomic_fetch_add_explicit(&pc->writing, n, memory_order_relaxed);
	spin_unlock(&pc->lock);
	return n;
}

static int write_run(struct page_cache *pc, uint64_t index, struct page **pages, unsigned n)
{
	uint64_t pos = index * PAGE_SIZE, size;
	int err = 0;

	for (unsigned i = 0; i < n; i++) {
		/* The flag first: a write through a mapping that is still writable happens
		 * before mm makes it read-only, and so before the data is sent. */
		if (page_clear_flags(pages[i], PAGE_DIRTY) & PAGE_DIRTY) {
			pagecache_count_dirty(pc, -1);
		}
		mm_clean_object_page(pc, pages[i]);
	}
	size = atomic_load_explicit(&pc->size, memory_order_acquire);
	if (pos < size) {
		err = pc->ops->write(pc, pos, pages, n, MIN(size - pos, n * PAGE_SIZE));
	}
	if (err) {
		atomic_store_explicit(&pc->write_error, (uint32_t)-err, memory_order_release);
	}
	spin_lock(&pc->lock);
	atomic_fetch_sub_explicit(&pc->writing, n, memory_order_relaxed);
	pagecache_unlock_locked(pc, pages, n);
	spin_unlock(&pc->lock);
	for (unsigned i = 0; i < n; i++) {
		page_put(pages[i]);
	}
	return err;
}

static int write_range(struct page_cache *pc, uint64_t first, uint64_t last)
{
	struct page *one[1], **pages = one;
	struct page *big;
	uint64_t index = first;
	int err = 0;

	if (atomic_load_explicit(&pc->ndirty, memory_order_acquire) == 0) {
		return 0;
	}
	/* RUN_MAX pointers fill half a page; memory may be what this is about to free. */
	big = page_alloc(0, PAGE_ALLOC_ATOMIC);
	if (big) {
		pages = page_to_virt(big);
	}
	while (index <= last) {
		unsigned n = lock_run(pc, &index, big ? last : MIN(last, index), pages);
		int e;

		if (n == 0) {
			if (big || index >= last) {
				break;
			}
			index++;
			continue;
		}
		e = write_run(pc, index, pages, n);
		err = err ? err : e;
		if (index > UINT64_MAX - n) {
			break;
		}
		index += n;
	}
	page_put(big);
	return err;
}

int pagecache_sync(struct page_cache *pc, uint64_t first, uint64_t last)
{
	int err;

	if (!pagecache_writes_back(pc)) {
		return 0;
	}
	err = write_range(pc, first, last);
	/* Pages count as `writing` before they cease to be dirty, see pagecache_count_dirty(). */
	if (atomic_load_explicit(&pc->writing, memory_order_relaxed)) {
		spin_lock(&pc->lock);
		while (atomic_load_explicit(&pc->writing, memory_order_relaxed)) {
			pagecache_wait_locked(pc);
		}
		spin_unlock(&pc->lock);
	}
	return err;
}

/* Takes the oldest dirty cache off the list, with its owner held; counted in `flushing`. */
static struct page_cache *next_dirty(void)
{
	struct page_cache *pc = NULL;

	spin_lock(&dirty_lock);
	while (!pc && !list_empty(&dirty_caches)) {
		pc = list_first_entry(&dirty_caches, struct page_cache, dirty_link);
		list_remove(&pc->dirty_link);
		if (pc->ops->hold && !pc->ops->hold(pc)) {
			pc = NULL; /* on its way out: its owner writes it */
		}
	}
	flushing += pc != NULL;
	spin_unlock(&dirty_lock);
	return pc;
}

void pagecache_write_back(void)
{
	struct page_cache *pc;

	while ((pc = next_dirty())) {
		int err = write_range(pc, 0, UINT64_MAX);

		(void)err; /* kept in write_error */
		if (pc->ops->unhold) {
			pc->ops->unhold(pc);
		}
		spin_lock(&dirty_lock);
		flushing--;
		waitq_wake_all(&flushed_q);
		spin_unlock(&dirty_lock);
	}
}

void pagecache_sync_all(void)
{
	pagecache_write_back();
	spin_lock(&dirty_lock);
	while (flushing) {
		int err = waitq_wait(&flushed_q, &dirty_lock, WAIT_UNINTR, DEADLINE_NONE);

		(void)err; /* looks again in any case */
	}
	spin_unlock(&dirty_lock);
}

static void flusher(void *arg)
{
	(void)arg;
	for (;;) {
		int err;

		spin_lock(&dirty_lock);
		while (list_empty(&dirty_caches)) {
			err = waitq_wait(&flusher_q, &dirty_lock, WAIT_UNINTR, DEADLINE_NONE);
			(void)err;
		}
		spin_unlock(&dirty_lock);
		err = sched_sleep_until(clock_mono_ns() + WRITE_BACK_AGE_NS, WAIT_UNINTR);
		(void)err;
		pagecache_write_back();
	}
}

void pagecache_start_writeback(void)
{
	bool no = false;

	if (atomic_compare_exchange_strong(&flusher_started, &no, true) &&
	    !kthread_start("writeback", flusher, NULL)) {
		atomic_store(&flusher_started, false); /* the next mapping tries again */
	}
}
