/* SPDX-License-Identifier: MIT */
/*
 * The page allocator, see mm/phys.h.  A free page (refs 0) is in one of three places: the buddy
 * lists, a CPU's list, or RAM that was never looked at (from fresh_next on).
 *
 * phys.lock (irq) keeps the buddy lists and fresh_*.  A CPU's list and statistics are touched by
 * that CPU only, with interrupts off; who adds the statistics up reads them a moment apart.
 * page_alloc() works in any context; page_alloc_user() asks the shrinkers and may sleep.
 */
#include <mm/phys.h>

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/thread.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <sync/spinlock.h>

#include "buddy.h"

#define CHUNK_SIZE (PAGE_SIZE << PAGE_MAX_ORDER)
#define CHUNK_STRUCTS (sizeof(struct page) << PAGE_MAX_ORDER)
#define MAX_SHRINKERS 8

/* Singly linked through link.next: free, but not in the buddy lists. */
struct cpu_pages {
	struct page *head;
	uint32_t count;
	int64_t kinds[MEM_KINDS]; /* this CPU's share of the statistics */
} ALIGNED(64);

static struct {
	SPINLOCK(pages) lock;
	struct buddy buddy GUARDED_BY(pages_role);
	struct mem_range ranges[ARRAY_SIZE(boot_info.ram) + 1]; /* [I] */
	unsigned range_count;					/* [I] */
	/* RAM from fresh_next on was never looked at; how much that is. */
	uint64_t fresh_next GUARDED_BY(pages_role), fresh_pages GUARDED_BY(pages_role);
	_Atomic uint64_t free;		       /* buddy.free_pages + fresh_pages, for estimates */
	uint64_t total_pages;		       /* [I] */
	uint64_t reserve_user, reserve_kernel; /* [I] */
	uint32_t cpu_batch;		       /* [I] pages moved between a CPU and the lists */
	uint64_t peak_used GUARDED_BY(pages_role);
	uint64_t (*shrinkers[MAX_SHRINKERS])(uint64_t pages);
	_Atomic unsigned shrinker_count;
} phys = { .lock = SPINLOCK_INIT(RANK_PAGES, "pages") };
static struct cpu_pages cpu_pages[MAX_CPUS];

void mem_account(enum mem_kind kind, int64_t pages)
{
	int64_t *n = &cpu_pages[cpu_id()].kinds[kind];

	/* one instruction: an interrupt may account too */
	__asm__ volatile("addq %1, %0" : "+m"(*n) : "er"(pages) : "cc");
}

/* String instructions are best on hardware and worst under TCG. */
static void page_zero(struct page *p, unsigned order)
{
	void *to = page_to_virt(p);
	size_t words = (PAGE_SIZE << order) / 8;

	if (arch_copy_string) {
		__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0ul) : "memory");
	} else {
		memset(to, 0, words * 8);
	}
}

void page_copy(struct page *dst, struct page *src)
{
	memcpy(page_to_virt(dst), page_to_virt(src), PAGE_SIZE);
}

void page_forget_code(struct page *p, unsigned n)
{
	for (; cpu_is_emulated && n > 0; n--, p++) {
		volatile uint64_t *word = page_to_virt(p);

		if (!atomic_load_explicit(&p->code, memory_order_relaxed)) {
			continue;
		}
		/* Nobody maps it, so no mark can be lost here. */
		DEBUG_ASSERT(atomic_load_explicit(&p->maps, memory_order_relaxed) == 0);
		for (size_t i = 0; i < PAGE_SIZE / sizeof(*word); i++) {
			word[i] = word[i];
		}
		atomic_store_explicit(&p->code, 0, memory_order_relaxed);
	}
}

/* Gives the next untouched chunk of RAM to the buddy lists. */
static bool fresh_take_locked(void) REQUIRES(pages_role)
{
	const struct mem_range *r = phys.ranges, *end = r + phys.range_count;
	uint64_t chunk;

	while (r < end && r->end <= phys.fresh_next) {
		r++;
	}
	if (r == end) {
		return false;
	}
	chunk = ALIGN_DOWN(MAX(r->start, phys.fresh_next), CHUNK_SIZE);
	memset(phys_to_page(chunk), 0, CHUNK_STRUCTS);
	for (; r < end && r->start < chunk + CHUNK_SIZE; r++) {
		uint64_t from = MAX(r->start, chunk) >> PAGE_SHIFT;
		uint64_t to = MIN(r->end, chunk + CHUNK_SIZE) >> PAGE_SHIFT;

		buddy_add_range(&phys.buddy, from, to);
		phys.fresh_pages -= to - from;
	}
	phys.fresh_next = chunk + CHUNK_SIZE;
	return true;
}

