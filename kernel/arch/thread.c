/* SPDX-License-Identifier: MIT */
/*
 * The machine part of threads: first stacks, the switch, page tables, FS and GS bases.
 *
 * A CPU's `space` and `lazy` are its own, with interrupts off; the masks in a space are what
 * others see.  active_cpus gets the CPU's bit before CR3 is loaded and loses it after CR3 was
 * left, so a shootdown that misses the bit has changed the tables before this CPU could cache
 * them.
 */
#include <arch/thread.h>
#include <arch/paging.h>
#include <lib/assert.h>
#include <lib/string.h>
#include "arch_internal.h"

/* What switch_stacks() pops, lowest address first. */
struct switch_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp, rip;
};

static struct switch_frame *push_switch_frame(struct arch_thread *t, uint64_t sp,
					      void (*start)(void))
{
	struct switch_frame *s = (struct switch_frame *)sp - 1;

	memset(s, 0, sizeof(*s));
	s->rip = (uint64_t)start;
	t->sp = (uint64_t)s;
	t->fpu_cpu = -1;
	t->in_user = 0;
	return s;
}

void arch_thread_init_kernel(struct arch_thread *t, void *stack_top, void (*fn)(void *arg),
			     void *arg)
{
	struct switch_frame *s;

	ASSERT(IS_ALIGNED((uint64_t)stack_top, 16));
	t->kstack_top = (uint64_t)stack_top;
	s = push_switch_frame(t, (uint64_t)stack_top, thread_start_kernel);
	s->rbx = (uint64_t)fn;
	s->r12 = (uint64_t)arg;
}

void arch_thread_init_user(struct arch_thread *t, void *stack_top, const struct trap_frame *regs)
{
	struct trap_frame *f;

	ASSERT(IS_ALIGNED((uint64_t)stack_top, 16));
	t->kstack_top = (uint64_t)stack_top;
	f = arch_user_frame(t);
	*f = *regs;
	f->cs = SEL_USER_CODE;
	f->ss = SEL_USER_DATA;
	/* 8 bytes of padding: entry.S calls with a stack of 16-byte alignment */
	push_switch_frame(t, (uint64_t)f - 8, thread_start_user);
}

void arch_thread_adopt(struct arch_thread *t)
{
	struct cpu_private *c = this_cpu();
	struct cpu_area *area = container_of(c, struct cpu_area, cpu);

	t->kstack_top = (uint64_t)area->guard1; /* where its stack ends */
	t->fpu = NULL;
	t->fpu_cpu = -1;
	t->space = NULL;
	c->pub.kernel_rsp = t->kstack_top;
	c->tss.rsp[0] = t->kstack_top;
	c->pub.current = t;
}

uint64_t arch_thread_frame_pointer(const struct arch_thread *t)
{
	const struct switch_frame *s = (const struct switch_frame *)t->sp;

	return paging_kernel_mapped(t->sp) && paging_kernel_mapped((uint64_t)&s->rbp) ? s->rbp : 0;
}

void arch_enter_user(void)
{
	struct arch_thread *t = arch_current();

	irq_off();
	enter_user(arch_user_frame(t));
}

/* With FSGSBASE the program changes its bases on its own; without, only through
 * arch_set_*().  Its GS base is in MSR_KERNEL_GS_BASE while the kernel runs. */
static uint64_t live_fs_base(void)
{
	uint64_t v;

	__asm__ volatile("rdfsbase %0" : "=r"(v));
	return v;
}

static uint64_t live_gs_base(void)
{
	uint64_t flags = irq_save();
	uint64_t v;

	__asm__ volatile("swapgs; rdgsbase %0; swapgs" : "=r"(v));
	irq_restore(flags);
	return v;
}

static void load_fs_base(uint64_t base)
{
	if (cpu_features.fsgsbase) {
		__asm__ volatile("wrfsbase %0" ::"r"(base));
	} else {
		wrmsr(MSR_FS_BASE, base);
	}
}

static void load_gs_base(uint64_t base)
{
	if (cpu_features.fsgsbase) {
		uint64_t flags = irq_save();

		__asm__ volatile("swapgs; wrgsbase %0; swapgs" ::"r"(base));
		irq_restore(flags);
	} else {
		wrmsr(MSR_KERNEL_GS_BASE, base);
	}
}

