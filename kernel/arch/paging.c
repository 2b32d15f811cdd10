/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own page tables.
 *
 * Every PML4 entry of the kernel half is made during boot and then never changes, so each space
 * copies them once (paging_init_root()) and sees all later mappings.  After paging_init() no page
 * is both writable and executable: the image in 4 KiB pages by section, the direct map without
 * execution.
 */
#include <arch/paging.h>
#include <arch/boot.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include "arch_internal.h"

#define MB2 (2ul << 20)
#define GB1 (1ul << 30)
#define PT_ENTRIES 512
#define IMAGE_TABLES 2
#define TABLE_FLAGS (PTE_P | PTE_W)
#define RAM_FLAGS (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX)

struct arch_space kernel_space;

static uint64_t image_pd[PT_ENTRIES] ALIGNED(4096);
static uint64_t image_pt[IMAGE_TABLES][PT_ENTRIES] ALIGNED(4096);
/* For device registers above the hole below 4 GiB, or where no table is yet. */
static uint64_t mmio_pd[PT_ENTRIES] ALIGNED(4096);
static bool mmio_pd_used;

/* The entries of boot_pml4 in the kernel half that exist. */
static uint16_t kernel_slots[16];
static unsigned kernel_slot_count;

static inline unsigned pml4_index(uintptr_t va)
{
	return va >> 39 & 511;
}

static inline uint64_t *table_of(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

static uint64_t boot_alloc_table(void)
{
	return boot_alloc(PAGE_SIZE, PAGE_SIZE);
}

static void map_image(char *start, char *end, uint64_t flags)
{
	for (char *va = start; va < end; va += PAGE_SIZE) {
		uint64_t phys = virt_to_phys(va);

		image_pt[phys / MB2][phys / PAGE_SIZE % PT_ENTRIES] = phys | flags;
	}
}

static void unmap_image_page(const char *va)
{
	uint64_t phys = virt_to_phys(va);

	image_pt[phys / MB2][phys / PAGE_SIZE % PT_ENTRIES] = 0;
}

static void map_kernel_image(void)
{
	ASSERT(virt_to_phys(image_end) <= IMAGE_TABLES * MB2);
	map_image(text_start, text_end, PTE_P | PTE_A | PTE_G);
	map_image(text_end, rodata_end, PTE_P | PTE_A | PTE_G | PTE_NX);
	map_image(data_start, image_end, RAM_FLAGS);
	unmap_image_page(boot_cpu_area.guard0);
	unmap_image_page(boot_cpu_area.guard1);
	for (unsigned i = 0; i < IMAGE_TABLES; i++) {
		image_pd[i] = virt_to_phys(image_pt[i]) | TABLE_FLAGS;
	}
	image_pdpt[510] = virt_to_phys(image_pd) | TABLE_FLAGS;
	write_cr3(virt_to_phys(boot_pml4));
}

static void add_slot(unsigned index)
{
	ASSERT(kernel_slot_count < ARRAY_SIZE(kernel_slots));
	if (!boot_pml4[index]) {
		boot_pml4[index] = boot_alloc_table() | TABLE_FLAGS;
	}
	kernel_slots[kernel_slot_count++] = index;
}

/* Maps [start, end), 2 MiB aligned and above the first GiB. */
static void direct_map_range(uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned slot = pml4_index(DIRECT_MAP + start);
		uint64_t next = MIN(end, ALIGN_DOWN(start, GB1) + GB1);

		if (!boot_pml4[slot]) {
			add_slot(slot);
		}
		uint64_t *pdpte = &table_of(boot_pml4[slot])[start / GB1 % PT_ENTRIES];

		if (cpu_features.gbpages && next - start == GB1 && !*pdpte) {
			*pdpte = start | RAM_FLAGS | PTE_PS;
			start = next;
			continue;
		}
		if (!*pdpte) {
			*pdpte = boot_alloc_table() | TABLE_FLAGS;
		}
		for (uint64_t *pd = table_of(*pdpte); start < next; start += MB2) {
			pd[start / MB2 % PT_ENTRIES] = start | RAM_FLAGS | PTE_PS;
		}
	}
}

/* The first GiB is mapped already by pvh.S's table: keeps what is RAM there. */
static void direct_map_first_gib(const struct mem_range *ram, unsigned count)
{
	uint64_t low = ALIGN_UP(boot_info.kernel_end, MB2);
	unsigned i = 0;

	for (uint64_t phys = 0; phys < GB1; phys += MB2) {
		while (i < count && ram[i].end <= phys) {
			i++;
		}
		bool is_ram = phys < low || (i < count && ram[i].start < phys + MB2);

		direct_pd[phys / MB2] = is_ram ? phys | RAM_FLAGS | PTE_PS : 0;
	}
}