static uint64_t floor_of(unsigned flags)
{
	if (flags & PAGE_ALLOC_ATOMIC) {
		return 0;
	}
	return flags & PAGE_ALLOC_USER ? phys.reserve_user : phys.reserve_kernel;
}

static struct page *take_locked(unsigned order, uint64_t floor) REQUIRES(pages_role)
{
	struct page *p;

	DEBUG_ASSERT(spin_held(&phys.lock));
	if (phys.buddy.free_pages + phys.fresh_pages < floor + (1ul << order)) {
		return NULL;
	}
	while (!(p = buddy_alloc(&phys.buddy, order))) {
		if (!fresh_take_locked()) {
			return NULL;
		}
	}
	return p;
}

/* Before the lock is given back: what others see without it. */
static void free_note_locked(void) REQUIRES(pages_role)
{
	uint64_t free = phys.buddy.free_pages + phys.fresh_pages, used = phys.total_pages - free;

	DEBUG_ASSERT(spin_held(&phys.lock));
	atomic_store_explicit(&phys.free, free, memory_order_relaxed);
	if (used > phys.peak_used) {
		phys.peak_used = used;
	}
}

/* The kernel eats into what keeps it going: the current thread is to look for more before
 * it returns to its program. */
static void pressure_note(void)
{
	struct arch_thread *t = arch_current();

	if (t) {
		atomic_fetch_or_explicit(&t->work, WORK_NOTIFY, memory_order_relaxed);
	}
}

void mem_balance(void)
{
	uint64_t free = atomic_load_explicit(&phys.free, memory_order_relaxed);

	if (free < phys.reserve_user) {
		mem_reclaim(phys.reserve_user - free + phys.cpu_batch);
	}
}

/* Past the CPU's own pages; refills them on the way. */
static NOINLINE struct page *alloc_global(unsigned order, unsigned flags)
{
	uint64_t floor = floor_of(flags);
	uint64_t irq = spin_lock_irqsave(&phys.lock);
	struct page *p = take_locked(order, floor);

	if (p && order == 0) {
		struct cpu_pages *c = &cpu_pages[cpu_id()];

		for (uint32_t i = 1; i < phys.cpu_batch; i++) {
			/* the cache serves all grades, so it is filled above the user's floor */
			struct page *extra = take_locked(0, phys.reserve_user);

			if (!extra) {
				break;
			}
			extra->link.next = c->head ? &c->head->link : NULL;
			c->head = extra;
			c->count++;
		}
	}
	free_note_locked();
	if (phys.buddy.free_pages + phys.fresh_pages < phys.reserve_user) {
		pressure_note();
	}
	spin_unlock_irqrestore(&phys.lock, irq);
	return p;
}

static struct page *alloc_try(unsigned order, unsigned flags)
{
	if (order == 0) {
		uint64_t irq = irq_save();
		struct cpu_pages *c = &cpu_pages[cpu_id()];
		struct page *p = c->head;

		if (likely(p)) {
			c->head = p->link.next ? list_entry(p->link.next, struct page, link) : NULL;
			c->count--;
			irq_restore(irq);
			return p;
		}
		irq_restore(irq);
	}
	return alloc_global(order, flags);
}

static NOINLINE struct page *alloc_reclaim(unsigned order, unsigned flags)
{
	for (int tries = 0; tries < 4; tries++) {
		struct page *p;
		uint64_t got = mem_reclaim(MAX((uint64_t)phys.cpu_batch, 1ul << order) << tries);

		p = alloc_try(order, flags);
		if (p || !got) {
			return p;
		}
	}
	return NULL;
}

/* From free to allocated. */
static struct page *page_init(struct page *p, unsigned order, unsigned flags)
{
	DEBUG_ASSERT(p->refs == 0 && p->maps == 0);
	atomic_store_explicit(&p->refs, 1, memory_order_relaxed);
	atomic_store_explicit(&p->flags, 0, memory_order_relaxed);
	p->order = (uint8_t)order;
	if (flags & PAGE_ALLOC_ZERO) {
		page_zero(p, order);
	}
	return p;
}

