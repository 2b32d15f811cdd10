/* SPDX-License-Identifier: MIT */
/*
 * Page faults: anonymous memory and copy-on-write; files are in fault_file.c.
 *
 * mm->lock is held for reading over the whole fault: the vma and the tables stay, entries do
 * not.  Threads of the process fault on the same page at once, unmap_object() takes entries
 * away, the processor sets A and D.  So an empty entry is filled by compare-exchange, without
 * a lock, and whoever loses drops his page; an entry in use changes under pt_lock only.  A page
 * has its contents before an entry points to it.
 *
 * A private page may be written where it is when the entry's reference is its only one.  New
 * references to such a page come from pt_lock's holders alone (fork, access.c), so that the
 * count can't rise from 1 while pt_lock is held.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <sched/sched.h>

enum fault_result fault_no_memory(const struct mm *mm)
{
	if (thread_current()->killed || mm->oom_victim) {
		return FAULT_RETRY;
	}
	return FAULT_OOM;
}

void rss_add(struct mm *mm, const struct vma *v, bool file, int64_t pages)
{
	uint64_t now;

	if (!file) {
		atomic_fetch_add_explicit(&mm->rss_anon, pages, memory_order_relaxed);
		mem_account(MEM_ANON, pages);
	} else if (pagecache_is_memory(v->object)) {
		atomic_fetch_add_explicit(&mm->rss_shmem, pages, memory_order_relaxed);
	} else {
		atomic_fetch_add_explicit(&mm->rss_file, pages, memory_order_relaxed);
	}
	now = mm_rss_pages(mm);
	if (pages > 0 && now > atomic_load_explicit(&mm->peak_rss, memory_order_relaxed)) {
		atomic_store_explicit(&mm->peak_rss, now, memory_order_relaxed);
	}
}

/* What a new anonymous page of v is mapped with. */
static uint64_t anon_bits(const struct vma *v)
{
	return pt_bits(v->flags) | (v->flags & VMA_WRITE ? PTE_W | PTE_D : 0);
}

static enum fault_result fault_anon(struct mm *mm, struct vma *v, uint64_t *pte,
				    enum fault_access access) REQUIRES_SHARED(mm_role)
{
	struct page *p;

	if (!(access & ACCESS_WRITE)) {
		pte_install(pte, page_to_phys(mm_zero_page) | pt_bits(v->flags) | PTE_SPECIAL);
		return FAULT_OK;
	}
	p = page_alloc_user(0, PAGE_ALLOC_ZERO);
	if (!p) {
		return fault_no_memory(mm);
	}
	pte_note_code(page_to_phys(p) | anon_bits(v));
	if (pte_install(pte, page_to_phys(p) | anon_bits(v))) {
		rss_add(mm, v, false, 1);
	} else {
		page_put(p); /* another thread was faster */
	}
	return FAULT_OK;
}

/* The page may be written where it is, since nobody else refers to it. */
static bool cow_reuse(struct vma *v, uint64_t *pmd, uint64_t *pte, uint64_t e)
	REQUIRES(pagetable_role)
{
	struct page *p = pte_page(e);

	if (e & (PTE_SPECIAL | PTE_FILE)) {
		return false;
	}
	if (p->flags & PAGE_TAIL) {
		huge_break_unit(pt_table(pte_read(pmd)), p->owner);
	} else if (p->flags & PAGE_COMPOUND) {
		huge_break_unit(pt_table(pte_read(pmd)), p);
	}
	if ((p->flags & (PAGE_TAIL | PAGE_COMPOUND)) ||
	    atomic_load_explicit(&p->refs, memory_order_acquire) != 1) {
		return false;
	}
	if (v->flags & VMA_WRITE) {
		__atomic_fetch_or(pte, PTE_W | PTE_D | PTE_A, __ATOMIC_RELAXED);
	}
	return true;
}

/* Drops pt_lock; replaces the read-only entry by one for `copy`.  Other CPUs
 * may read the old page until they are flushed, so nobody may write to the new one before:
 * it is mapped read-only meanwhile, with a reference more, so that nobody takes it as his. */
static void cow_replace_unlock(struct mm *mm, uint64_t *pte, uint64_t addr, struct page *copy,
			       uint64_t bits) RELEASES(pagetable_role)
{
	uint64_t now = page_to_phys(copy) | bits;

	pte_note_code(now);
	if (!tlb_remote(mm)) {
		pte_write(pte, now);
		spin_unlock(&mm->pt_lock);
		tlb_flush_page(addr);
		return;
	}
	page_get(copy);
	pte_write(pte, now & ~PTE_W);
	spin_unlock(&mm->pt_lock);
	tlb_flush_range(mm, addr, addr + PAGE_SIZE);
	spin_lock(&mm->pt_lock);
	if ((pte_read(pte) | PTE_W | PTE_A | PTE_D) == (now | PTE_W | PTE_A | PTE_D)) {
		__atomic_fetch_or(pte, bits & PTE_W, __ATOMIC_RELAXED);
	}
	spin_unlock(&mm->pt_lock);
	page_put(copy);
}

