/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts, from entry.S to whom they concern.
 *
 * Interrupts are off on entry.  Traps of a program, and page faults inside a user copy, turn them
 * on and may sleep; whatever else the kernel itself trapped on is a bug and panics.  Handlers of
 * interrupts run with irq_depth > 0 and never sleep.
 */
#include <arch/trap.h>
#include <arch/upcalls.h>
#include <lib/assert.h>
#include "arch_internal.h"

#define IDT_GATE 0x8e00 /* present, DPL 0, interrupt gate */
#define IDT_DPL3 0x6000

struct idt_gate {
	uint16_t offset_low, selector, flags, offset_mid;
	uint32_t offset_high, reserved;
};
static struct idt_gate idt[256] ALIGNED(4096);

struct ex_entry {
	int32_t insn, fixup; /* relative to the field itself */
};
extern const struct ex_entry ex_table_start[], ex_table_end[];

enum {
	EX_DB = 1,
	EX_NMI = 2,
	EX_BP = 3,
	EX_OF = 4,
	EX_UD = 6,
	EX_DF = 8,
	EX_GP = 13,
	EX_PF = 14,
	EX_MC = 18,
};

static const char *const names[] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"no FPU",
	"double fault",
	"9",
	"invalid TSS",
	"segment not present",
	"stack segment",
	"general protection",
	"page fault",
	"15",
	"x87 error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization",
	"control protection",
};

void idt_init(void)
{
	for (unsigned v = 0; v < 256; v++) {
		uint64_t stub = (uint64_t)entry_stubs + 16 * v;
		unsigned ist = v == EX_NMI				? IST_NMI
			       : v == EX_DF || v == EX_MC || v == EX_DB ? IST_FATAL
									: 0;

		idt[v] = (struct idt_gate){
			.offset_low = stub,
			.selector = SEL_KERNEL_CODE,
			.flags = IDT_GATE | ist | (v == EX_BP || v == EX_OF ? IDT_DPL3 : 0),
			.offset_mid = stub >> 16,
			.offset_high = stub >> 32,
		};
	}
}

void idt_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} PACKED idtr = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" ::"m"(idtr));
}

static const struct ex_entry *ex_find(uint64_t rip)
{
	for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++) {
		if ((uint64_t)&e->insn + (uint64_t)(int64_t)e->insn == rip) {
			return e;
		}
	}
	return NULL;
}

static void ex_fixup(struct trap_frame *f, const struct ex_entry *e)
{
	f->rip = (uint64_t)&e->fixup + (uint64_t)(int64_t)e->fixup;
}

static bool in_cpu_guard(uintptr_t addr)
{
	struct cpu_area *a = &boot_cpu_area;

	if (addr >= CPU_AREAS && addr < CPU_AREAS + ((uint64_t)MAX_CPUS << CPU_AREA_SHIFT)) {
		a = (struct cpu_area *)ALIGN_DOWN(addr, 1ul << CPU_AREA_SHIFT);
	}
	return (addr >= (uintptr_t)a->guard0 && addr < (uintptr_t)a->stack) ||
	       (addr >= (uintptr_t)a->guard1 && addr < (uintptr_t)a->nmi_stack);
}

static bool in_kstacks(uintptr_t addr)
{
	return addr >= KSTACK_BASE && addr < KSTACK_BASE + (1ul << 39);
}

/* What a kernel access to addr must have been. */
static const char *fault_kind(const struct trap_frame *f, uintptr_t addr, uint64_t error)
{
	if (error & PF_INSTR) {
		return addr < USER_END ? "jump into user memory (SMEP) or through a null pointer"
				       : "execution of a no-execute page";
	}
	if (addr < PAGE_SIZE) {
		return "null pointer";
	}
	if (in_cpu_guard(addr) || in_kstacks(addr)) {
		return "stack guard page";
	}
	if (addr < USER_END) {
		return (error & PF_PRESENT) && !(f->rflags & RFLAGS_AC)
			       ? "user memory outside a user copy (SMAP)"
			       : "user address used as a pointer";
	}
	return error & PF_PRESENT ? "write to read-only memory" : "unmapped kernel address";
}

NORETURN static void kernel_fault_panic(const struct trap_frame *f, uintptr_t addr, uint64_t error)
{
	panic_trap(f, "page fault in the kernel: %s of %#lx: %s",
		   error & PF_INSTR   ? "execution"
		   : error & PF_WRITE ? "write"
				      : "read",
		   addr, fault_kind(f, addr, error));
}

