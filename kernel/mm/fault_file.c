/* SPDX-License-Identifier: MIT */
/*
 * Faults on mappings of page caches (files, tmpfs, shared anonymous memory) and the vDSO.
 *
 * mm->lock is held for reading.  Against truncation, which sets the size, takes pages out of
 * the tree and then unmaps them: we look at the size, get the page, and map it under pt_lock
 * only if it is still the cache's (page_is_current()).  If it left the tree before that, we
 * see it; if after, the unmapping finds our entry.
 *
 * An entry of a shared mapping gets W when it is written, not before, if the owner wants to
 * know (mkwrite) or must save it; the page is marked dirty after W is there.  write_run() does
 * the reverse, flag then W, so that a page with W is never clean for long: its data is sent
 * after both.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <sched/thread.h>

/* Pages around a fault that are mapped when the cache has them: 64 KiB, aligned. */
#define AROUND_PAGES 16

/* Is p still the page at index of pc?  Pairs with pagecache_remove_locked(), which clears
 * PAGE_CACHE before its caller unmaps: see mm.h. */
static bool page_is_current(struct page_cache *pc, struct page *p, uint64_t index)
	REQUIRES(pagetable_role)
{
	return (atomic_load_explicit(&p->flags, memory_order_acquire) & PAGE_CACHE) &&
	       p->owner == pc && p->index == index;
}

/* Maps p, whose reference goes to the entry; false = not done, reference kept. */
static bool map_locked(struct vma *v, uint64_t *pte, struct page *p, uint64_t index, uint64_t bits)
	REQUIRES(pagetable_role)
{
	DEBUG_ASSERT(spin_held(&v->mm->pt_lock) && v->object);
	if (!page_is_current(v->object, p, index)) {
		return false;
	}
	pte_note_code(page_to_phys(p) | bits);
	if (!pte_install(pte, page_to_phys(p) | bits | PTE_FILE)) {
		return false;
	}
	atomic_fetch_add_explicit(&p->maps, 1, memory_order_relaxed);
	return true;
}

static uint64_t object_pages(struct page_cache *pc)
{
	uint64_t size = atomic_load_explicit(&pc->size, memory_order_acquire);

	return (size >> PAGE_SHIFT) + ((size & (PAGE_SIZE - 1)) != 0);
}

/* Maps what the cache has around addr, which was just mapped itself. */
static void map_around(struct mm *mm, struct vma *v, uint64_t *pmd, uint64_t addr)
{
	uint64_t from = MAX(ALIGN_DOWN(addr, AROUND_PAGES * PAGE_SIZE), v->start);
	uint64_t to = MIN(ALIGN_DOWN(addr, AROUND_PAGES * PAGE_SIZE) + AROUND_PAGES * PAGE_SIZE,
			  v->end);
	uint64_t limit = object_pages(v->object), bits = pt_bits(v->flags);
	struct page *pages[AROUND_PAGES];
	uint64_t *pte = pt_pte(pmd, from);
	unsigned n = (unsigned)((to - from) >> PAGE_SHIFT), found = 0;
	int64_t mapped = 0;

	if (!pte) {
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t index = vma_index(v, from) + i;

		pages[i] = NULL;
		if (index < limit && !pte_read(&pte[i])) {
			pages[i] = pagecache_find(v->object, index);
			found += pages[i] != NULL;
		}
	}
	if (!found) {
		return;
	}
	spin_lock(&mm->pt_lock);
	for (unsigned i = 0; i < n; i++) {
		if (pages[i] && map_locked(v, &pte[i], pages[i], vma_index(v, from) + i, bits)) {
			pages[i] = NULL;
			mapped++;
		}
	}
	spin_unlock(&mm->pt_lock);
	if (mapped) {
		rss_add(mm, v, true, mapped);
	}
	for (unsigned i = 0; i < n; i++) {
		page_put(pages[i]);
	}
}

static enum fault_result get_object_page(struct mm *mm, struct vma *v, uint64_t index,
					 struct page **out)
{
	int err;

	if (index >= object_pages(v->object)) {
		return FAULT_BUS_ADRERR;
	}
	*out = pagecache_find(v->object, index);
	if (*out) {
		return FAULT_OK;
	}
	err = pagecache_get_page(v->object, index, out);
	if (!err) {
		return FAULT_OK;
	}
	if (err == -ENOMEM) {
		return fault_no_memory(mm);
	}
	return thread_current()->killed ? FAULT_RETRY : FAULT_BUS_ADRERR;
}

/* The first write to a page of a private mapping that is not mapped yet. */
static enum fault_result map_private_copy(struct mm *mm, struct vma *v, uint64_t *pte,
					  struct page *from)
{
	struct page *p = page_alloc_user(0, 0);
	uint64_t bits = pt_bits(v->flags) | (v->flags & VMA_WRITE ? PTE_W | PTE_D : 0);