static enum fault_result fault_cow(struct mm *mm, struct vma *v, uint64_t *pmd, uint64_t *pte,
				   uint64_t addr) REQUIRES_SHARED(mm_role)
{
	struct page *old, *copy;
	bool counted, zero;
	uint64_t e;

	spin_lock(&mm->pt_lock);
	e = pte_read(pte);
	if (!e || (e & PTE_W) || cow_reuse(v, pmd, pte, e)) {
		spin_unlock(&mm->pt_lock);
		tlb_flush_page(addr);
		return FAULT_OK;
	}
	old = pte_page(e);
	counted = !(e & PTE_SPECIAL);
	zero = old == mm_zero_page;
	if (counted) {
		page_get(old);
	}
	spin_unlock(&mm->pt_lock);

	copy = page_alloc_user(0, zero ? PAGE_ALLOC_ZERO : 0);
	if (!copy) {
		if (counted) {
			page_put(old);
		}
		return fault_no_memory(mm);
	}
	if (!zero) {
		page_copy(copy, old);
	}

	spin_lock(&mm->pt_lock);
	if ((pte_read(pte) ^ e) & ~(PTE_A | PTE_D)) {
		spin_unlock(&mm->pt_lock);
		page_put(copy);
		if (counted) {
			page_put(old);
		}
		return FAULT_OK;
	}
	if (e & PTE_FILE) {
		atomic_fetch_sub_explicit(&old->maps, 1, memory_order_relaxed);
	}
	cow_replace_unlock(mm, pte, addr, copy, anon_bits(v));
	if (e & PTE_FILE) {
		rss_add(mm, v, true, -1);
	}
	if (e & (PTE_FILE | PTE_SPECIAL)) {
		rss_add(mm, v, false, 1);
	}
	if (counted) {
		page_put(old); /* ours */
		page_put(old); /* the entry's */
	}
	return FAULT_OK;
}

/* A write to a 2 MiB page that is mapped read-only.  Takes it when nobody shares it, else
 * splits the entry: *again. */
static enum fault_result fault_huge_write(struct mm *mm, struct vma *v, uint64_t *pmd,
					  uint64_t addr, bool *again) REQUIRES_SHARED(mm_role)
{
	struct page *table = NULL;

	for (;;) {
		uint64_t e;

		spin_lock(&mm->pt_lock);
		e = pte_read(pmd);
		if (!(e & PTE_PS) || (e & PTE_W)) {
			break;
		}
		if (page_refs(phys_to_page(e & PTE_ADDR & HUGE_MASK)) == 1) {
			if (v->flags & VMA_WRITE) {
				__atomic_fetch_or(pmd, PTE_W | PTE_D, __ATOMIC_RELAXED);
			}
			break;
		}
		if (table) {
			huge_split_locked(mm, pmd, table);
			table = NULL;
			*again = true;
			break;
		}
		spin_unlock(&mm->pt_lock);
		table = page_alloc_user(0, 0);
		if (!table) {
			return fault_no_memory(mm);
		}
	}
	if (!(pte_read(pmd) & PTE_PS)) {
		*again = true;
	}
	spin_unlock(&mm->pt_lock);
	page_put(table);
	tlb_flush_page(addr);
	return FAULT_OK;
}

enum fault_result fault_in_vma(struct mm *mm, struct vma *v, uint64_t addr,
			       enum fault_access access)
{
	bool write = access & ACCESS_WRITE;
	uint64_t *pmd, *pte, e;

	DEBUG_ASSERT(v->mm == mm && v->start <= addr && addr < v->end);
	addr &= PAGE_MASK;
	pmd = pt_pmd_alloc(mm, addr);
	if (!pmd) {
		return fault_no_memory(mm);
	}
	for (;;) {
		bool again = false;
		enum fault_result r;

		e = pte_read(pmd);
		if (!e) {
			if (write && huge_fault(mm, v, pmd, addr)) {
				return FAULT_OK;
			}
			if (!pte_read(pmd) && !pt_table_alloc(mm, pmd)) {
				return fault_no_memory(mm);
			}
			e = pte_read(pmd);
		}
		if (!(e & PTE_PS)) {
			break;
		}
		if (!write || (e & PTE_W)) {
			tlb_flush_page(addr);
			return FAULT_OK;
		}
		r = fault_huge_write(mm, v, pmd, addr, &again);
		if (!again) {
			return r;
		}
	}
	pte = pt_pte(pmd, addr);
	if (!pte) {
		return FAULT_OK; /* it came and went: the access is repeated */
	}
	e = pte_read(pte);
	if (!e) {
		if (v->object || v->special) {
			return fault_file(mm, v, pmd, addr, access);
		}
		return fault_anon(mm, v, pte, access);
	}
	if (write && !(e & PTE_W)) {
		if ((e & PTE_FILE) && (v->flags & VMA_SHARED)) {
			return fault_file(mm, v, pmd, addr, access);
		}
		return fault_cow(mm, v, pmd, pte, addr);
	}
	tlb_flush_page(addr); /* the TLB knew less than the tables */
	return FAULT_OK;
}