struct page *page_alloc(unsigned order, unsigned flags)
{
	struct page *p = alloc_try(order, flags);

	DEBUG_ASSERT(order <= PAGE_MAX_ORDER);
	return likely(p) ? page_init(p, order, flags) : NULL;
}

struct page *page_alloc_user(unsigned order, unsigned flags)
{
	struct page *p;

	if (CONFIG_DEBUG) {
		lockcheck_may_sleep();
	}
	flags |= PAGE_ALLOC_USER;
	p = alloc_try(order, flags);
	if (unlikely(!p)) {
		p = alloc_reclaim(order, flags);
	}
	return likely(p) ? page_init(p, order, flags) : NULL;
}

unsigned page_alloc_many(struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pages[i] = i ? page_alloc(0, PAGE_ALLOC_USER) : page_alloc_user(0, 0);
		if (!pages[i]) {
			return i;
		}
	}
	return n;
}

/* Returns a CPU's surplus to the lists. */
static NOINLINE void cpu_pages_trim(struct cpu_pages *c, uint32_t keep)
{
	uint64_t irq = spin_lock_irqsave(&phys.lock);

	while (c->count > keep) {
		struct page *p = c->head;

		c->head = p->link.next ? list_entry(p->link.next, struct page, link) : NULL;
		c->count--;
		buddy_free(&phys.buddy, p, 0);
	}
	free_note_locked();
	spin_unlock_irqrestore(&phys.lock, irq);
}

static void free_block(struct page *p)
{
	unsigned order = p->order;
	uint64_t irq;

	DEBUG_ASSERT(!(p->flags & (PAGE_BUDDY | PAGE_LOCKED | PAGE_CACHE)));
	DEBUG_ASSERT(p->maps == 0);
	if (p->flags & PAGE_COMPOUND) {
		for (struct page *t = p + 1; t < p + (1ul << order); t++) {
			t->flags = 0;
		}
	}
	if (CONFIG_DEBUG) {
		memset(page_to_virt(p), 0x6c, PAGE_SIZE << order);
	}
	if (order == 0) {
		struct cpu_pages *c;

		irq = irq_save();
		c = &cpu_pages[cpu_id()];
		p->link.next = c->head ? &c->head->link : NULL;
		c->head = p;
		if (++c->count > 2 * phys.cpu_batch) {
			cpu_pages_trim(c, phys.cpu_batch);
		}
		irq_restore(irq);
		return;
	}
	irq = spin_lock_irqsave(&phys.lock);
	buddy_free(&phys.buddy, p, order);
	free_note_locked();
	spin_unlock_irqrestore(&phys.lock, irq);
}

void page_get(struct page *p)
{
	uint32_t old;

	p = page_head(p);
	old = atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	ASSERT(old > 0);
}

void page_put(struct page *p)
{
	uint32_t old;

	if (!p) {
		return;
	}
	p = page_head(p);
	old = atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel);
	ASSERT(old > 0);
	if (old == 1) {
		free_block(p);
	}
}

uint64_t page_alloc_table(void)
{
	struct page *p = page_alloc(0, PAGE_ALLOC_ZERO);

	return p ? page_to_phys(p) : 0;
}

uint64_t mem_available_pages(void)
{
	uint64_t free = atomic_load_explicit(&phys.free, memory_order_relaxed);

	return free > phys.reserve_user ? free - phys.reserve_user : 0;
}

uint64_t mem_total_pages(void)
{
	return phys.total_pages;
}

void mem_get_stats(struct mem_stats *s)
{
	int64_t kinds[MEM_KINDS] = { 0 };
	uint64_t irq, cached = 0;

	for (unsigned i = 0; i < MAX_CPUS; i++) {
		cached += READ_ONCE(cpu_pages[i].count);
		for (unsigned k = 0; k < MEM_KINDS; k++) {
			kinds[k] += READ_ONCE(cpu_pages[i].kinds[k]);
		}
	}
	irq = spin_lock_irqsave(&phys.lock);
	free_note_locked();
	*s = (struct mem_stats){
		.total_pages = phys.total_pages,
		.free_pages = phys.buddy.free_pages + phys.fresh_pages + cached,
		.cache_pages = (uint64_t)MAX(kinds[MEM_CACHE], 0),
		.slab_pages = (uint64_t)MAX(kinds[MEM_SLAB], 0),
		.anon_pages = (uint64_t)MAX(kinds[MEM_ANON], 0),
		.table_pages = (uint64_t)MAX(kinds[MEM_TABLE], 0),
		.peak_used_pages = phys.peak_used,
	};
	spin_unlock_irqrestore(&phys.lock, irq);
}

