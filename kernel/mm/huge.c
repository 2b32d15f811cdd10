/* SPDX-License-Identifier: MIT */
/*
 * 2 MiB pages of anonymous memory.  A vma's border never lies inside one: whoever splits
 * a vma calls huge_split_at() first.
 *
 * Splitting the entry of a page that nobody else maps turns it into 512 single pages.
 * One that other processes map (after fork) stays one unit in memory: our entries then
 * point to its tails and each holds one of the head's references.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>

/* Each page of the unit on its own, with a reference of its own. */
static void unit_to_pages(struct page *head)
{
	for (struct page *p = head; p < head + ENTRIES; p++) {
		p->order = 0;
		p->owner = NULL;
		atomic_store_explicit(&p->maps, 0, memory_order_relaxed);
		atomic_store_explicit(&p->flags, 0, memory_order_relaxed);
		atomic_store_explicit(&p->refs, 1, memory_order_release);
	}
}

static void unit_mark_tails(struct page *head)
{
	/* two processes may do this at once, to the same effect */
	for (struct page *p = head + 1; p < head + ENTRIES; p++) {
		p->owner = head;
		atomic_store_explicit(&p->flags, PAGE_TAIL, memory_order_release);
	}
	atomic_fetch_or(&head->flags, PAGE_COMPOUND);
}

void huge_split_locked(struct mm *mm, uint64_t *pmd, struct page *table)
{
	uint64_t e = pte_read(pmd), *t = page_to_virt(table);
	uint64_t phys = e & PTE_ADDR & HUGE_MASK;
	struct page *head = phys_to_page(phys);

	spin_assert_held(&mm->pt_lock);
	ASSERT(e & PTE_PS);
	/* 1: only this entry, and no new reference comes while we have pt_lock (fault.c). */
	if (atomic_load_explicit(&head->refs, memory_order_acquire) == 1) {
		unit_to_pages(head);
	} else {
		unit_mark_tails(head);
		atomic_fetch_add_explicit(&head->refs, ENTRIES - 1, memory_order_relaxed);
	}
	for (unsigned i = 0; i < ENTRIES; i++) {
		t[i] = (e & ~(PTE_PS | PTE_ADDR)) | (phys + i * PAGE_SIZE);
	}
	pte_write(pmd, page_to_phys(table) | PTE_P | PTE_W | PTE_U);
	atomic_fetch_add_explicit(&mm->table_pages, 1, memory_order_relaxed);
	mem_account(MEM_TABLE, 1);
}

int huge_split_at(struct mm *mm, uint64_t addr)
{
	uint64_t *pmd;
	struct page *table;

	ASSERT(addr <= USER_END && IS_ALIGNED(addr, PAGE_SIZE));
	if (IS_ALIGNED(addr, HUGE_SIZE)) {
		return 0;
	}
	pmd = pt_pmd(mm, addr);
	if (!pmd || !(pte_read(pmd) & PTE_PS)) {
		return 0;
	}
	table = page_alloc(0, 0);
	if (!table) {
		table = page_alloc_user(0, 0);
	}
	if (!table) {
		table = page_alloc(0, PAGE_ALLOC_ATOMIC);
	}
	if (!table) {
		return -ENOMEM;
	}
	spin_lock(&mm->pt_lock);
	if (pte_read(pmd) & PTE_PS) {
		huge_split_locked(mm, pmd, table);
		table = NULL;
	}
	spin_unlock(&mm->pt_lock);
	page_put(table);
	return 0;
}

bool huge_break_unit(uint64_t *table, struct page *head)
{
	uint64_t from = page_to_phys(head);
	bool mine[ENTRIES] = { false };
	uint32_t n = 0, refs = atomic_load_explicit(&head->refs, memory_order_acquire);

	if (refs > ENTRIES) {
		return false;
	}
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t e = pte_read(&table[i]), at = (e & PTE_ADDR) - from;

		if (e && !(e & (PTE_SPECIAL | PTE_FILE)) && at < HUGE_SIZE) {
			mine[at >> PAGE_SHIFT] = true;
			n++;
		}
	}
	if (n != refs) {
		return false;
	}
	unit_to_pages(head);
	for (unsigned i = 0; i < ENTRIES; i++) {
		if (!mine[i]) {
			page_put(head + i);
		}
	}
	return true;
}

static bool huge_wanted(struct vma *v, uint64_t base)
{
	uint64_t pages = mem_available_pages();

	if (v->object || v->special || (v->flags & (VMA_NOHUGE | VMA_GROWSDOWN))) {
		return false;
	}
	if (base < v->start || base + HUGE_SIZE > v->end) {
		return false;
	}
	/* at least 64 MiB left, and half of all unless the program asked */
	if (pages < 64ul << (20 - PAGE_SHIFT)) {
		return false;
	}
	return (v->flags & VMA_HUGE) || pages > mem_total_pages() / 2;
}

bool huge_fault(struct mm *mm, struct vma *v, uint64_t *pmd, uint64_t addr)
{
	uint64_t base = addr & HUGE_MASK, e;
	struct page *p;

	if (pte_read(pmd) || READ_ONCE(mm->no_huge) || !huge_wanted(v, base)) {
		return false;
	}
	p = page_alloc(PAGE_HUGE_ORDER, PAGE_ALLOC_USER | PAGE_ALLOC_ZERO);
	if (!p) {
		return false;
	}
	e = page_to_phys(p) | pt_bits(v->flags) | PTE_PS;
	if (v->flags & VMA_WRITE) {
		e |= PTE_W | PTE_D;
	}
	pte_note_code(e);
	if (!pte_install(pmd, e)) {
		page_put(p);
		return false;
	}
	rss_add(mm, v, false, ENTRIES);
	return true;
}
