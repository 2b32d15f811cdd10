/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/mm/phys.c kernel/mm/buddy.c kernel/mm/slab.c kernel/mm/vma.c kernel/mm/shootdown.c kernel/mm/pagetable.c kernel/mm/huge.c kernel/mm/fault.c kernel/mm/fault_file.c kernel/mm/rmap.c kernel/mm/mm.c kernel/mm/mmap.c kernel/lib/rbtree.c tests/unit/shim/mm_host.c tests/unit/shim/base.c */
#include "shim/mm_host.h"
#include "test.h"

#include <arch/boot.h>
#include <arch/cpu.h>
#include <sync/random.h>
#include <string.h>

#define RAM (256ul << 20)

static void everything_can_be_had_once(void)
{
	struct page *first = NULL, *p;
	uint64_t n = 0, free = mm_host_free_pages();

	while ((p = page_alloc(0, PAGE_ALLOC_ATOMIC))) {
		CHECK(page_refs(p) == 1 && !p->owner);
		p->owner = first;
		first = p;
		n++;
	}
	CHECK_EQ(n, free);
	CHECK_EQ(mm_host_free_pages(), 0);
	while (first) {
		p = first;
		first = p->owner;
		p->owner = NULL;
		page_put(p);
	}
	CHECK_EQ(mm_host_free_pages(), free);
}

static void blocks_merge_again(void)
{
	struct page *big[64];
	unsigned n = 0;

	while (n < 64 && (big[n] = page_alloc(PAGE_MAX_ORDER, PAGE_ALLOC_ATOMIC)))
		n++;
	/* both ranges lose a chunk at most at either end, and one to single pages in caches */
	CHECK(n >= RAM / (PAGE_SIZE << PAGE_MAX_ORDER) - 6);
	for (unsigned i = 0; i < n; i++) {
		CHECK(IS_ALIGNED(page_to_phys(big[i]), PAGE_SIZE << PAGE_MAX_ORDER));
		page_put(big[i]);
	}
}

static void reserves(void)
{
	static struct page *pages[RAM / PAGE_SIZE];
	unsigned n = 0, kernel = 0;

	while ((pages[n] = page_alloc_user(0, 0)))
		n++;
	while ((pages[n] = page_alloc(0, 0))) {
		n++;
		kernel++;
	}
	CHECK(kernel > 100);
	pages[n] = page_alloc(0, PAGE_ALLOC_ATOMIC);
	CHECK(pages[n]);
	n++;
	while (n > 0)
		page_put(pages[--n]);
}

static void random_orders(void)
{
	static struct page *held[512];
	uint64_t free = mm_host_free_pages();

	for (int i = 0; i < 100000; i++) {
		unsigned k = random_u64() % 512;

		if (held[k]) {
			CHECK(*(uint64_t *)page_to_virt(held[k]) == (uintptr_t)held[k]);
			page_put(held[k]);
			held[k] = NULL;
			continue;
		}
		held[k] = page_alloc(random_u64() % 7, PAGE_ALLOC_ZERO);
		if (!held[k])
			continue;
		CHECK(*(uint64_t *)page_to_virt(held[k]) == 0);
		*(uint64_t *)page_to_virt(held[k]) = (uintptr_t)held[k];
	}
	for (unsigned k = 0; k < 512; k++) {
		if (held[k])
			page_put(held[k]);
	}
	CHECK_EQ(mm_host_free_pages(), free);
}

static uint64_t shrunk;
static uint64_t shrinker(uint64_t pages)
{
	(void)pages;
	shrunk++;
	return 0;
}

static void pressure_calls_shrinkers(void)
{
	static struct page *pages[RAM / PAGE_SIZE];
	unsigned n = 0;

	mem_register_shrinker(shrinker);
	while ((pages[n] = page_alloc_user(0, 0)))
		n++;
	CHECK(shrunk > 0);
	while (n > 0)
		page_put(pages[--n]);
}

/* A frame that was code keeps its mark until the CPU has written it, whoever has it meanwhile. */
static void code_is_forgotten_before_devices_write(void)
{
	struct page *p = page_alloc(0, 0), *q, *others[4096];
	unsigned n = 0;

	page_note_code(p);
	page_put(p);
	while ((q = page_alloc(0, 0)) != p && n < 4096)
		others[n++] = q;
	CHECK(q == p && p->code);
	memset(page_to_virt(p), 0x5a, PAGE_SIZE);
	cpu_is_emulated = false;
	page_forget_code(p, 1);
	CHECK(p->code);
	cpu_is_emulated = true;
	page_forget_code(p, 1);
	CHECK(!p->code);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		CHECK_EQ(((uint8_t *)page_to_virt(p))[i], 0x5a);
	page_put(p);
	while (n > 0)
		page_put(others[--n]);

	p = page_alloc(2, 0);
	page_note_code(p + 1);
	page_note_code(p + 3);
	page_forget_code(p, 3);
	CHECK(!p[1].code && p[3].code);
	page_put(p);
}

int main(void)
{
	mm_host_init(RAM);
	RUN(everything_can_be_had_once);
	RUN(blocks_merge_again);
	RUN(reserves);
	RUN(random_orders);
	RUN(code_is_forgotten_before_devices_write);
	RUN(pressure_calls_shrinkers);
	return test_done();
}
