/* SPDX-License-Identifier: MIT */
/*
 * Walks over the page tables of programs: look up, make, remove, protect, copy.
 *
 * Tables are four levels; only levels 0 and 1 map pages.  A table is installed by
 * compare-exchange into an empty entry and stays while a vma lies over it: it goes with mm->lock
 * held for writing, or with the space.  So walks need no lock but what keeps the vma (mm->lock,
 * or vmas_lock of its object).  Entries that map something change under pt_lock.
 * Ranges are page aligned and below USER_END: the caller checked them, we assert.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>

#define TABLE_BITS (PTE_P | PTE_W | PTE_U)

static void assert_range(uint64_t start, uint64_t end)
{
	ASSERT(start < end && end <= USER_END && IS_ALIGNED(start | end, PAGE_SIZE));
}

/* --- finding and making tables --- */

uint64_t *pt_pmd_skip(struct mm *mm, uint64_t va, uint64_t *next)
{
	uint64_t *t = phys_to_virt(mm->space.root);

	ASSERT(va <= USER_END);
	for (unsigned level = 3; level > 1; level--) {
		uint64_t e = pte_read(&t[pt_index(va, level)]);

		if (!e) {
			uint64_t span = 1ul << (PAGE_SHIFT + 9 * level);

			*next = ALIGN_DOWN(va, span) + span;
			return NULL;
		}
		t = pt_table(e);
	}
	return &t[pt_index(va, 1)];
}

uint64_t *pt_pmd(struct mm *mm, uint64_t va)
{
	uint64_t next;

	return pt_pmd_skip(mm, va, &next);
}

bool pt_table_alloc(struct mm *mm, uint64_t *entry)
{
	struct page *p = page_alloc_user(0, PAGE_ALLOC_ZERO);

	if (!p) {
		return false;
	}
	if (pte_install(entry, page_to_phys(p) | TABLE_BITS)) {
		atomic_fetch_add_explicit(&mm->table_pages, 1, memory_order_relaxed);
		mem_account(MEM_TABLE, 1);
	} else {
		page_put(p); /* another thread was faster */
	}
	return true;
}

uint64_t *pt_pmd_alloc(struct mm *mm, uint64_t va)
{
	uint64_t *t = phys_to_virt(mm->space.root);

	ASSERT(va < USER_END);
	for (unsigned level = 3; level > 1; level--) {
		uint64_t *e = &t[pt_index(va, level)];

		if (!pte_read(e) && !pt_table_alloc(mm, e)) {
			return NULL;
		}
		t = pt_table(pte_read(e));
	}
	return &t[pt_index(va, 1)];
}

uint64_t pt_bits(uint32_t flags)
{
	if (!(flags & (VMA_READ | VMA_WRITE | VMA_EXEC))) {
		return PTE_NONE | PTE_U | PTE_A | PTE_NX;
	}
	return PTE_P | PTE_U | PTE_A | (flags & VMA_EXEC ? 0 : PTE_NX);
}

static uint64_t pmd_end(uint64_t va, uint64_t end)
{
	return MIN((va & HUGE_MASK) + HUGE_SIZE, end);
}

/* --- removing --- */

static void zap_huge(struct gather *g, struct vma *v, uint64_t *pmd, uint64_t va)
	REQUIRES(pagetable_role)
{
	uint64_t old = pte_exchange(pmd, 0);

	rss_add(g->mm, v, false, -ENTRIES);
	gather_range(g, va, va + HUGE_SIZE);
	gather_page(g, phys_to_page(old & PTE_ADDR & HUGE_MASK));
}

/* Removes the entries of [va, end), in one table, until done or the gather is full; returns
 * where it stopped.  Only those with all bits of `need`. */
static uint64_t zap_table(struct gather *g, struct vma *v, uint64_t *pmd, uint64_t va, uint64_t end,
			  uint64_t need) REQUIRES(pagetable_role)
{
	uint64_t *pte = pt_pte(pmd, va), first = 0, last = 0;
	int64_t anon = 0, file = 0;

	for (; va < end && !gather_full(g); va += PAGE_SIZE, pte++) {
		uint64_t e = pte_read(pte);

		if (!e || (e & need) != need) {
			continue;
		}
		e = pte_exchange(pte, 0);
		if (!first) {
			first = va;
		}
		last = va;
		if (e & PTE_SPECIAL) {
			continue;
		}
		if (e & PTE_FILE) {
			atomic_fetch_sub_explicit(&pte_page(e)->maps, 1, memory_order_relaxed);
			file++;
		} else {
			anon++;
		}
		gather_page(g, pte_page(e));
	}
	if (first) {
		gather_range(g, first, last + PAGE_SIZE);
	}
	if (anon) {
		rss_add(g->mm, v, false, -anon);
	}
	if (file) {
		rss_add(g->mm, v, true, -file);
	}
	return va;
}

