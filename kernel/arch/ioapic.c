/* SPDX-License-Identifier: MIT */
/*
 * The IOAPIC: which interrupt line goes to which CPU and handler.
 *
 * Lines are registered and never given back, so the interrupt needs no lock: it finds no handler,
 * or a whole entry, as `fn` is stored last.  A level-triggered line is acknowledged after its
 * handler has quieted the device, or it would come again at once.
 */
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
	void (*_Atomic fn)(void *arg); /* set last */
	void *arg;
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

int irq_register(unsigned irq, void (*fn)(void *arg), void *arg, bool level)
{
	int pin = pin_of(irq);
	int err = 0;

	ASSERT(fn);
	if (pin < 0) {
		return pin;
	}
	uint64_t flags = ioapic_lock();
	struct irq_line *l = &lines[pin];

	if (atomic_load_explicit(&l->fn, memory_order_relaxed)) {
		err = -EBUSY;
	} else {
		l->arg = arg;
		l->level = level;
		l->cpu = next_cpu++ % cpu_count();
		/* pairs with ioapic_interrupt() */
		atomic_store_explicit(&l->fn, fn, memory_order_release);
		program(pin);
	}
	ioapic_unlock(flags);
	return err;
}

/* More CPUs came online: the lines registered so far move apart. */
void ioapic_spread(void)
{
	uint64_t flags = ioapic_lock();

	next_cpu = 0;
	for (unsigned pin = 0; pin < pins; pin++) {
		if (atomic_load_explicit(&lines[pin].fn, memory_order_relaxed)) {
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
	/* pairs with irq_register() */
	void (*fn)(void *) = atomic_load_explicit(&l->fn, memory_order_acquire);

	if (fn) {
		fn(l->arg);
	}
	apic_eoi();
}