static void page_fault(struct trap_frame *f, uint64_t error)
{
	uintptr_t addr = read_cr2();

	if (trap_from_user(f)) {
		irq_on();
		/* QEMU 7.2 (TCG) lets IRETQ and far returns of a program pop its stack with the
		 * kernel's rights: SMAP refuses what is there, and would for ever. */
		if ((error & (PF_PRESENT | PF_USER)) == PF_PRESENT) {
			upcall_user_exception(f, EX_GP, 0);
		} else {
			upcall_page_fault(f, addr, error);
		}
		return;
	}
	const struct ex_entry *e = ex_find(f->rip);
	struct arch_thread *t = arch_current();

	if (!e || addr >= USER_END || !t) {
		kernel_fault_panic(f, addr, error);
	}
	if (t->nofault == 0) {
		if (!(f->rflags & RFLAGS_IF)) {
			panic_trap(f, "user copy with interrupts off at %#lx", addr);
		}
		irq_on();
		bool resolved = upcall_page_fault(f, addr, error);

		irq_off();
		if (resolved) {
			return;
		}
	}
	ex_fixup(f, e);
}

static void exception(struct trap_frame *f, unsigned vector, uint64_t error)
{
	if (trap_from_user(f)) {
		if (vector == EX_DB) {
			__asm__ volatile("movq %0, %%dr6" ::"r"(0xffff0ff0ul));
		}
		irq_on();
		upcall_user_exception(f, vector, error);
		return;
	}
	if (vector == EX_UD && paging_kernel_mapped(f->rip) &&
	    *(const uint16_t *)f->rip == 0x0b0f) {
		panic_trap(f, "undefined behaviour (UBSan) or unreachable code");
	}
	panic_trap(f, "%s (vector %u, error %#lx) in the kernel",
		   vector < ARRAY_SIZE(names) ? names[vector] : "exception", vector, error);
}

static void interrupt(unsigned vector)
{
	struct cpu_private *c = this_cpu();

	c->pub.irq_depth++;
	switch (vector) {
	case VECTOR_TIMER:
		apic_eoi();
		clock_interrupt();
		break;
	case VECTOR_KICK:
		apic_eoi();
		/* Before the upcall: what is posted after this brings a new kick. */
		atomic_store_explicit(&c->kick_pending, false, memory_order_seq_cst);
		upcall_kick();
		break;
	case VECTOR_CALL:
		apic_eoi();
		smp_call_interrupt();
		break;
	case VECTOR_SPURIOUS: break; /* no EOI */
	default: ioapic_interrupt(vector);
	}
	c->pub.irq_depth--;
}

/* From entry.S, interrupts off. */
void trap_entry(struct trap_frame *f, unsigned vector, uint64_t error)
{
	if (vector >= 32) {
		interrupt(vector);
	} else if (vector == EX_PF) {
		page_fault(f, error);
	} else {
		exception(f, vector, error);
	}
}

static NORETURN void double_fault(const struct trap_frame *f)
{
	uintptr_t addr = read_cr2();
	uintptr_t distance = addr > f->rsp ? addr - f->rsp : f->rsp - addr;

	if (distance < PAGE_SIZE && (in_cpu_guard(addr) || in_kstacks(addr))) {
		panic_trap(f, "kernel stack overflow (double fault, stack at %#lx)", f->rsp);
	}
	panic_trap(f, "double fault (cr2 %#lx)", addr);
}

/* On an IST stack, GS valid, interrupts off. */
void trap_ist_entry(struct trap_frame *f, unsigned vector, uint64_t error)
{
	struct cpu_private *c = this_cpu();

	switch (vector) {
	case EX_NMI:
		c->in_nmi = true;
		if (!smp_stop_nmi(f)) {
			/* from QEMU's monitor: by the launcher, when a program's time is over */
			panic_state(f);
		}
		c->in_nmi = false;
		return;
	case EX_DF: double_fault(f);
	case EX_MC: panic_trap(f, "machine check");
	default: panic_trap(f, "%s (error %#lx) in the kernel", names[vector], error);
	}
}

/* Hardware would raise #GP at the IRET, in the kernel. */
void trap_bad_user_rip(struct trap_frame *f)
{
	upcall_user_exception(f, EX_GP, 0);
}

bool cpu_in_nmi(void)
{
	return this_cpu()->in_nmi;
}