/* False: met a 2 MiB page of which only a part is in the range. */
static bool zap_range(struct gather *g, struct vma *v, uint64_t start, uint64_t end, uint64_t need)
{
	struct mm *mm = g->mm;
	uint64_t va = start, next;
	bool whole = true;

	assert_range(start, end);
	DEBUG_ASSERT(v->start <= start && end <= v->end);
	while (va < end) {
		uint64_t *pmd;

		next = pmd_end(va, end);
		pmd = pt_pmd_skip(mm, va, &next);
		if (!pmd || !pte_read(pmd)) {
			va = next;
			continue;
		}
		if (gather_full(g)) {
			gather_flush(g);
		}
		spin_lock(&mm->pt_lock);
		if (pte_read(pmd) & PTE_PS) { /* anonymous: it has none of `need` */
			whole = whole && IS_ALIGNED(va, HUGE_SIZE) && next - va == HUGE_SIZE;
			if (whole && !need) {
				zap_huge(g, v, pmd, va);
			}
			va = next;
		} else if (pte_read(pmd)) {
			va = zap_table(g, v, pmd, va, next, need);
		}
		spin_unlock(&mm->pt_lock);
	}
	return whole;
}

bool pt_zap(struct gather *g, struct vma *v, uint64_t start, uint64_t end)
{
	return zap_range(g, v, start, end, 0);
}

void pt_zap_file(struct gather *g, struct vma *v, uint64_t start, uint64_t end)
{
	(void)zap_range(g, v, start, end, PTE_FILE);
}

/* Frees the table below *e, which covers [va, va + span). */
static void free_table(struct gather *g, uint64_t *e, uint64_t va, uint64_t span)
{
	if (gather_full(g)) {
		gather_flush(g);
	}
	gather_page(g, pte_page(pte_exchange(e, 0)));
	gather_range(g, va, va + span);
	g->tables = true;
	atomic_fetch_sub_explicit(&g->mm->table_pages, 1, memory_order_relaxed);
	mem_account(MEM_TABLE, -1);
}

/* The tables of one level whose whole span lies in [floor, ceiling).  The processor caches
 * upper entries: flushing any page of the span, or all, drops those too. */
static void free_level(struct gather *g, uint64_t start, uint64_t end, unsigned level,
		       uint64_t floor, uint64_t ceiling)
{
	uint64_t span = 1ul << (PAGE_SHIFT + 9 * level);
	uint64_t va = ALIGN_DOWN(start, span);

	for (; va < end; va += span) {
		uint64_t *t = phys_to_virt(g->mm->space.root), *e;
		unsigned l = 3;

		if (va < floor || va + span > ceiling) {
			continue;
		}
		for (e = &t[pt_index(va, l)]; l > level && pte_read(e); l--) {
			e = &pt_table(pte_read(e))[pt_index(va, l - 1)];
		}
		if (l > level) {
			/* nothing up to the end of the missing table's span */
			uint64_t skip = 1ul << (PAGE_SHIFT + 9 * l);

			va = ALIGN_DOWN(va, skip) + skip - span;
		} else if (pte_read(e)) {
			ASSERT(!(pte_read(e) & PTE_PS));
			free_table(g, e, va, span);
		}
	}
}

void pt_free_tables(struct gather *g, uint64_t start, uint64_t end, uint64_t floor,
		    uint64_t ceiling)
{
	assert_range(start, end);
	ASSERT(floor <= start && end <= ceiling);
	/* most unmappings leave something in the same 2 MiB */
	if (MAX(floor, start & HUGE_MASK) + HUGE_SIZE > ceiling) {
		return;
	}
	for (unsigned level = 1; level <= 3; level++) {
		free_level(g, start, end, level, floor, ceiling);
	}
}

/* --- protecting --- */

/* The entry with a new protection.  W is given at once where that is known to be right:
 * a page that nobody else refers to. */
static uint64_t pte_with(uint64_t e, uint64_t bits, uint32_t flags) REQUIRES(pagetable_role)
{
	uint64_t keep = e & (PTE_ADDR | PTE_W | PTE_D | PTE_SPECIAL | PTE_FILE | PTE_PS);

	if (!(flags & VMA_WRITE)) {
		return bits | (keep & ~PTE_W);
	}
	if ((flags & VMA_SHARED) || (keep & (PTE_SPECIAL | PTE_FILE))) {
		return bits | keep;
	}
	if (page_refs(pte_page(keep & ~(PTE_PS))) == 1) {
		keep |= PTE_W;
	}
	return bits | keep;
}

