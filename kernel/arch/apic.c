/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: x2APIC through MSRs when the CPU offers it (KVM), else registers
 * in memory.  QEMU and KVM deliver an IPI at the write of ICR, so its delivery
 * status is never busy and is not polled.
 */
#include <arch/irq.h>
#include <lib/assert.h>
#include "arch_internal.h"

enum {
	REG_ID = 0x20,
	REG_TPR = 0x80,
	REG_EOI = 0xb0,
	REG_SPURIOUS = 0xf0,
	REG_ICR = 0x300,
	REG_ICR_HIGH = 0x310,
	REG_LVT_TIMER = 0x320,
	REG_LVT_LINT0 = 0x350,
	REG_LVT_LINT1 = 0x360,
	REG_LVT_ERROR = 0x370,
	REG_TIMER_INITIAL = 0x380,
	REG_TIMER_COUNT = 0x390,
	REG_TIMER_DIVIDE = 0x3e0,
};
#define APIC_PHYS 0xfee00000ul
#define BASE_ENABLE (1u << 11)
#define BASE_X2APIC (1u << 10)
#define LVT_MASKED (1u << 16)
#define LVT_NMI (4u << 8)
#define LVT_TSC_DEADLINE (2u << 17)
#define DIVIDE_BY_1 0xb
#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_ASSERT (1u << 14)

static volatile char *regs;
static bool x2apic;

static uint32_t apic_read(unsigned reg)
{
	if (x2apic) {
		return rdmsr(0x800 + reg / 16);
	}
	return *(volatile uint32_t *)(regs + reg);
}

static void apic_write(unsigned reg, uint32_t v)
{
	if (x2apic) {
		wrmsr(0x800 + reg / 16, v);
	} else {
		*(volatile uint32_t *)(regs + reg) = v;
	}
}

static uint32_t apic_id(void)
{
	return x2apic ? apic_read(REG_ID) : apic_read(REG_ID) >> 24;
}

void apic_init(void)
{
	x2apic = cpu_features.x2apic;
	regs = paging_map_mmio(APIC_PHYS, PAGE_SIZE);
	if (!regs) {
		panic("apic: registers at %#lx overlap RAM", APIC_PHYS);
	}
	/* The 8259s are not used: mask both. */
	__asm__ volatile("outb %0, $0x21\n\toutb %0, $0xa1" ::"a"((uint8_t)0xff));
	apic_init_cpu();
}

void apic_init_cpu(void)
{
	if (x2apic) {
		uint64_t base = rdmsr(MSR_APIC_BASE);

		if (!(base & BASE_X2APIC)) {
			wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
		}
	}
	apic_write(REG_TPR, 0);
	apic_write(REG_LVT_TIMER, LVT_MASKED);
	apic_write(REG_LVT_LINT0, LVT_MASKED);
	apic_write(REG_LVT_LINT1, LVT_NMI);
	apic_write(REG_LVT_ERROR, LVT_MASKED);
	apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(REG_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
	this_cpu()->pub.apic_id = apic_id();
}

void apic_eoi(void)
{
	if (!paravirt_eoi()) {
		apic_write(REG_EOI, 0);
	}
}

static void icr_write(uint32_t target, uint32_t low)
{
	if (x2apic) {
		/* A plain store before must be seen by the target: WRMSR to x2APIC
		 * registers does not order. */
		__asm__ volatile("mfence" ::: "memory");
		wrmsr(0x800 + REG_ICR / 16, (uint64_t)target << 32 | low);
		return;
	}
	uint64_t flags = irq_save();

	apic_write(REG_ICR_HIGH, target << 24);
	apic_write(REG_ICR, low);
	irq_restore(flags);
}

void apic_send_ipi(uint32_t target, uint32_t vector)
{
	icr_write(target, ICR_ASSERT | vector);
}

void apic_send_nmi(uint32_t target)
{
	icr_write(target, ICR_ASSERT | ICR_NMI);
}

void apic_send_init(uint32_t target)
{
	icr_write(target, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t target, uint32_t phys)
{
	icr_write(target, ICR_ASSERT | ICR_STARTUP | phys >> PAGE_SHIFT);
}

void apic_timer_mode(bool deadline)
{
	apic_write(REG_LVT_TIMER, VECTOR_TIMER | (deadline ? LVT_TSC_DEADLINE : 0));
	if (deadline) {
		/* SDM 3A, 11.5.4.1: the LVT write must be done before the MSR's. */
		__asm__ volatile("mfence" ::: "memory");
	}
}

void apic_timer_oneshot(uint32_t count)
{
	apic_write(REG_TIMER_INITIAL, count);
}

uint32_t apic_timer_count(void)
{
	return apic_read(REG_TIMER_COUNT);
}