void mem_register_shrinker(uint64_t (*shrink)(uint64_t pages))
{
	unsigned n = phys.shrinker_count;

	ASSERT(n < MAX_SHRINKERS);
	phys.shrinkers[n] = shrink;
	atomic_store_explicit(&phys.shrinker_count, n + 1, memory_order_release);
}

uint64_t mem_reclaim(uint64_t pages)
{
	unsigned n = atomic_load_explicit(&phys.shrinker_count, memory_order_acquire);
	uint64_t got = 0;

	lockcheck_may_sleep();
	for (unsigned i = 0; i < n && got < pages; i++) {
		got += phys.shrinkers[i](pages - got);
	}
	return got;
}

/* Boot: memory for the page array, from the end of the largest range; not zeroed. */
static uint64_t boot_carve(uint64_t bytes)
{
	struct mem_range *best = NULL;

	for (unsigned i = 0; i < boot_info.ram_count; i++) {
		struct mem_range *r = &boot_info.ram[i];

		if (!best || r->end - r->start > best->end - best->start) {
			best = r;
		}
	}
	if (!best || best->end - best->start < bytes) {
		panic("not enough memory for the page array");
	}
	best->end -= bytes;
	return best->end;
}

static uint64_t boot_table(void)
{
	return boot_alloc(PAGE_SIZE, PAGE_SIZE);
}

/* Maps the struct pages of every chunk that has RAM. */
static void vmemmap_map(void)
{
	uint64_t done = 0; /* chunks below are mapped */

	/* carving shortens ranges: the span of each is read before */
	for (unsigned i = 0; i < boot_info.ram_count; i++) {
		uint64_t from = boot_info.ram[i].start / CHUNK_SIZE;
		uint64_t to = DIV_ROUND_UP(boot_info.ram[i].end, CHUNK_SIZE);
		uint64_t bytes;

		from = MAX(from, done);
		if (from >= to) {
			continue;
		}
		bytes = (to - from) * CHUNK_STRUCTS;
		if (paging_map_kernel((uintptr_t)phys_to_page(from * CHUNK_SIZE), boot_carve(bytes),
				      bytes, PTE_P | PTE_W | PTE_NX | PTE_G, boot_table)) {
			panic("cannot map the page array");
		}
		done = to;
	}
}

/* QEMU's shared-memory backends do not see 0xf0000-0xfffff: no DMA may go there. */
static void ranges_add(uint64_t start, uint64_t end)
{
	const uint64_t hole = 0xf0000, hole_end = 0x100000;

	if (start < hole && end > hole_end) {
		ranges_add(start, hole);
		start = hole_end;
	} else if (start >= hole && start < hole_end) {
		start = MIN(end, hole_end);
	} else if (end > hole && end <= hole_end) {
		end = MAX(start, hole);
	}
	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start == 0) {
		start = PAGE_SIZE; /* physical 0 means "none" to many */
	}
	if (start >= end) {
		return;
	}
	ASSERT(phys.range_count < ARRAY_SIZE(phys.ranges));
	phys.ranges[phys.range_count++] = (struct mem_range){ start, end };
	phys.total_pages += (end - start) >> PAGE_SHIFT;
}

void phys_init(void)
{
	spin_assert_unshared(&phys.lock);
	vmemmap_map();
	buddy_init(&phys.buddy);
	for (unsigned i = 0; i < boot_info.ram_count; i++) {
		ranges_add(boot_info.ram[i].start, boot_info.ram[i].end);
	}
	phys.fresh_pages = phys.total_pages;
	atomic_init(&phys.free, phys.total_pages);
	phys.reserve_user = MIN(MAX(phys.total_pages / 32, 48ul), 2048ul);
	phys.reserve_kernel = phys.reserve_user / 4;
	phys.cpu_batch = phys.total_pages < 8192 ? 8 : 32;
	boot_info.ram_count = 0; /* boot_alloc() is over: it would hand pages out twice */
}
