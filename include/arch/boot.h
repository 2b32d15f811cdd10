/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the firmware told us; copied before memory management starts.
 *
 * Order: pvh.S enters boot_entry(), which gives the boot CPU its GDT, IDT, stacks
 * and GS, and calls kernel_main(), interrupts off.  That calls, in this order,
 * boot_init(), paging_init(), smp_init(), apic_init(), clock_init() (arch/clock.h);
 * from then on boot_alloc() serves mm until mm takes over what is left.
 */
#include <lib/util.h>

struct mem_range {
	uint64_t start, end; /* physical, bytes, page aligned inwards; [start, end) */
};
#define BOOT_MAX_RANGES 32
struct boot_info {
	struct mem_range ram[BOOT_MAX_RANGES]; /* usable, sorted, disjoint, without kernel image
						* and low 64 KiB of firmware data */
	unsigned ram_count;
	uint64_t total_ram;		   /* bytes reported usable */
	uint64_t kernel_start, kernel_end; /* physical image incl. bss */
	char cmdline[2048];
	uint64_t entry_tsc; /* at kernel entry */
};
extern struct boot_info boot_info;

/* Reads the loader's start_info into boot_info.  Panics when it makes no sense. */
void boot_init(void);

/* Early pages (page tables, page array) before the page allocator exists: takes
 * from boot_info.ram, zeroed, physical address; panics when there is none. */
uint64_t boot_alloc(size_t bytes, size_t align);
