/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the files of an address space share (kernel/mm only).
 *
 * Page-table entries.  A user entry is empty (0) or mapped; a mapped entry that the vma's
 * protection forbids altogether (PROT_NONE) keeps its address but not PTE_P, and has
 * PTE_NONE instead, so that it is never 0.  PTE_FILE marks pages that belong to a page
 * cache (accounted in page->maps), PTE_SPECIAL pages without accounting (zero page, vDSO).
 */
#include <lib/assert.h>
#include <mm/mm.h>

#define PTE_SPECIAL PTE_SW1
#define PTE_FILE PTE_SW2
#define PTE_NONE PTE_SW3

#define HUGE_SIZE (PAGE_SIZE << PAGE_HUGE_ORDER)
#define HUGE_MASK (~(HUGE_SIZE - 1))
#define ENTRIES 512

#define MMAP_MIN_ADDR 0x10000ul
#define STACK_GUARD_GAP (256 * PAGE_SIZE)
#define MAX_MAP_COUNT 65530u

/* Ranges that a program names.  A system call makes one of them first, by user_range() or
 * user_range_clip(), and hands on only that: no function below takes an end that a program chose and
 * nobody compared with USER_END.  What walks page tables asserts it once more, for beyond USER_END
 * those are the kernel's own. */
struct user_range {
	uint64_t start, end; /* whole pages, start <= end <= USER_END */
	bool beyond;	     /* clipped: there was more */
};
/* The pages that [addr, addr + len) touches; false when they don't lie below USER_END. */
MUST_USE static inline bool user_range(uint64_t addr, uint64_t len, struct user_range *r)
{
	if (addr > USER_END || len > USER_END - addr) {
		return false;
	}
	*r = (struct user_range){ addr & PAGE_MASK, ALIGN_UP(addr + len, PAGE_SIZE), false };
	return true;
}
/* For calls that act on what is mapped before they complain of what can't be: the part below
 * USER_END.  False when the end overflows. */
MUST_USE static inline bool user_range_clip(uint64_t addr, uint64_t len, struct user_range *r)
{
	uint64_t start = addr & PAGE_MASK, end = ALIGN_UP(addr + len, PAGE_SIZE);

	if (end < start) {
		return false;
	}
	*r = (struct user_range){ MIN(start, USER_END), MIN(end, USER_END),
				  end > MAX(start, USER_END) };
	return true;
}

static inline bool user_range_empty(const struct user_range *r)
{
	return r->start == r->end && !r->beyond;
}

/* At the head of functions that change vmas: mm->lock is held for writing, or nobody else can
 * reach mm (the child of a fork before it is out, a space after its last user).  Checked in debug
 * builds, for it would be a tenth of a small mmap(). */
static inline void mm_assert_exclusive(const struct mm *mm) ASSERTS_HELD(mm_role)
{
	if (!CONFIG_DEBUG) {
		return;
	}
	if (refcount_read(&mm->users)) {
		rwsem_assert_write_held(&mm->lock);
	} else {
		rwsem_assert_unshared(&mm->lock);
	}
}

/* --- vma.c: the tree --- */