/* A fault below a stack: lets it grow. */
static enum fault_result grow_stack(struct mm *mm, uint64_t addr)
{
	uint64_t start = addr & PAGE_MASK;
	enum fault_result r = FAULT_SEGV_MAPERR;
	struct vma *v, *prev;

	/* The caller had to drop the read lock: everything is looked at again. */
	rwsem_write_lock(&mm->lock);
	v = vma_find(mm, addr);
	if (!v) {
		goto out;
	}
	if (v->start <= addr) {
		r = FAULT_OK; /* another thread was faster */
		goto out;
	}
	if (!(v->flags & VMA_GROWSDOWN) || v->end - start > mm_rlimit(RLIMIT_STACK) ||
	    start < MMAP_MIN_ADDR) {
		goto out;
	}
	prev = vma_prev(v);
	if (prev && !(prev->flags & VMA_GROWSDOWN) &&
	    (prev->flags & (VMA_READ | VMA_WRITE | VMA_EXEC)) &&
	    start - prev->end < STACK_GUARD_GAP) {
		goto out;
	}
	if (mm_may_expand(mm, v->flags, (v->start - start) >> PAGE_SHIFT)) {
		goto out;
	}
	if ((v->flags & VMA_LOCKED) && mm_lock_check(mm, (v->start - start) >> PAGE_SHIFT)) {
		goto out;
	}
	vma_set_range(mm, v, start, v->end);
	r = FAULT_OK;
out:
	rwsem_write_unlock(&mm->lock);
	return r;
}

static bool access_allowed(const struct vma *v, uint64_t error)
{
	if (error & PF_WRITE) {
		return v->flags & VMA_WRITE;
	}
	if (error & PF_INSTR) {
		return v->flags & VMA_EXEC;
	}
	return v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC);
}

enum fault_result mm_fault(struct mm *mm, uintptr_t addr, uint64_t error)
{
	enum fault_result r;
	struct vma *v;

	if (addr >= USER_END) {
		return FAULT_SEGV_MAPERR;
	}
	rwsem_read_lock(&mm->lock);
	v = vma_find(mm, addr);
	while (v && addr < v->start) {
		bool stack = v->flags & VMA_GROWSDOWN;

		rwsem_read_unlock(&mm->lock);
		r = stack ? grow_stack(mm, addr) : FAULT_SEGV_MAPERR;
		if (r != FAULT_OK) {
			return r;
		}
		rwsem_read_lock(&mm->lock);
		v = vma_find(mm, addr);
	}
	if (unlikely(!v)) {
		r = FAULT_SEGV_MAPERR;
	} else if (unlikely(!access_allowed(v, error))) {
		r = FAULT_SEGV_ACCERR;
	} else {
		r = fault_in_vma(mm, v, addr, error & PF_WRITE ? ACCESS_WRITE : ACCESS_READ);
	}
	rwsem_read_unlock(&mm->lock);
	return r;
}

/* One vma's part of mm_populate(). */
static int populate_vma(struct mm *mm, struct vma *v, uint64_t *addr, uint64_t end,
			enum populate_mode mode) REQUIRES_SHARED(mm_role)
{
	bool write = (v->flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE;
	uint64_t stop = MIN(end, v->end);

	stop = MIN(stop, (*addr & HUGE_MASK) + HUGE_SIZE);
	if (mode == POPULATE_READ) {
		write = false;
	}
	if (mode == POPULATE_WRITE) {
		write = true;
	}
	if ((write && !(v->flags & VMA_WRITE)) ||
	    (mode == POPULATE_READ && !(v->flags & VMA_READ))) {
		return -EINVAL;
	}
	if (!(v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC))) {
		return mode == POPULATE_LOCK ? -EFAULT : -EINVAL;
	}
	for (; *addr < stop; *addr += PAGE_SIZE) {
		switch (fault_in_vma(mm, v, *addr, write ? ACCESS_WRITE : ACCESS_READ)) {
		case FAULT_OK: break;
		case FAULT_OOM: return -ENOMEM;
		case FAULT_RETRY: return -EINTR;
		default: return -EFAULT;
		}
	}
	return 0;
}

int mm_populate(struct mm *mm, uint64_t start, uint64_t end, enum populate_mode mode)
{
	int err = 0;

	ASSERT(IS_ALIGNED(start, PAGE_SIZE) && end <= USER_END);
	while (start < end && !err) {
		struct vma *v;

		if (thread_current()->killed) {
			return -EINTR;
		}
		rwsem_read_lock(&mm->lock);
		v = vma_lookup(mm, start);
		err = v ? populate_vma(mm, v, &start, end, mode) : -ENOMEM;
		rwsem_read_unlock(&mm->lock);
		sched_yield_point();
	}
	return err;
}
