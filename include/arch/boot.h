/* SPDX-License-Identifier: MIT */
#pragma once
/* What the firmware told us; copied before memory management starts. */
#include <lib/util.h>

struct mem_range {
	uint64_t start, end; /* physical, bytes, page aligned inwards; [start, end) */
};
struct boot_info {
	struct mem_range ram[32]; /* usable, sorted, disjoint, without kernel image and low 64 KiB
				   * of firmware data */
	unsigned ram_count;
	uint64_t total_ram;   /* bytes reported usable */
	uint64_t kernel_start, kernel_end; /* physical image incl. bss */
	char cmdline[2048];
	uint64_t entry_tsc; /* at kernel entry */
};
extern struct boot_info boot_info;

/* Early pages (page tables, page array) before the page allocator exists: takes
 * from boot_info.ram, zeroed, physical address; panics when there is none. */
uint64_t boot_alloc(size_t bytes, size_t align);