/* The first with end > addr. */
struct vma *vma_find(struct mm *mm, uint64_t addr) REQUIRES_SHARED(mm_role);
struct vma *vma_next(const struct vma *v) REQUIRES_SHARED(mm_role);
struct vma *vma_prev(const struct vma *v) REQUIRES_SHARED(mm_role);
struct vma *vma_last(struct mm *mm) REQUIRES_SHARED(mm_role);
static inline struct vma *vma_lookup(struct mm *mm, uint64_t addr) REQUIRES_SHARED(mm_role)
{
	struct vma *v = vma_find(mm, addr);

	return v && v->start <= addr ? v : NULL;
}
static inline struct vma *vma_find_range(struct mm *mm, uint64_t start, uint64_t end)
	REQUIRES_SHARED(mm_role)
{
	struct vma *v = vma_find(mm, start);

	return v && v->start < end ? v : NULL;
}
static inline uint64_t vma_pages(const struct vma *v)
{
	return (v->end - v->start) >> PAGE_SHIFT;
}
static inline uint64_t vma_index(const struct vma *v, uint64_t addr)
{
	/* Page numbers, so that addr may lie below (a vma that grows downwards). */
	return v->pgoff + (addr >> PAGE_SHIFT) - (v->start >> PAGE_SHIFT);
}
/* PROT_* as flags of a vma. */
static inline uint32_t vma_prot(int prot)
{
	return (prot & PROT_READ ? VMA_READ : 0u) | (prot & PROT_WRITE ? VMA_WRITE : 0u) |
	       (prot & PROT_EXEC ? VMA_EXEC : 0u);
}
/* What a mapping is apart from its place; vmas that agree in it can be one. */
struct vma_kind {
	uint32_t flags;
	struct page_cache *object;
	struct file *file;
	struct page **special;
	const char *special_name;
};
/* A new vma, not yet in the tree, with references to object and file; NULL = no memory. */
struct vma *vma_new(struct mm *mm, uint64_t start, uint64_t end, const struct vma_kind *kind,
		    uint64_t pgoff);
void vma_insert(struct mm *mm, struct vma *v) REQUIRES(mm_role);
/* Takes v out of the tree; it goes to `dead`, for vma_dispose() after mm->lock. */
void vma_detach(struct mm *mm, struct vma *v, struct list *dead) REQUIRES(mm_role);
/* Moves the borders of v, order in the tree unchanged. */
void vma_set_range(struct mm *mm, struct vma *v, uint64_t start, uint64_t end) REQUIRES(mm_role);
void vma_set_flags(struct mm *mm, struct vma *v, uint32_t flags) REQUIRES(mm_role);
/* v keeps [start, addr), a new vma gets [addr, end). */
MUST_USE int vma_split(struct mm *mm, struct vma *v, uint64_t addr, struct vma **upper)
	REQUIRES(mm_role);
/* Joins v with equal neighbours; returns what covers v's range now. */
struct vma *vma_merge(struct mm *mm, struct vma *v, struct list *dead) REQUIRES(mm_role);
/* Maps [start, end), which is free: extends a neighbour or inserts a vma. */
struct vma *vma_map(struct mm *mm, uint64_t start, uint64_t end, const struct vma_kind *kind,
		    uint64_t pgoff, struct list *dead) REQUIRES(mm_role);
/* The highest free range of len bytes in [low, high); 0 = none. */
uint64_t vma_find_gap(struct mm *mm, uint64_t len, uint64_t low, uint64_t high) REQUIRES(mm_role);
/* Something below `end` became free. */
void vma_note_gap(struct mm *mm, uint64_t addr) REQUIRES(mm_role);
/* [start, end) is free and keeps the guard gap of a stack above it. */
bool vma_range_free(struct mm *mm, uint64_t start, uint64_t end) REQUIRES_SHARED(mm_role);
/* Puts objects and files. */
void vma_dispose(struct list *dead) MAY_SLEEP EXCLUDES(mm_role);
void vma_init_cache(void);

/* --- shootdown.c --- */

#define GATHER_PAGES 56
/* Pages that were unmapped but may still be in a TLB: they are freed after the flush.
 * Never wait for pt_lock's holder here: gather_flush() is called without it. */