/* Did the program lose a right that a TLB may remember? */
static bool pte_reduced(uint64_t old, uint64_t now)
{
	if (!(old & PTE_P)) {
		return false;
	}
	return (old & ~now & (PTE_P | PTE_W)) || (now & ~old & PTE_NX);
}

static bool protect_entry(uint64_t *pte, uint64_t bits, uint32_t flags) REQUIRES(pagetable_role)
{
	uint64_t e = pte_read(pte), now;

	if (!e) {
		return false;
	}
	/* the processor may set D meanwhile: it is lost only where we ignore it (anonymous)
	 * or take W away, and PAGE_DIRTY was set when W was given */
	now = pte_with(e, bits, flags);
	if (now == e) {
		return false;
	}
	pte_note_code(now);
	e = pte_exchange(pte, now);
	return pte_reduced(e, now);
}

void pt_protect(struct mm *mm, uint64_t start, uint64_t end, uint32_t flags)
{
	uint64_t bits = pt_bits(flags), va, next;
	uint64_t first = UINT64_MAX, last = 0;

	assert_range(start, end);
	for (va = start; va < end; va = next) {
		uint64_t *pmd, *pte;

		next = pmd_end(va, end);
		pmd = pt_pmd_skip(mm, va, &next);
		if (!pmd || !pte_read(pmd)) {
			continue;
		}
		spin_lock(&mm->pt_lock);
		if (pte_read(pmd) & PTE_PS) {
			ASSERT(IS_ALIGNED(va, HUGE_SIZE) && next - va == HUGE_SIZE);
			if (protect_entry(pmd, bits, flags)) {
				first = MIN(first, va);
				last = next;
			}
		} else if ((pte = pt_pte(pmd, va))) {
			for (; va < next; va += PAGE_SIZE, pte++) {
				if (protect_entry(pte, bits, flags)) {
					first = MIN(first, va);
					last = va + PAGE_SIZE;
				}
			}
		}
		spin_unlock(&mm->pt_lock);
	}
	if (first < last) {
		tlb_flush_range(mm, first, last);
	}
}

/* --- fork --- */

/* Copies the anonymous entries of one table. */
static int64_t copy_table(uint64_t *from, uint64_t *to, unsigned n, bool *flush)
	REQUIRES(pagetable_role)
{
	int64_t copied = 0;

	for (; n > 0; n--, from++, to++) {
		uint64_t e = pte_read(from);

		if (!e || (e & (PTE_SPECIAL | PTE_FILE))) {
			continue;
		}
		page_get(pte_page(e));
		if (e & PTE_W) {
			e = __atomic_and_fetch(from, ~PTE_W, __ATOMIC_ACQ_REL);
			*flush = true;
		}
		pte_write(to, e);
		copied++;
	}
	return copied;
}

static void copy_huge(uint64_t *from, uint64_t *to, bool *flush) REQUIRES(pagetable_role)
{
	page_get(phys_to_page(pte_read(from) & PTE_ADDR & HUGE_MASK));
	if (pte_read(from) & PTE_W) {
		*flush = true;
	}
	pte_write(to, __atomic_and_fetch(from, ~PTE_W, __ATOMIC_ACQ_REL));
}

/* Pages of files and of shared objects are not copied: the child faults them in from the
 * cache, so nothing races with a truncation here. */
int pt_copy(struct mm *to, struct vma *v, bool *flush)
{
	struct mm *from = v->mm;
	uint64_t va, next;

	rwsem_assert_write_held(&from->lock); /* no fault maps beside it, and no table goes */
	mm_assert_exclusive(to);
	for (va = v->start; va < v->end; va = next) {
		uint64_t *src, *dst;
		int64_t copied = 0;

		next = pmd_end(va, v->end);
		src = pt_pmd_skip(from, va, &next);
		if (!src || !pte_read(src)) {
			continue;
		}
		dst = pt_pmd_alloc(to, va);
		if (!dst) {
			return -ENOMEM;
		}
		if (!(pte_read(src) & PTE_PS) && !pte_read(dst) && !pt_table_alloc(to, dst)) {
			return -ENOMEM;
		}
		spin_lock(&from->pt_lock);
		if (pte_read(src) & PTE_PS) {
			copy_huge(src, dst, flush);
			copied = ENTRIES;
		} else {
			copied = copy_table(pt_pte(src, va), pt_pte(dst, va),
					    (unsigned)((next - va) >> PAGE_SHIFT), flush);
		}
		spin_unlock(&from->pt_lock);
		if (copied) {
			rss_add(to, v, false, copied);
		}
	}
	return 0;
}
