/* SPDX-License-Identifier: MIT */
/*
 * Life of an address space: create, fork, switch, tear down.
 *
 * `users` counts threads and those who look in; 0 means that nobody else can reach the space:
 * it is being built by mm_fork() or torn down, and its vmas change without mm->lock.  `holds` keeps
 * the struct alone, for files of /proc that name a space for longer than it lasts.
 */
#include <mm/mm.h>

#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <sched/thread.h>

#include "mm_internal.h"

const struct mm_file_ops *mm_file_ops;
uint64_t (*mm_rlimit)(int resource);
struct page *mm_zero_page;
static struct kmem_cache *mm_cache;

/* For a space that no program was loaded into. */
#define MMAP_BASE (USER_END - (1ul << 30))

void mm_subsystem_init(void)
{
	mm_cache = kmem_cache_create("mm", sizeof(struct mm), 64);
	vma_init_cache();
	mm_zero_page = page_alloc(0, PAGE_ALLOC_ZERO);
	ASSERT(mm_zero_page);
}

void mm_set_mmap_base(struct mm *mm, uint64_t base)
{
	ASSERT(IS_ALIGNED(base, PAGE_SIZE) && base < USER_END);
	rwsem_write_lock(&mm->lock);
	ASSERT(mm->map_count == 0);
	mm->mmap_base = base;
	mm->gap_hint = base;
	mm->gap_hole = 0;
	rwsem_write_unlock(&mm->lock);
}

void mm_set_brk(struct mm *mm, uint64_t start)
{
	rwsem_write_lock(&mm->lock);
	mm->brk_start = start;
	mm->brk_end = start;
	rwsem_write_unlock(&mm->lock);
}

int mm_create(struct mm **out)
{
	struct mm *mm = kmem_cache_zalloc(mm_cache);
	struct page *root;

	if (!mm) {
		return -ENOMEM;
	}
	root = page_alloc_user(0, PAGE_ALLOC_ZERO);
	if (!root) {
		kmem_cache_free(mm_cache, mm);
		return -ENOMEM;
	}
	paging_init_root(page_to_virt(root));
	mem_account(MEM_TABLE, 1);
	rwsem_init(&mm->lock, RANK_MM, "mm");
	spin_init(&mm->pt_lock, RANK_PAGETABLE, "page tables");
	mm->space.root = page_to_phys(root);
	refcount_init(&mm->users, 1);
	refcount_init(&mm->holds, 1);
	atomic_init(&mm->table_pages, 1);
	mm->dumpable = true;
	mm_set_mmap_base(mm, MMAP_BASE);
	*out = mm;
	return 0;
}

void mm_get(struct mm *mm)
{
	refcount_get(&mm->users);
}

bool mm_try_get(struct mm *mm)
{
	return refcount_try_get(&mm->users);
}

void mm_hold(struct mm *mm)
{
	refcount_get(&mm->holds);
}

void mm_unhold(struct mm *mm)
{
	if (mm && refcount_put(&mm->holds)) {
		kmem_cache_free(mm_cache, mm);
	}
}

static void unmap_all(struct mm *mm, struct list *dead)
{
	struct gather g;
	struct rb_node *n;

	mm_assert_exclusive(mm);
	gather_init(&g, mm);
	g.dying = true;
	while ((n = rb_first(&mm->vmas))) {
		struct vma *v = rb_entry(n, struct vma, node), *next = vma_next(v);
		uint64_t start = v->start, end = v->end;
		bool whole = pt_zap(&g, v, start, end);

		ASSERT(whole);
		vma_detach(mm, v, dead);
		pt_free_tables(&g, start, end, 0, next ? next->start : USER_END + PAGE_SIZE);
	}
	gather_flush(&g);
	ASSERT(mm->map_count == 0 && mm_rss_pages(mm) == 0);
	ASSERT(atomic_load_explicit(&mm->table_pages, memory_order_relaxed) == 1);
}

/* Nobody runs on mm any more; CPUs may still have it loaded. */
static void mm_teardown(struct mm *mm) MAY_SLEEP EXCLUDES(mm_role)
{
	struct list dead = LIST_INIT(dead);

	tlb_drop_space(&mm->space);
	unmap_all(mm, &dead);
	page_put(phys_to_page(mm->space.root));
	mem_account(MEM_TABLE, -1);
	vma_dispose(&dead);
	if (mm->exe_file) {
		mm_file_ops->put(mm->exe_file);
	}
	mm_unhold(mm); /* the users' */
}

void mm_put(struct mm *mm)
{
	if (mm && refcount_put(&mm->users)) {
		mm_teardown(mm);
	}
}