struct gather {
	struct mm *mm;
	uint64_t start, end; /* to flush; start >= end: nothing */
	unsigned n;
	bool dying;  /* no CPU has the tables loaded: no flush */
	bool tables; /* tables are among the pages */
	struct page *pages[GATHER_PAGES];
};
void gather_init(struct gather *g, struct mm *mm);
static inline void gather_range(struct gather *g, uint64_t start, uint64_t end)
{
	g->start = MIN(g->start, start);
	g->end = MAX(g->end, end);
}
static inline bool gather_full(const struct gather *g)
{
	return g->n == GATHER_PAGES;
}
static inline void gather_page(struct gather *g, struct page *p)
{
	DEBUG_ASSERT(!gather_full(g));
	g->pages[g->n++] = p;
}
void gather_flush(struct gather *g) EXCLUDES(pagetable_role); /* flushes, then frees */
/* Every CPU that has mm loaded forgets [start, end).  Interrupts on; pt_lock may be held. */
void tlb_flush_range(struct mm *mm, uint64_t start, uint64_t end);
/* Some other CPU may have entries of mm. */
bool tlb_remote(struct mm *mm);
/* Makes every CPU let go of a space that nobody uses any more. */
void tlb_drop_space(struct arch_space *space);

/* --- pagetable.c --- */

