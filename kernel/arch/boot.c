/* SPDX-License-Identifier: MIT */
/*
 * From the PVH loader to kernel_main(), and the first allocator.
 *
 * The loader's structures lie in memory that is free RAM from boot_init() on, so all that is
 * needed is copied into boot_info by then.  boot_alloc() takes from boot_info.ram, on the boot
 * CPU only, until phys_init() takes over what is left.
 */
#include <arch/boot.h>
#include <arch/upcalls.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include "arch_internal.h"
#include "memmap.h"

/* Xen, public/arch-x86/hvm/start_info.h */
#define START_INFO_MAGIC 0x336ec578u
struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t modlist, cmdline, rsdp;
	/* version 1 */
	uint64_t memmap;
	uint32_t memmap_entries, reserved;
};

/* The first page tables map this much at address 0. */
#define EARLY_MAPPED (1ul << 30)
#define LOW_RESERVED 0x10000 /* firmware data; also our trampoline */
#define MAX_PHYS (1ul << 42) /* what kernel_slots (paging.c) has room for */

struct boot_info boot_info;
extern uint64_t pvh_entry_tsc;
static uint32_t start_info_phys;

void boot_entry(uint32_t start_info)
{
	start_info_phys = start_info;
	boot_info.entry_tsc = pvh_entry_tsc;
	cpu_detect();
	cpu_setup(&boot_cpu_area.cpu, &boot_cpu_area, 0);
	idt_init();
	idt_load();
	cpu_setup_features();
	fpu_init_boot();
	kernel_main();
}

static const void *early_ptr(uint64_t phys, size_t len, const char *what)
{
	if (phys == 0 || phys > EARLY_MAPPED - len) {
		panic("boot: the loader put the %s at %#lx, outside the first GiB", what, phys);
	}
	return (const void *)phys;
}

void boot_init(void)
{
	const struct start_info *si = early_ptr(start_info_phys, sizeof(*si), "start_info");
	struct boot_info *b = &boot_info;

	if (si->magic != START_INFO_MAGIC) {
		panic("boot: not entered by a PVH loader (magic %#x)", si->magic);
	}
	if (si->version < 1 || si->memmap_entries == 0 || si->memmap_entries > 4096) {
		panic("boot: the loader gives no memory map (version %u, %u entries)", si->version,
		      si->memmap_entries);
	}
	if (si->cmdline) {
		const char *cmdline = early_ptr(si->cmdline, sizeof(b->cmdline), "command line");

		str_copy(b->cmdline, cmdline, sizeof(b->cmdline));
	}
	const struct memmap_entry *map = early_ptr(si->memmap, si->memmap_entries * sizeof(*map),
						   "memory map");

	b->kernel_start = virt_to_phys(image_start);
	b->kernel_end = virt_to_phys(image_end);
	/* QEMU gives RAM at addresses that its CPU can't reach (TCG: above 1 TiB). */
	b->ram_count = memmap_build(map, si->memmap_entries,
				    MIN(MAX_PHYS, 1ul << cpu_features.phys_bits), b->ram,
				    BOOT_MAX_RANGES, &b->total_ram);
	b->ram_count = memmap_exclude(b->ram, b->ram_count, BOOT_MAX_RANGES, 0, LOW_RESERVED);
	/* No DMA from here: the vhost regions leave it out (platform.md). */
	b->ram_count = memmap_exclude(b->ram, b->ram_count, BOOT_MAX_RANGES, 0xf0000, 0x100000);
	b->ram_count = memmap_exclude(b->ram, b->ram_count, BOOT_MAX_RANGES, b->kernel_start,
				      b->kernel_end);
	if (b->ram_count == 0) {
		panic("boot: no usable memory in the loader's map");
	}
}

uint64_t boot_alloc(size_t bytes, size_t align)
{
	struct boot_info *b = &boot_info;

	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	align = MAX(align, PAGE_SIZE);
	/* Above 1 MiB memory is as the VMM made it, zero; below, firmware ran. */
	for (unsigned i = 0; i < b->ram_count; i++) {
		struct mem_range *r = &b->ram[i];
		uint64_t start = ALIGN_UP(r->start, (uint64_t)align);

		if (start < 0x100000 || start >= r->end || r->end - start < bytes) {
			continue;
		}
		if (start == r->start) {
			r->start += bytes;
			if (r->start == r->end) {
				b->ram_count = memmap_exclude(b->ram, b->ram_count, BOOT_MAX_RANGES,
							      start, r->end);
			}
		} else {
			b->ram_count = memmap_exclude(b->ram, b->ram_count, BOOT_MAX_RANGES, start,
						      start + bytes);
		}
		if (CONFIG_DEBUG) {
			const uint64_t *p = phys_to_virt(start);

			for (size_t k = 0; k < bytes / 8; k++) {
				ASSERT(p[k] == 0);
			}
		}
		return start;
	}
	panic("boot: out of memory (%zu bytes wanted; the VM has %lu KiB)", bytes,
	      b->total_ram >> 10);
}