static void save_user_registers(struct arch_thread *t)
{
	fpu_save_area(t->fpu);
	if (cpu_features.fsgsbase) {
		t->fs_base = live_fs_base();
		t->gs_base = live_gs_base();
	}
}

static void load_user_registers(struct cpu_private *c, struct arch_thread *t)
{
	/* Nobody ran with other values here since: a kernel thread has none. */
	if (c->regs_owner == t && t->fpu_cpu == (int32_t)c->pub.id) {
		return;
	}
	fpu_load_area(t->fpu);
	load_fs_base(t->fs_base);
	load_gs_base(t->gs_base);
	c->regs_owner = t;
	t->fpu_cpu = (int32_t)c->pub.id;
}

/* Interrupts off.  From here on shootdowns only leave a note. */
static void enter_lazy(struct cpu_private *c)
{
	if (!c->lazy && c->space != &kernel_space) {
		c->lazy = true;
		atomic_fetch_or_explicit(&c->space->lazy_cpus, 1ull << c->pub.id,
					 memory_order_seq_cst);
	}
}

/* True: a shootdown left its note. */
static bool leave_lazy(struct cpu_private *c, uint64_t bit)
{
	if (!c->lazy) {
		return false;
	}
	c->lazy = false;
	/* Pairs with mm/shootdown.c, which leaves its note and then looks at lazy_cpus. */
	atomic_fetch_and_explicit(&c->space->lazy_cpus, ~bit, memory_order_seq_cst);
	return (atomic_load_explicit(&c->space->stale_cpus, memory_order_seq_cst) & bit) != 0;
}

static void load_space(struct cpu_private *c, struct arch_space *s)
{
	struct arch_space *old = c->space;
	uint64_t bit = 1ull << c->pub.id;
	bool stale = leave_lazy(c, bit);

	if (stale) {
		atomic_fetch_and_explicit(&old->stale_cpus, ~bit, memory_order_seq_cst);
	}
	if (old == s) {
		if (stale) {
			write_cr3(s->root);
		}
		return;
	}
	/* Before the load: a shootdown that misses the bit has changed the tables
	 * before we can cache anything of them. */
	atomic_fetch_or_explicit(&s->active_cpus, bit, memory_order_seq_cst);
	c->space = s;
	write_cr3(s->root);
	atomic_fetch_and_explicit(&old->active_cpus, ~bit, memory_order_seq_cst);
}

void arch_load_space(struct arch_space *s)
{
	uint64_t flags = irq_save();

	load_space(this_cpu(), s);
	irq_restore(flags);
}

void arch_switch(struct arch_thread *prev, struct arch_thread *next)
{
	struct cpu_private *c = this_cpu();

	DEBUG_ASSERT(!irq_enabled());
	if (prev->fpu) {
		save_user_registers(prev);
	}
	if (next->fpu) {
		load_user_registers(c, next);
	}
	if (next->space) {
		load_space(c, next->space);
	} else {
		enter_lazy(c);
	}
	c->pub.kernel_rsp = next->kstack_top;
	c->tss.rsp[0] = next->kstack_top;
	c->pub.current = next;
	switch_stacks(&prev->sp, next->sp);
}

uint64_t arch_get_fs_base(const struct arch_thread *t)
{
	return t == arch_current() && cpu_features.fsgsbase ? live_fs_base() : t->fs_base;
}

uint64_t arch_get_gs_base(const struct arch_thread *t)
{
	return t == arch_current() && cpu_features.fsgsbase ? live_gs_base() : t->gs_base;
}

/* The current thread's registers change: they are no longer those of a thread that
 * was switched out and could come back without a reload. */
static void take_registers(const struct arch_thread *t)
{
	struct cpu_private *c = this_cpu();

	if (c->regs_owner != t) {
		c->regs_owner = NULL;
	}
}

void arch_set_fs_base(struct arch_thread *t, uint64_t base)
{
	t->fs_base = base;
	if (t == arch_current()) {
		take_registers(t);
		load_fs_base(base);
	} else {
		t->fpu_cpu = -1;
	}
}

void arch_set_gs_base(struct arch_thread *t, uint64_t base)
{
	t->gs_base = base;
	if (t == arch_current()) {
		take_registers(t);
		load_gs_base(base);
	} else {
		t->fpu_cpu = -1;
	}
}