static inline uint64_t *pt_table(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}
static inline unsigned pt_index(uint64_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * level) & (ENTRIES - 1);
}
static inline struct page *pte_page(uint64_t e)
{
	return phys_to_page(e & PTE_ADDR);
}
static inline uint64_t pte_read(uint64_t *e)
{
	return __atomic_load_n(e, __ATOMIC_RELAXED);
}
static inline void pte_write(uint64_t *e, uint64_t v)
{
	__atomic_store_n(e, v, __ATOMIC_RELEASE);
}
/* The processor may set A and D at any time in a present entry. */
static inline uint64_t pte_exchange(uint64_t *e, uint64_t v)
{
	return __atomic_exchange_n(e, v, __ATOMIC_ACQ_REL);
}
/* Before v is installed: the frame, or the 512 of PTE_PS, may be executed by it. */
static inline void pte_note_code(uint64_t v)
{
	if (!(v & (PTE_NX | PTE_SPECIAL))) {
		struct page *p = pte_page(v & ~PTE_PS);

		for (unsigned n = v & PTE_PS ? ENTRIES : 1; n > 0; n--) {
			page_note_code(p++);
		}
	}
}
static inline bool pte_install(uint64_t *e, uint64_t v)
{
	uint64_t empty = 0;

	return __atomic_compare_exchange_n(e, &empty, v, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
/* The level-1 entry (2 MiB) for va; NULL when tables are missing; pt_pmd_alloc makes them
 * and returns NULL when there is no memory. */
uint64_t *pt_pmd(struct mm *mm, uint64_t va);
uint64_t *pt_pmd_alloc(struct mm *mm, uint64_t va);
/* As pt_pmd; when tables are missing, *next becomes the end of what they would cover. */
uint64_t *pt_pmd_skip(struct mm *mm, uint64_t va, uint64_t *next);
/* The entry for va below *pmd; NULL when there is no table (empty or a 2 MiB page). */
static inline uint64_t *pt_pte(uint64_t *pmd, uint64_t va)
{
	uint64_t e = pmd ? pte_read(pmd) : 0;

	return e && !(e & PTE_PS) ? &pt_table(e)[pt_index(va, 0)] : NULL;
}
/* Gives an empty *pmd a table; false = no memory. */
MUST_USE bool pt_table_alloc(struct mm *mm, uint64_t *pmd);
uint64_t pt_bits(uint32_t vma_flags); /* present, no write */
/* Removes the entries of [start, end), part of v.  False: a 2 MiB page crosses a border (only
 * possible while faults may run, and without an object); split it and repeat. */
MUST_USE bool pt_zap(struct gather *g, struct vma *v, uint64_t start, uint64_t end)
	EXCLUDES(pagetable_role);
/* Removes only entries with PTE_FILE. */
void pt_zap_file(struct gather *g, struct vma *v, uint64_t start, uint64_t end)
	EXCLUDES(pagetable_role);
void pt_protect(struct mm *mm, uint64_t start, uint64_t end, uint32_t flags) REQUIRES(mm_role);
/* Frees the tables of [floor, ceiling), where no vma is left, around [start, end). */
void pt_free_tables(struct gather *g, uint64_t start, uint64_t end, uint64_t floor,
		    uint64_t ceiling) REQUIRES(mm_role);
/* fork: private pages of v become read-only in both. */
MUST_USE int pt_copy(struct mm *to, struct vma *v, bool *flush) REQUIRES(mm_role);

/* --- huge.c --- */

/* No 2 MiB page crosses addr afterwards. */
MUST_USE int huge_split_at(struct mm *mm, uint64_t addr) REQUIRES_SHARED(mm_role);
/* *pmd (a 2 MiB page) becomes 512 entries in `table`, a fresh table. */
void huge_split_locked(struct mm *mm, uint64_t *pmd, struct page *table) REQUIRES(pagetable_role);
/* A write hits the tail of a shared unit: when only the entries of this table still refer
 * to it, it falls apart into single pages and true is returned. */
bool huge_break_unit(uint64_t *table, struct page *head) REQUIRES(pagetable_role);
/* Maps a 2 MiB page at addr if the vma, alignment and memory allow. */
bool huge_fault(struct mm *mm, struct vma *v, uint64_t *pmd, uint64_t addr)
	REQUIRES_SHARED(mm_role);

/* --- fault.c --- */

enum fault_access {
	ACCESS_READ = 0,
	ACCESS_WRITE = 1,
};
/* v covers addr and allows the access, or the caller may force it:
 * then a private copy of a read-only page is made that stays read-only. */
enum fault_result fault_in_vma(struct mm *mm, struct vma *v, uint64_t addr,
			       enum fault_access access) MAY_SLEEP REQUIRES_SHARED(mm_role);
/* No page to be had: the OOM killer's turn, unless this process is dying itself. */
enum fault_result fault_no_memory(const struct mm *mm);
/* fault_file.c */
enum fault_result fault_file(struct mm *mm, struct vma *v, uint64_t *pmd, uint64_t addr,
			     enum fault_access access) MAY_SLEEP REQUIRES_SHARED(mm_role);
void rss_add(struct mm *mm, const struct vma *v, bool file, int64_t pages);
enum populate_mode { POPULATE_LOCK, POPULATE_READ, POPULATE_WRITE };
/* Faults the pages of [start, end) in; -ENOMEM, -EFAULT. */
MUST_USE int mm_populate(struct mm *mm, uint64_t start, uint64_t end,
			 enum populate_mode mode) MAY_SLEEP EXCLUDES(mm_role);

/* --- mmap.c --- */

/* Unmaps [start, end). */
MUST_USE int mm_unmap_locked(struct mm *mm, uint64_t start, uint64_t end, struct list *dead)
	REQUIRES(mm_role);
/* Frees the tables of [start, end), where no vma is. */
void mm_free_tables_locked(struct gather *g, uint64_t start, uint64_t end) REQUIRES(mm_role);
/* A place for len bytes by mmap's rules for hints; address or -errno. */
long mm_find_area(struct mm *mm, uint64_t addr, uint64_t len, int flags) REQUIRES(mm_role);
/* May the space grow by so many pages of this kind?  0 or -ENOMEM. */
MUST_USE int mm_may_expand(struct mm *mm, uint32_t vma_flags, uint64_t pages) REQUIRES(mm_role);
/* Refuses what can never be backed. */
MUST_USE int mm_commit_check(uint32_t vma_flags, uint64_t pages);
/* May so many more pages be locked?  0, -EAGAIN. */
MUST_USE int mm_lock_check(struct mm *mm, uint64_t pages) REQUIRES(mm_role);
/* Splits so that v covers exactly [start, end) of itself. */
MUST_USE int vma_isolate(struct mm *mm, struct vma **v, uint64_t start, uint64_t end)
	REQUIRES(mm_role);
extern struct page *mm_zero_page;