	if (!p) {
		return fault_no_memory(mm);
	}
	page_copy(p, from);
	pte_note_code(page_to_phys(p) | bits);
	if (pte_install(pte, page_to_phys(p) | bits)) {
		rss_add(mm, v, false, 1);
	} else {
		page_put(p);
	}
	return FAULT_OK;
}

static enum fault_result map_special(struct vma *v, uint64_t *pte, uint64_t addr)
{
	pte_install(pte,
		    page_to_phys(v->special[vma_index(v, addr)]) | pt_bits(v->flags) | PTE_SPECIAL);
	return FAULT_OK;
}

static bool object_tracks_writes(const struct page_cache *pc)
{
	return pagecache_writes_back(pc) || (pc->ops && pc->ops->mkwrite);
}

static bool mkwrite_allowed(struct page_cache *pc, struct page *p)
{
	return !pc->ops || !pc->ops->mkwrite || pc->ops->mkwrite(pc, p) == 0;
}

/* The first write through an entry of a shared mapping that is read-only. */
static enum fault_result make_writable(struct mm *mm, struct vma *v, uint64_t *pte, uint64_t addr)
{
	struct page *p;
	uint64_t e;

	spin_lock(&mm->pt_lock);
	e = pte_read(pte);
	if (!(e & PTE_FILE) || (e & PTE_W)) {
		spin_unlock(&mm->pt_lock);
		tlb_flush_page(addr);
		return FAULT_OK;
	}
	p = pte_page(e);
	page_get(p);
	spin_unlock(&mm->pt_lock);
	if (!mkwrite_allowed(v->object, p)) {
		page_put(p);
		return FAULT_BUS_ADRERR;
	}
	spin_lock(&mm->pt_lock);
	e = pte_read(pte);
	if ((e & PTE_FILE) && pte_page(e) == p) {
		__atomic_fetch_or(pte, PTE_W | PTE_D | PTE_A, __ATOMIC_RELAXED);
	}
	spin_unlock(&mm->pt_lock);
	tlb_flush_page(addr);
	if (pagecache_writes_back(v->object)) {
		pagecache_mark_dirty(v->object, p);
	}
	page_put(p);
	return FAULT_OK;
}

/* Maps the cache's page itself; *again when it left the cache meanwhile. */
static enum fault_result map_page(struct mm *mm, struct vma *v, uint64_t *pte, struct page *p,
				  uint64_t index, bool write, bool *again)
{
	uint64_t bits = pt_bits(v->flags);
	bool dirty = false, mapped;

	if ((v->flags & VMA_SHARED) && (v->flags & VMA_WRITE)) {
		if (write && !mkwrite_allowed(v->object, p)) {
			return FAULT_BUS_ADRERR;
		}
		/* a first write must be seen when the owner wants to know or must save it */
		if (write || !object_tracks_writes(v->object)) {
			bits |= PTE_W | PTE_D;
		}
		dirty = write && pagecache_writes_back(v->object);
	}
	page_get(p);
	spin_lock(&mm->pt_lock);
	mapped = map_locked(v, pte, p, index, bits);
	if (!mapped) {
		*again = !pte_read(pte);
	}
	spin_unlock(&mm->pt_lock);
	if (mapped) {
		rss_add(mm, v, true, 1);
		if (dirty) {
			pagecache_mark_dirty(v->object, p);
		}
	} else {
		page_put(p);
	}
	return FAULT_OK;
}

enum fault_result fault_file(struct mm *mm, struct vma *v, uint64_t *pmd, uint64_t addr,
			     enum fault_access access)
{
	uint64_t *pte = pt_pte(pmd, addr), index = vma_index(v, addr);
	bool write = access & ACCESS_WRITE, again;
	enum fault_result r;

	if (v->special) {
		return map_special(v, pte, addr);
	}
	do {
		struct page *p;

		again = false;
		if (pte_read(pte)) {
			if (write && (v->flags & VMA_SHARED)) {
				return make_writable(mm, v, pte, addr);
			}
			return FAULT_OK;
		}
		r = get_object_page(mm, v, index, &p);
		if (r != FAULT_OK) {
			return r;
		}
		if (write && !(v->flags & VMA_SHARED)) {
			r = map_private_copy(mm, v, pte, p);
		} else {
			r = map_page(mm, v, pte, p, index, write, &again);
		}
		page_put(p);
	} while (r == FAULT_OK && again && !thread_current()->killed);
	if (r == FAULT_OK && !write) {
		map_around(mm, v, pmd, addr);
	}
	return r;
}
