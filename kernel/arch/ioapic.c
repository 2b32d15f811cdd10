/* SPDX-License-Identifier: MIT */
#include <arch/irq.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <linux/errno.h>
#include "arch_internal.h"
#include "smp.h"

#define IOAPIC_DEFAULT 0xfec00000ul
#define MAX_PINS (VECTOR_IRQ_LAST - VECTOR_IRQ_FIRST + 1)
enum { REG_VERSION = 1, REG_ENTRY = 0x10 };
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)

struct irq_line {
	void (*fn)(void *arg); /* set last, with release: see ioapic_interrupt() */
	void *arg;
	const char *name;
	_Atomic uint64_t count;
	unsigned cpu;
	bool level;
};
static struct irq_line lines[MAX_PINS];
static volatile uint32_t *regs; /* [0] selects, [4] is the window */
static unsigned pins;
static unsigned next_cpu;
/* Guards the selector and the registration; never taken by interrupts. */
static atomic_flag busy = ATOMIC_FLAG_INIT;

static uint64_t ioapic_lock(void)
{
	uint64_t flags = irq_save();

	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
		cpu_pause();
	}
	return flags;
}

static void ioapic_unlock(uint64_t flags)
{
	atomic_flag_clear_explicit(&busy, memory_order_release);
	irq_restore(flags);
}

static uint32_t ioapic_read(unsigned reg)
{
	regs[0] = reg;
	return regs[4];
}

static void ioapic_write(unsigned reg, uint32_t v)
{
	regs[0] = reg;
	regs[4] = v;
}

static void program(unsigned pin)
{
	const struct irq_line *l = &lines[pin];
	uint32_t apic = cpu_table[l->cpu]->pub.apic_id;

	ioapic_write(REG_ENTRY + 2 * pin, ENTRY_MASKED);
	ioapic_write(REG_ENTRY + 2 * pin + 1, apic << 24);
	ioapic_write(REG_ENTRY + 2 * pin, (VECTOR_IRQ_FIRST + pin) | (l->level ? ENTRY_LEVEL : 0));
}

void ioapic_init(void)
{
	uint64_t phys = mp_info.ioapic ? mp_info.ioapic : IOAPIC_DEFAULT;

	regs = paging_map_mmio(phys, 0x20);
	if (!regs) {
		panic("ioapic: registers at %#lx overlap RAM", phys);
	}
	uint32_t version = ioapic_read(REG_VERSION);

	if (version == UINT32_MAX) {
		log_error("ioapic: none at %#lx, no device will work", phys);
		return;
	}
	/* Entries come masked out of reset. */
	pins = MIN((version >> 16 & 0xff) + 1, (unsigned)MAX_PINS);
}

static int pin_of(unsigned irq)
{
	unsigned pin = irq < ARRAY_SIZE(mp_info.isa_pin) && mp_info.cpu_count ? mp_info.isa_pin[irq]
									      : irq;

	return pin < pins ? (int)pin : -EINVAL;
}

int irq_register(unsigned irq, void (*fn)(void *arg), void *arg, const char *name, bool level)
{
	int pin = pin_of(irq);
	int err = 0;

	if (pin < 0) {
		return pin;
	}
	uint64_t flags = ioapic_lock();
	struct irq_line *l = &lines[pin];

	if (l->fn) {
		err = -EBUSY;
	} else {
		l->arg = arg;
		l->name = name;
		l->level = level;
		l->cpu = next_cpu++ % cpu_count();
		__atomic_store_n(&l->fn, fn, __ATOMIC_RELEASE);
		program(pin);
	}
	ioapic_unlock(flags);
	return err;
}

uint64_t irq_count(unsigned irq)
{
	int pin = pin_of(irq);

	return pin < 0 ? 0 : atomic_load_explicit(&lines[pin].count, memory_order_relaxed);
}

const char *irq_name(unsigned irq)
{
	int pin = pin_of(irq);

	return pin < 0 || !lines[pin].fn ? NULL : lines[pin].name;
}

/* More CPUs came online: the lines registered so far move apart. */
void ioapic_spread(void)
{
	uint64_t flags = ioapic_lock();

	next_cpu = 0;
	for (unsigned pin = 0; pin < pins; pin++) {
		if (lines[pin].fn) {
			lines[pin].cpu = next_cpu++ % cpu_count();
			program(pin);
		}
	}
	ioapic_unlock(flags);
}

void ioapic_interrupt(unsigned vector)
{
	unsigned pin = vector - VECTOR_IRQ_FIRST;
	struct irq_line *l = &lines[pin];

	if (vector < VECTOR_IRQ_FIRST || pin >= pins) {
		log_warn("apic: unexpected interrupt %u", vector);
		apic_eoi();
		return;
	}
	/* pairs with the release in irq_register() */
	void (*fn)(void *) = __atomic_load_n(&l->fn, __ATOMIC_ACQUIRE);

	if (fn) {
		fn(l->arg);
	}
	atomic_fetch_add_explicit(&l->count, 1, memory_order_relaxed);
	apic_eoi();
}