void paging_init(void)
{
	struct mem_range ram[BOOT_MAX_RANGES];
	unsigned count = boot_info.ram_count;

	kernel_space.root = virt_to_phys(boot_pml4);
	map_kernel_image();
	memcpy(ram, boot_info.ram, sizeof(ram)); /* boot_alloc() changes the original */
	direct_map_first_gib(ram, count);
	kernel_slots[kernel_slot_count++] = pml4_index(DIRECT_MAP);
	for (unsigned i = 0; i < count; i++) {
		direct_map_range(MAX(ALIGN_DOWN(ram[i].start, MB2), GB1),
				 ALIGN_UP(ram[i].end, MB2));
	}
	add_slot(pml4_index(VMEMMAP));
	add_slot(pml4_index(KSTACK_BASE));
	add_slot(pml4_index(CPU_AREAS));
	add_slot(pml4_index(KERNEL_BASE));
	boot_pml4[0] = 0;
	write_cr3(kernel_space.root);
}

void paging_init_root(uint64_t *root)
{
	for (unsigned i = 0; i < kernel_slot_count; i++) {
		root[kernel_slots[i]] = boot_pml4[kernel_slots[i]];
	}
}

void tlb_flush_all(void)
{
	write_cr3(read_cr3());
}

/* The table below *entry, made when it is missing. */
static uint64_t *next_table(uint64_t *entry, uint64_t (*alloc)(void))
{
	if (!*entry) {
		uint64_t phys = alloc();

		if (!phys) {
			return NULL;
		}
		*entry = phys | TABLE_FLAGS;
	}
	ASSERT(!(*entry & PTE_PS));
	return table_of(*entry);
}

int paging_map_kernel(uintptr_t va, uint64_t phys, size_t len, uint64_t pte_flags,
		      uint64_t (*alloc)(void))
{
	ASSERT(IS_ALIGNED(va | phys | len, PAGE_SIZE) && va >= DIRECT_MAP);
	ASSERT(boot_pml4[pml4_index(va)]);
	for (size_t off = 0; off < len; off += PAGE_SIZE) {
		uintptr_t a = va + off;
		uint64_t *pdpt = table_of(boot_pml4[pml4_index(a)]);
		uint64_t *pd = next_table(&pdpt[a / GB1 % PT_ENTRIES], alloc);
		uint64_t *pt = pd ? next_table(&pd[a / MB2 % PT_ENTRIES], alloc) : NULL;

		if (!pt) {
			return -ENOMEM;
		}
		pt[a / PAGE_SIZE % PT_ENTRIES] = (phys + off) | pte_flags;
	}
	return 0;
}

/* Device registers lie in the direct map, at 2 MiB pages of their own, uncached:
 * all of microvm's are between the end of low RAM and 4 GiB. */
void *paging_map_mmio(uint64_t phys, size_t len)
{
	uint64_t *pdpt = table_of(boot_pml4[pml4_index(DIRECT_MAP + phys)]);
	uint64_t *pdpte = &pdpt[phys / GB1 % PT_ENTRIES];

	if (len == 0 || len > GB1 || phys / GB1 != (phys + len - 1) / GB1 || phys >= 512 * GB1) {
		return NULL;
	}
	if (!*pdpte) {
		if (mmio_pd_used) {
			return NULL;
		}
		mmio_pd_used = true;
		*pdpte = virt_to_phys(mmio_pd) | TABLE_FLAGS;
	}
	if (*pdpte & PTE_PS) {
		return NULL; /* RAM */
	}
	for (uint64_t a = ALIGN_DOWN(phys, MB2); a < phys + len; a += MB2) {
		uint64_t *pde = &table_of(*pdpte)[a / MB2 % PT_ENTRIES];

		if (*pde && !(*pde & PTE_PCD)) {
			return NULL;
		}
		*pde = a | RAM_FLAGS | PTE_PS | PTE_PCD | PTE_PWT;
	}
	return phys_to_virt(phys);
}

bool paging_kernel_mapped(uintptr_t va)
{
	if (va < DIRECT_MAP) {
		return false;
	}
	uint64_t e = boot_pml4[pml4_index(va)];

	for (unsigned shift = 30; (e & PTE_P) && shift >= 12; shift -= 9) {
		e = table_of(e)[va >> shift & 511];
		if (e & PTE_PS && shift > 12) {
			break;
		}
	}
	return e & PTE_P;
}
