/* SPDX-License-Identifier: MIT */
/*
 * From a page cache to the entries that map its pages.  A TLB shootdown under the lock of the
 * list of vmas is fine, since whoever waits for the list does so with interrupts on.
 *
 * Programs choose how long the list is, so a walk lets go of it now and then.  It keeps its place by a
 * vma of its own in the list, without an mm.  What joins the list comes to its end; a vma that takes over
 * entries of another one goes there, too (vma_merge()): so each entry that was there when the walk
 * began is met.
 *
 * mm->lock is not held, and may be held by whoever waits for us.  While a vma is in the list
 * its range stands still, its mm lives, and the tables over its range stay: they go only where
 * no vma is left, after vma_detach() or vma_set_range(), which take vmas_lock.
 */
#include "mm_internal.h"

#include <linux/errno.h>
#include <lib/assert.h>
#include <sched/sched.h>

#define WALK_CHUNK 128 /* vmas that are looked at before others may have the list */

/* The part of v that maps [first, last]; false = none. */
static bool overlap(const struct vma *v, uint64_t first, uint64_t last, uint64_t *start,
		    uint64_t *end) REQUIRES(object_vmas_role)
{
	uint64_t v_last = v->pgoff + vma_pages(v) - 1;

	if (!v->mm || v_last < first || v->pgoff > last) {
		return false;
	}
	*start = v->start + ((MAX(first, v->pgoff) - v->pgoff) << PAGE_SHIFT);
	*end = v->start + ((MIN(last, v_last) - v->pgoff + 1) << PAGE_SHIFT);
	return true;
}

struct walk {
	struct page_cache *pc;
	struct list *next;
	struct vma place;
	unsigned n;
};

static void walk_begin(struct walk *w, struct page_cache *pc) REQUIRES(object_vmas_role)
{
	w->pc = pc;
	w->next = pc->vmas.next;
	w->n = 0;
	w->place = (struct vma){ .mm = NULL };
	list_init(&w->place.object_link);
}

/* NULL: that was the last. */
static struct vma *walk_next(struct walk *w) REQUIRES(object_vmas_role)
{
	struct list *link = w->next;

	if (link != &w->pc->vmas && ++w->n % WALK_CHUNK == 0) {
		list_insert_before(link, &w->place.object_link);
		spin_unlock(&w->pc->vmas_lock);
		sched_yield_point();
		spin_lock(&w->pc->vmas_lock);
		link = w->place.object_link.next;
		list_remove(&w->place.object_link);
	}
	if (link == &w->pc->vmas) {
		return NULL;
	}
	w->next = link->next;
	return list_entry(link, struct vma, object_link);
}

static void unmap_object(struct page_cache *pc, uint64_t first, uint64_t last, bool copies)
{
	struct walk w;
	struct vma *v;
	uint64_t start, end;

	spin_lock(&pc->vmas_lock);
	walk_begin(&w, pc);
	while ((v = walk_next(&w))) {
		struct gather g;

		if (!overlap(v, first, last, &start, &end)) {
			continue;
		}
		gather_init(&g, v->mm);
		if (copies) {
			bool whole = pt_zap(&g, v, start, end);

			ASSERT(whole); /* no 2 MiB pages here */
		} else {
			pt_zap_file(&g, v, start, end);
		}
		gather_flush(&g);
	}
	spin_unlock(&pc->vmas_lock);
}

void mm_unmap_object(struct page_cache *pc, uint64_t first, uint64_t last)
{
	unmap_object(pc, first, last, false);
}

void mm_unmap_object_end(struct page_cache *pc, uint64_t first)
{
	unmap_object(pc, first, UINT64_MAX, true);
}

void mm_clean_object_page(struct page_cache *pc, struct page *p)
{
	struct walk w;
	struct vma *v;
	uint64_t start, end;

	spin_lock(&pc->vmas_lock);
	walk_begin(&w, pc);
	while ((v = walk_next(&w))) {
		uint64_t *pte, e = 0;

		if (!(v->flags & VMA_SHARED) || !overlap(v, p->index, p->index, &start, &end)) {
			continue;
		}
		spin_lock(&v->mm->pt_lock);
		pte = pt_pte(pt_pmd(v->mm, start), start);
		if (pte && (pte_read(pte) & PTE_FILE) && pte_page(pte_read(pte)) == p) {
			e = __atomic_fetch_and(pte, ~(PTE_W | PTE_D), __ATOMIC_ACQ_REL);
		}
		spin_unlock(&v->mm->pt_lock);
		if (e & (PTE_W | PTE_D)) {
			tlb_flush_range(v->mm, start, end);
		}
	}
	spin_unlock(&pc->vmas_lock);
}

/* --- shared mappings that may be written --- */

#define MAP_WRITE_FORBIDDEN 0x80000000u

bool pagecache_map_write_begin(struct page_cache *pc)
{
	uint32_t n = atomic_load_explicit(&pc->map_writers, memory_order_relaxed);

	do {
		if (n & MAP_WRITE_FORBIDDEN) {
			return false;
		}
	} while (!atomic_compare_exchange_weak(&pc->map_writers, &n, n + 1));
	return true;
}

void pagecache_map_write_end(struct page_cache *pc)
{
	atomic_fetch_sub(&pc->map_writers, 1);
}

bool pagecache_map_write_forbidden(struct page_cache *pc)
{
	return atomic_load(&pc->map_writers) & MAP_WRITE_FORBIDDEN;
}

static bool is_write_mapped(struct page_cache *pc)
{
	const uint32_t want = VMA_SHARED | VMA_MAYWRITE;
	struct vma *v;
	bool found = false;

	spin_lock(&pc->vmas_lock);
	list_for_each_entry(v, &pc->vmas, object_link) {
		if ((v->flags & want) == want) {
			found = true;
			break;
		}
	}
	spin_unlock(&pc->vmas_lock);
	return found;
}

/* A mapping is counted while it is made, and then in the list until it is gone: whoever began
 * before the flag was set is seen in one or the other. */
int pagecache_forbid_map_write(struct page_cache *pc, bool all)
{
	uint32_t old = atomic_fetch_or(&pc->map_writers, MAP_WRITE_FORBIDDEN);

	if (!all || (!(old & ~MAP_WRITE_FORBIDDEN) && !is_write_mapped(pc))) {
		return 0;
	}
	if (!(old & MAP_WRITE_FORBIDDEN)) {
		atomic_fetch_and(&pc->map_writers, ~MAP_WRITE_FORBIDDEN);
	}
	return -EBUSY;
}
