/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Page-table bits, the kernel's address-space layout, TLB instructions.  mm owns
 * the walking of user page tables; arch maps the kernel itself.
 *
 *   0 .. USER_END                   the program
 *   DIRECT_MAP + phys               all RAM, writable, no-execute, largest pages
 *   VMEMMAP                         struct page array, backed only where RAM is
 *   KSTACK_BASE ..                  kernel stacks with guard pages (mm/kstack.c)
 *   KERNEL_BASE + phys              the image, W^X in 4 KiB pages
 */
#include <lib/util.h>

#define USER_END 0x00007ffffffff000ul /* exclusive */
#ifdef CORRIDA_HOST_TEST	      /* "physical memory" of the unit tests of mm */
#define DIRECT_MAP 0x200000000000ul
#define VMEMMAP 0x280000000000ul
#else
#define DIRECT_MAP 0xffff888000000000ul
#define VMEMMAP 0xffffea0000000000ul
#endif
#define KSTACK_BASE 0xffffc90000000000ul
#define KERNEL_BASE 0xffffffff80000000ul

#define PTE_P 0x1ul
#define PTE_W 0x2ul
#define PTE_U 0x4ul
#define PTE_PWT 0x8ul
#define PTE_PCD 0x10ul
#define PTE_A 0x20ul
#define PTE_D 0x40ul
#define PTE_PS 0x80ul /* 2 MiB or 1 GiB page */
#define PTE_G 0x100ul
#define PTE_SW1 0x200ul /* software bits */
#define PTE_SW2 0x400ul
#define PTE_SW3 0x800ul
#define PTE_NX (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul

static inline void *phys_to_virt(uint64_t phys)
{
	return (void *)(DIRECT_MAP + phys);
}
/* For direct-map and image addresses. */
static inline uint64_t virt_to_phys(const void *virt)
{
	uintptr_t v = (uintptr_t)virt;

	return v >= KERNEL_BASE ? v - KERNEL_BASE : v - DIRECT_MAP;
}
static inline void tlb_flush_page(uintptr_t va)
{
#ifdef CORRIDA_HOST_TEST
	(void)va;
#else
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
#endif
}
void tlb_flush_all(void); /* this CPU, non-global entries */

/* Maps [va, va+len) in the kernel half at 4 KiB granularity (vmemmap, stacks,
 * device registers use the direct map instead).  Tables come from `alloc`, which
 * returns a zeroed physical page or 0.  0 or -ENOMEM.  Serialised by the caller. */
MUST_USE int paging_map_kernel(uintptr_t va, uint64_t phys, size_t len, uint64_t pte_flags,
			       uint64_t (*alloc)(void));
/* The kernel's final tables: image W^X, direct map, no low half.  After boot_init(). */
void paging_init(void);

/* Maps device registers uncached; returns their virtual address (never unmapped), NULL
 * when they can't be (they overlap RAM, or lie where no table is). */
void *paging_map_mmio(uint64_t phys, size_t len);
/* Copies the kernel half (PML4 entries 256..511) into a new root page.  All kernel PML4
 * entries exist from boot on, so later kernel mappings show up in every space. */
void paging_init_root(uint64_t *root);
/* True when the kernel tables map va: a backtrace looks before it reads. */
bool paging_kernel_mapped(uintptr_t va);
/* May a program ask for this fs or gs base?  One that is not canonical would be a fault of the
 * kernel when it is loaded. */
static inline bool arch_user_base_ok(uint64_t base)
{
	return base < USER_END;
}