struct mm *mm_swap_current(struct mm *mm)
{
	struct thread *t = thread_current();
	struct mm *old = t->mm;

	t->mm = mm;
	t->arch.space = &mm->space;
	arch_load_space(&mm->space);
	return old;
}

static void copy_fields(struct mm *to, const struct mm *from) REQUIRES(mm_role)
{
	to->mmap_base = from->mmap_base;
	to->gap_hint = from->mmap_base; /* DONTFORK may leave gaps */
	to->gap_hole = 0;
	to->brk_start = from->brk_start;
	to->brk_end = from->brk_end;
	to->start_code = from->start_code;
	to->end_code = from->end_code;
	to->start_data = from->start_data;
	to->end_data = from->end_data;
	to->start_stack = from->start_stack;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	to->vdso_base = from->vdso_base;
	memcpy(to->auxv, from->auxv, sizeof(to->auxv));
	to->auxv_words = from->auxv_words;
	to->dumpable = from->dumpable;
	to->no_huge = READ_ONCE(from->no_huge);
	atomic_init(&to->membarrier_state, atomic_load(&from->membarrier_state));
	to->exe_file = from->exe_file;
	if (to->exe_file) {
		mm_file_ops->get(to->exe_file);
	}
}

static int fork_vma(struct mm *to, struct vma *v, bool *flush) REQUIRES(mm_role)
{
	struct vma_kind kind = { v->flags & ~(uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT), v->object,
				 v->file, v->special, v->special_name };
	struct vma *copy = vma_new(to, v->start, v->end, &kind, v->pgoff);

	if (!copy) {
		return -ENOMEM;
	}
	vma_insert(to, copy);
	if (v->flags & (VMA_SHARED | VMA_WIPEONFORK)) {
		return 0;
	}
	return pt_copy(to, v, flush);
}

/* Processes that run need pages more than one that does not exist yet: a fork bomb meets
 * -ENOMEM before the others meet the OOM killer. */
static bool memory_for_fork(const struct mm *from)
{
	uint64_t want = mem_total_pages() / 16 + from->table_pages, have = mem_available_pages();
	struct mem_stats s;

	if (likely(have >= want)) {
		return true;
	}
	mem_get_stats(&s);
	if (have + s.cache_pages < want) {
		return false;
	}
	mem_reclaim(want - have);
	return mem_available_pages() >= want;
}

int mm_fork(struct mm *from, struct mm **out)
{
	bool flush = false;
	struct mm *to;
	struct rb_node *n;
	int err = memory_for_fork(from) ? mm_create(&to) : -ENOMEM;

	if (err) {
		return err;
	}
	refcount_init(&to->users, 0); /* nobody can reach it */
	err = rwsem_write_lock_killable(&from->lock);
	if (err) {
		mm_teardown(to);
		return err;
	}
	copy_fields(to, from);
	for (n = rb_first(&from->vmas); n && !err; n = rb_next(n)) {
		struct vma *v = rb_entry(n, struct vma, node);

		if (!(v->flags & VMA_DONTFORK)) {
			err = fork_vma(to, v, &flush);
		}
	}
	/* what the parent could write is shared now, even if the fork failed */
	if (flush) {
		tlb_flush_range(from, 0, USER_END);
	}
	rwsem_write_unlock(&from->lock);
	if (err) {
		mm_teardown(to);
		return err;
	}
	refcount_init(&to->users, 1);
	*out = to;
	return 0;
}

uint64_t mm_rss_pages(const struct mm *mm)
{
	int64_t n = atomic_load_explicit(&mm->rss_anon, memory_order_relaxed) +
		    atomic_load_explicit(&mm->rss_file, memory_order_relaxed) +
		    atomic_load_explicit(&mm->rss_shmem, memory_order_relaxed);

	return n > 0 ? (uint64_t)n : 0;
}

uint64_t mm_peak_rss_pages(const struct mm *mm)
{
	return MAX(atomic_load_explicit(&mm->peak_rss, memory_order_relaxed), mm_rss_pages(mm));
}

int mm_for_each_vma_from(struct mm *mm, uint64_t addr, int (*fn)(const struct vma *v, void *arg),
			 void *arg)
{
	int r = 0;

	rwsem_read_lock(&mm->lock);
	for (struct vma *v = vma_find(mm, addr); v && !r; v = vma_next(v)) {
		r = fn(v, arg);
	}
	rwsem_read_unlock(&mm->lock);
	return r;
}

int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, void *arg), void *arg)
{
	return mm_for_each_vma_from(mm, 0, fn, arg);
}
