/* SPDX-License-Identifier: MIT */
/*
 * The page cache: copies in and out, truncation, invalidation.
 *
 * Bytes are copied without any lock, with a reference to the page: reads and writes of one
 * place at once may mix (as on Linux), and user copies may fault on a mapping of the very same
 * page.  A new page is filled before it is in the tree, so that nobody sees what was there.
 */
#include "pagecache_internal.h"
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <sched/sched.h>

#define BATCH 16
#define YIELD_PAGES 256 /* pages copied between looks at whether others want the CPU */

static uint64_t cache_size(const struct page_cache *pc)
{
	return atomic_load_explicit(&pc->size, memory_order_acquire);
}

/* Up to max pages from index on that are there and ready, with references. */
static unsigned find_batch(struct page_cache *pc, uint64_t index, struct page **pages, unsigned max)
{
	unsigned n = 0;

	spin_lock(&pc->lock);
	for (; n < max; n++) {
		struct page *p = pagecache_tree_find(pc, index + n);

		if (!p || !(page_flags(p) & PAGE_UPTODATE)) {
			break;
		}
		page_get(p);
		if (!(page_flags(p) & PAGE_REFERENCED)) {
			page_set_flags(p, PAGE_REFERENCED);
		}
		pages[n] = p;
	}
	spin_unlock(&pc->lock);
	return n;
}

long pagecache_read(struct page_cache *pc, struct uio *u, uint64_t pos)
{
	uint64_t done = 0, since_yield = 0;

	while (u->left) {
		struct page *pages[BATCH];
		uint64_t size = cache_size(pc), index = pos / PAGE_SIZE, npages;
		unsigned offset = pos % PAGE_SIZE, n;
		size_t want, moved;

		if (pos >= size) {
			break;
		}
		want = MIN(u->left, size - pos);
		npages = (offset + want + PAGE_SIZE - 1) / PAGE_SIZE;
		n = find_batch(pc, index, pages, (unsigned)MIN(npages, (uint64_t)BATCH));
		if (n == 0 && pagecache_is_memory(pc)) {
			/* a hole: reading costs no memory */
			want = MIN(want, PAGE_SIZE - offset);
			moved = uio_zero(u, want);
			done += moved;
			pos += moved;
			if (moved < want) {
				return done ? (long)done : -EFAULT;
			}
			if (++since_yield >= YIELD_PAGES) {
				since_yield = 0;
				if (sched_yield_killed()) {
					break;
				}
			}
			continue;
		}
		if (n == 0) {
			int err = pagecache_fetch(pc, index, npages, false, &pages[0]);

			if (err) {
				return done ? (long)done : err;
			}
			n = 1;
		}
		if (!pagecache_is_memory(pc)) {
			pagecache_read_ahead(pc, index, n);
		}
		want = MIN(want, n * PAGE_SIZE - offset);
		moved = 0;
		for (unsigned i = 0; i < n; i++) {
			unsigned skip = i ? 0 : offset;
			size_t part = MIN(want - moved, PAGE_SIZE - skip);

			if (moved + (i ? offset : 0) == i * PAGE_SIZE) {
				moved += uio_write_to(u, (char *)page_to_virt(pages[i]) + skip,
						      part);
			}
			page_put(pages[i]);
		}
		done += moved;
		pos += moved;
		if (moved < want) {
			return done ? (long)done : -EFAULT;
		}
		since_yield += n;
		if (since_yield >= YIELD_PAGES) {
			since_yield = 0;
			if (sched_yield_killed()) {
				break;
			}
		}
	}
	return (long)done;
}

