/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A machine for the unit tests of mm: "physical" memory and the page array are mapped at
 * DIRECT_MAP and VMEMMAP, GS points to a fake struct cpu per thread of the test.
 * Page tables are real, walked by software: user_read() and user_write() translate as
 * the processor would and call mm_fault().
 */
#include <mm/mm.h>

/* ram_bytes of memory, in two ranges with a hole between them; phys_init and slab_init. */
void mm_host_init(uint64_t ram_bytes);
#define MM_HOST_CPUS 8
/* The calling thread is this CPU from now on (mm_host_init() makes it CPU 0). */
void mm_host_thread(unsigned cpu);
struct mm *mm_host_current(void);
void mm_host_set_current(struct mm *mm);
/* One byte through the tables: FAULT_OK, or how it ended. */
enum fault_result user_read(struct mm *mm, uint64_t addr, uint8_t *value);
enum fault_result user_write(struct mm *mm, uint64_t addr, uint8_t value);
/* What is free, per-CPU caches included. */
uint64_t mm_host_free_pages(void);
/* None at first. */
extern struct mm_host_limits {
	uint64_t as, stack, memlock;
} mm_host_limits;
/* The fake page cache: objects of this many pages at most. */
#define MM_HOST_OBJECT_PAGES 64
void mm_host_drop_page(struct page_cache *pc, uint64_t index);
/* Addresses below are the program's, in user copies. */
#define MM_HOST_USER_TOP 0x1f0000000000ul
