/* SPDX-License-Identifier: MIT */
/*
 * Kernel stacks lie in slots of KSTACK_SIZE + one page that is never mapped: running off
 * the low end faults (double fault, on a stack of its own).  Free stacks are linked
 * through their first word, a few per CPU and the rest in one list, and stay mapped.
 */
#include <arch/cpu.h>
#include <lib/assert.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <sync/spinlock.h>

#define SLOT_SIZE (KSTACK_SIZE + PAGE_SIZE)
#define MAX_SLOTS (1ul << 20)
#define PER_CPU 4

struct cpu_stacks {
	void *head;
	unsigned count;
};
static struct {
	SPINLOCK(kstack) lock; /* also serialises paging_map_kernel() */
	void *free GUARDED_BY(kstack_role);
	uint64_t slots GUARDED_BY(kstack_role);	 /* slots below are mapped */
	unsigned mapped GUARDED_BY(kstack_role); /* pages of the slot above them */
} stacks = { .lock = SPINLOCK_INIT(RANK_SLAB, "kstack") };
static struct cpu_stacks cpu_stacks[MAX_CPUS];

/* Maps what the slot lacks.  After a failure the pages so far stay mapped and are used by
 * the next attempt. */
static void *stack_map_locked(void) REQUIRES(kstack_role)
{
	uintptr_t base = KSTACK_BASE + stacks.slots * SLOT_SIZE + PAGE_SIZE;

	spin_assert_held(&stacks.lock);
	if (stacks.slots >= MAX_SLOTS) {
		return NULL;
	}
	while (stacks.mapped < KSTACK_SIZE / PAGE_SIZE) {
		struct page *p = page_alloc(0, 0);

		if (!p) {
			return NULL;
		}
		if (paging_map_kernel(base + stacks.mapped * PAGE_SIZE, page_to_phys(p), PAGE_SIZE,
				      PTE_P | PTE_W | PTE_NX | PTE_G, page_alloc_table)) {
			page_put(p);
			return NULL;
		}
		stacks.mapped++;
	}
	stacks.mapped = 0;
	stacks.slots++;
	return (void *)base;
}

static void *stack_alloc_global(void)
{
	uint64_t irq = spin_lock_irqsave(&stacks.lock);
	void *s = stacks.free;

	if (s) {
		stacks.free = *(void **)s;
	} else {
		s = stack_map_locked();
	}
	spin_unlock_irqrestore(&stacks.lock, irq);
	return s;
}

void *kstack_alloc(void)
{
	uint64_t irq = irq_save();
	struct cpu_stacks *c = &cpu_stacks[cpu_id()];
	void *s = c->head;

	if (s) {
		c->head = *(void **)s;
		c->count--;
	}
	irq_restore(irq);
	return s ? s : stack_alloc_global();
}

void kstack_free(void *stack)
{
	uint64_t irq;
	struct cpu_stacks *c;

	if (!stack) {
		return;
	}
	ASSERT(((uintptr_t)stack - KSTACK_BASE) % SLOT_SIZE == PAGE_SIZE);
	irq = irq_save();
	c = &cpu_stacks[cpu_id()];
	if (c->count < PER_CPU) {
		*(void **)stack = c->head;
		c->head = stack;
		c->count++;
	} else {
		spin_lock(&stacks.lock);
		*(void **)stack = stacks.free;
		stacks.free = stack;
		spin_unlock(&stacks.lock);
	}
	irq_restore(irq);
}