/* A whole page's worth for a place where no page is: filled before others can see it. */
static long write_new_page(struct page_cache *pc, struct uio *u, uint64_t index)
{
	struct page *p = page_alloc_user(0, 0);
	size_t moved;
	int err = 0;

	if (!p) {
		return -ENOMEM;
	}
	moved = uio_read_from(u, page_to_virt(p), PAGE_SIZE);
	if (moved < PAGE_SIZE) {
		memset((char *)page_to_virt(p) + moved, 0, PAGE_SIZE - moved);
	}
	if (moved == 0) {
		page_put(p);
		return -EFAULT;
	}
	spin_lock(&pc->lock);
	if (pagecache_tree_find(pc, index)) {
		err = -EEXIST; /* a fault made one meanwhile */
	} else {
		err = pagecache_insert_locked(pc, index, p, PAGE_UPTODATE);
	}
	spin_unlock(&pc->lock);
	if (err) {
		uio_rewind(u, moved);
		page_put(p);
		return err;
	}
	return (long)moved;
}

static long write_page(struct page_cache *pc, struct uio *u, uint64_t pos)
{
	uint64_t index = pos / PAGE_SIZE;
	size_t offset = pos % PAGE_SIZE, n = MIN(u->left, PAGE_SIZE - offset), moved;
	struct page *p = pagecache_find(pc, index);

	if (!p && n == PAGE_SIZE) {
		long done = write_new_page(pc, u, index);

		if (done != -EEXIST) {
			return done;
		}
	}
	if (!p) {
		int err = pagecache_fetch(pc, index, 1, false, &p);

		if (err) {
			return err;
		}
	}
	moved = uio_read_from(u, (char *)page_to_virt(p) + offset, n);
	page_put(p);
	return moved ? (long)moved : -EFAULT;
}

long pagecache_write(struct page_cache *pc, struct uio *u, uint64_t pos)
{
	uint64_t done = 0;
	unsigned steps = 0;

	ASSERT(pagecache_is_memory(pc));
	while (u->left) {
		size_t want = MIN(u->left, PAGE_SIZE - pos % PAGE_SIZE);
		long moved = write_page(pc, u, pos);

		if (moved < 0) {
			return done ? (long)done : moved;
		}
		done += (uint64_t)moved;
		pos += (uint64_t)moved;
		if (pos > cache_size(pc)) {
			atomic_store_explicit(&pc->size, pos, memory_order_release);
		}
		if ((size_t)moved < want) {
			break;
		}
		if (++steps % YIELD_PAGES == 0) {
			sched_yield_point();
		}
	}
	return (long)done;
}

void pagecache_update(struct page_cache *pc, uint64_t pos, const void *data, size_t n)
{
	const char *src = data;

	while (n) {
		size_t offset = pos % PAGE_SIZE, part = MIN(n, PAGE_SIZE - offset);
		struct page *p = pagecache_find_wait(pc, pos / PAGE_SIZE);

		if (p) {
			memcpy((char *)page_to_virt(p) + offset, src, part);
			/* A write-back in flight may carry the bytes from before and reach
			 * the store last: write the page once more. */
			if (page_flags(p) & PAGE_LOCKED) {
				pagecache_mark_dirty(pc, p);
			}
			page_put(p);
		}
		src += part;
		pos += part;
		n -= part;
	}
}

bool pagecache_adopt(struct page_cache *pc, uint64_t index, struct page *p)
{
	bool taken = false;

	ASSERT(!pagecache_is_memory(pc));
	spin_lock(&pc->lock);
	if (!pagecache_tree_find(pc, index) &&
	    pagecache_insert_locked(pc, index, p, PAGE_UPTODATE) == 0) {
		page_get(p);
		taken = true;
	}
	spin_unlock(&pc->lock);
	return taken;
}

void pagecache_remove_range(struct page_cache *pc, uint64_t first, uint64_t last, bool keep_dirty)
{
	uint64_t index = first;
	bool more = true;

	while (more) {
		struct page *gone[BATCH];
		unsigned n = 0;

		spin_lock(&pc->lock);
		while (n < BATCH) {
			struct page *p = pagecache_tree_next(pc, &index, last);

			if (!p) {
				more = false;
				break;
			}
			if (page_flags(p) & PAGE_LOCKED) {
				if (n) {
					break; /* first let go of those collected */
				}
				pagecache_wait_locked(pc);
				continue;
			}
			if (!keep_dirty || !(page_flags(p) & PAGE_DIRTY)) {
				pagecache_remove_locked(pc, p);
				gone[n++] = p;
			}
			if (index == last) {
				more = false;
				break;
			}
			index++;
		}
		spin_unlock(&pc->lock);
		for (unsigned i = 0; i < n; i++) {
			page_put(gone[i]);
		}
	}
}

