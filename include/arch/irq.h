/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Device interrupts through the IOAPIC.  virtio-mmio lines are level triggered;
 * handlers run with interrupts off on the CPU the line is routed to (spread
 * round robin), EOI after the handler.
 */
#include <lib/util.h>

/* Routes `irq` (ISA number, or global system interrupt) to a CPU and calls
 * fn(arg) for each.  0, -EINVAL (no such line), -EBUSY. */
MUST_USE int irq_register(unsigned irq, void (*fn)(void *arg), void *arg, bool level);

/* Boot CPU: local APIC after paging_init() and smp_init(), then the IOAPIC. */
void apic_init(void);
void ioapic_init(void);
