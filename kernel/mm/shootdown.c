/* SPDX-License-Identifier: MIT */
/*
 * TLB shootdown.  A CPU that loads a space sets its bit in active_cpus before it loads
 * CR3; we change the tables before we read the mask.  So either we see the bit, or the
 * CPU sees the new tables.
 *
 * Idle CPUs are left alone: see struct arch_space.  Only when tables go must they hear of
 * it at once, for the processor may walk them at any time.  Of CPUs that the host does not run
 * KVM sees to that.
 */
#include "mm_internal.h"

#include <arch/cpu.h>
#include <arch/paravirt.h>
#include <arch/smp.h>
#include <lib/assert.h>

/* More pages than this and dropping everything is cheaper. */
#define FLUSH_PAGES_MAX 32

struct flush {
	uint64_t start, end;
};

static void flush_local(uint64_t start, uint64_t end)
{
	if (end - start > FLUSH_PAGES_MAX * PAGE_SIZE) {
		tlb_flush_all();
		return;
	}
	for (uint64_t va = start; va < end; va += PAGE_SIZE) {
		tlb_flush_page(va);
	}
}

static void flush_ipi(void *arg)
{
	const struct flush *f = arg;

	flush_local(f->start, f->end);
}

bool tlb_remote(struct mm *mm)
{
	/* Tables first, then the mask: pairs with arch_load_space(), which does the reverse. */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&mm->space.active_cpus, memory_order_relaxed) &
	       ~(1ull << cpu_id());
}

/* Leaves a note for the lazy CPUs of mask; returns those that must be interrupted.  A CPU that
 * leaves idle clears lazy_cpus, then looks at stale_cpus: it sees the note, or we see that it
 * left. */
static uint64_t note_lazy(struct arch_space *space, uint64_t mask)
{
	uint64_t lazy = mask & atomic_load(&space->lazy_cpus);

	if (lazy) {
		atomic_fetch_or(&space->stale_cpus, lazy);
		lazy &= atomic_load(&space->lazy_cpus); /* who left meanwhile may have missed it */
	}
	return mask & ~lazy;
}

static void flush(struct mm *mm, uint64_t start, uint64_t end, bool tables)
{
	uint64_t self = 1ull << cpu_id(), mask;

	atomic_thread_fence(memory_order_seq_cst); /* as in tlb_remote() */
	mask = atomic_load_explicit(&mm->space.active_cpus, memory_order_relaxed);
	if (mask & self) {
		flush_local(start, end);
	}
	mask &= ~self;
	if (mask && !tables) {
		mask = note_lazy(&mm->space, mask);
	}
	if (mask) {
		mask = paravirt_defer_flush(mask);
	}
	if (mask) {
		struct flush f = { start, end };

		smp_call(mask, flush_ipi, &f);
	}
}

void tlb_flush_range(struct mm *mm, uint64_t start, uint64_t end)
{
	ASSERT(start < end && end <= USER_END);
	flush(mm, start, end, false);
}

void gather_init(struct gather *g, struct mm *mm)
{
	g->mm = mm;
	g->start = UINT64_MAX;
	g->end = 0;
	g->n = 0;
	g->dying = false;
	g->tables = false;
}

void gather_flush(struct gather *g)
{
	DEBUG_ASSERT(!spin_held(&g->mm->pt_lock));
	if (g->start < g->end && !g->dying) {
		flush(g->mm, g->start, g->end, g->tables);
	}
	for (unsigned i = 0; i < g->n; i++) {
		page_put(g->pages[i]);
	}
	g->n = 0;
	g->start = UINT64_MAX;
	g->end = 0;
	g->tables = false;
}

static void drop_ipi(void *arg)
{
	struct arch_space *space = arg;

	/* a CPU can have switched away since the mask was read */
	if (atomic_load_explicit(&space->active_cpus, memory_order_relaxed) & 1ull << cpu_id()) {
		arch_load_space(&kernel_space);
	}
}

void tlb_drop_space(struct arch_space *space)
{
	uint64_t self = 1ull << cpu_id();
	uint64_t mask = atomic_load_explicit(&space->active_cpus, memory_order_acquire);

	if (mask & self) {
		arch_load_space(&kernel_space);
	}
	if (mask & ~self) {
		smp_call(mask & ~self, drop_ipi, space);
	}
	ASSERT(atomic_load_explicit(&space->active_cpus, memory_order_acquire) == 0);
}