bool pagecache_is_mapped(struct page_cache *pc)
{
	bool mapped;

	spin_lock(&pc->vmas_lock);
	mapped = !list_empty(&pc->vmas);
	spin_unlock(&pc->vmas_lock);
	return mapped;
}

static void unmap_range(struct page_cache *pc, uint64_t first, uint64_t last)
{
	if (pagecache_is_mapped(pc)) {
		mm_unmap_object(pc, first, last);
	}
}

/* A look without the lock.  A page that comes meanwhile is filled from the store as the caller
 * left it, so nothing has to be done for it. */
static bool is_empty(struct page_cache *pc)
{
	return atomic_load_explicit(&pc->npages, memory_order_relaxed) == 0;
}

static void zero_part(struct page_cache *pc, uint64_t index, size_t from, size_t to)
{
	struct page *p = from < to ? pagecache_find_wait(pc, index) : NULL;

	if (p) {
		memset((char *)page_to_virt(p) + from, 0, to - from);
		page_put(p);
	}
}

void pagecache_truncate(struct page_cache *pc, uint64_t new_size)
{
	uint64_t old = atomic_exchange_explicit(&pc->size, new_size, memory_order_acq_rel);
	uint64_t end = MIN(old, new_size);

	/* Without cached pages there may still be private copies of them. */
	if (is_empty(pc) && !pagecache_is_mapped(pc)) {
		return;
	}
	if (new_size < old) {
		uint64_t first = new_size / PAGE_SIZE + (new_size % PAGE_SIZE != 0);

		/* Size first, so that no fault finds a page beyond it; mappings last, so that
		 * those who mapped a page before it left the tree are found. */
		pagecache_remove_range(pc, first, UINT64_MAX, false);
		if (pagecache_is_mapped(pc)) {
			mm_unmap_object_end(pc, first);
		}
	}
	/* What a mapping may have written behind the end must not appear in the file. */
	if (end % PAGE_SIZE) {
		zero_part(pc, end / PAGE_SIZE, end % PAGE_SIZE, PAGE_SIZE);
	}
}

void pagecache_invalidate(struct page_cache *pc, uint64_t first, uint64_t last)
{
	int err;

	if (is_empty(pc) || pagecache_is_memory(pc)) {
		return;
	}
	err = pagecache_sync(pc, first, last);
	(void)err; /* kept in write_error for fsync */
	unmap_range(pc, first, last);
	pagecache_remove_range(pc, first, last, true);
	unmap_range(pc, first, last);
}

void pagecache_zero_range(struct page_cache *pc, uint64_t pos, uint64_t n)
{
	uint64_t end = n > UINT64_MAX - pos ? UINT64_MAX : pos + n;
	uint64_t first = pos / PAGE_SIZE + (pos % PAGE_SIZE != 0), last = end / PAGE_SIZE;

	if (pos >= end) {
		return;
	}
	if (pos / PAGE_SIZE == end / PAGE_SIZE) {
		zero_part(pc, pos / PAGE_SIZE, pos % PAGE_SIZE, end % PAGE_SIZE);
		return;
	}
	if (pos % PAGE_SIZE) {
		zero_part(pc, pos / PAGE_SIZE, pos % PAGE_SIZE, PAGE_SIZE);
	}
	zero_part(pc, last, 0, end % PAGE_SIZE);
	if (first < last) {
		pagecache_remove_range(pc, first, last - 1, false);
		unmap_range(pc, first, last - 1);
	}
}
