/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/mm/phys.c kernel/mm/buddy.c kernel/mm/slab.c kernel/mm/vma.c kernel/mm/shootdown.c kernel/mm/pagetable.c kernel/mm/huge.c kernel/mm/fault.c kernel/mm/fault_file.c kernel/mm/rmap.c kernel/mm/mm.c kernel/mm/mmap.c kernel/mm/protect.c kernel/mm/madvise.c kernel/mm/mremap.c kernel/lib/rbtree.c tests/unit/shim/mm_host.c tests/unit/shim/base.c */
/*
 * Threads of one address space at once: each has a window of its own, whose contents it
 * knows, and all share one where anything goes; forks meanwhile.
 */
#include "shim/mm_host.h"
#include "test.h"

#include <sync/random.h>
#include <linux/errno.h>
#include <pthread.h>
#include <string.h>

#define RAM (512ul << 20)
#define THREADS 4
#define PAGES 1100u /* crosses two borders of 2 MiB */
#define ROUNDS 1500
#define COMMON 0x50000000ul
#define COMMON_PAGES 1024u
/* shared and private mappings of one object whose pages come and go */
#define SHARED 0x60000000ul
#define PRIVATE 0x60100000ul

struct window {
	unsigned cpu;
	uint64_t rng, base;
	bool mapped[PAGES];
	uint8_t value[PAGES];
	pthread_t thread;
	char failed[128];
};
static struct mm *mm;
static struct page_cache *object;

static unsigned rnd(struct window *w, unsigned n)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (unsigned)(w->rng % n);
}

static void check(struct window *w, struct mm *in, unsigned i, const char *where)
{
	uint8_t got = 0;
	enum fault_result r = user_read(in, w->base + i * PAGE_SIZE, &got);

	if (r != (w->mapped[i] ? FAULT_OK : FAULT_SEGV_MAPERR) ||
	    (w->mapped[i] && got != w->value[i]))
		snprintf(w->failed, sizeof(w->failed), "%s: page %u: result %d, %u not %u", where,
			 i, r, got, w->value[i]);
}

static void own_call(struct window *w)
{
	unsigned from = rnd(w, PAGES), n = 1 + rnd(w, rnd(w, 3) ? 16 : 700);
	uint64_t at = w->base + from * PAGE_SIZE;

	if (from + n > PAGES)
		n = PAGES - from;
	switch (rnd(w, 4)) {
	case 0:
		if (mm_mmap(mm, at, n * PAGE_SIZE, 3, MAP_PRIVATE | MAP_FIXED, NULL, NULL, 0,
			    VMA_HUGE) != (long)at)
			strcpy(w->failed, "mmap");
		memset(&w->mapped[from], 1, n);
		memset(&w->value[from], 0, n);
		break;
	case 1:
		if (mm_munmap(mm, at, n * PAGE_SIZE))
			strcpy(w->failed, "munmap");
		memset(&w->mapped[from], 0, n);
		break;
	case 2:
		(void)!mm_madvise(mm, at, n * PAGE_SIZE, MADV_DONTNEED);
		memset(&w->value[from], 0, n);
		break;
	default:
		(void)!mm_mprotect(mm, at, n * PAGE_SIZE, PROT_READ);
		(void)!mm_mprotect(mm, at, n * PAGE_SIZE, PROT_READ | PROT_WRITE);
		/* stops at a hole: both at the same */
	}
}

static void common_call(struct window *w)
{
	unsigned from = rnd(w, COMMON_PAGES), n = 1 + rnd(w, 300);
	uint8_t value;

	if (from + n > COMMON_PAGES)
		n = COMMON_PAGES - from;
	if (rnd(w, 3) == 0)
		(void)!mm_madvise(mm, COMMON + from * PAGE_SIZE, n * PAGE_SIZE, MADV_DONTNEED);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t at = COMMON + rnd(w, COMMON_PAGES) * PAGE_SIZE;

		if (rnd(w, 2))
			user_write(mm, at, 0x55);
		if (user_read(mm, at, &value) != FAULT_OK || (value && value != 0x55))
			strcpy(w->failed, "common window");
	}
}

static void object_call(struct window *w)
{
	uint8_t value;

	if (rnd(w, 4) == 0)
		mm_host_drop_page(object, rnd(w, MM_HOST_OBJECT_PAGES));
	if (rnd(w, 16) == 0)
		(void)!mm_madvise(mm, rnd(w, 2) ? SHARED : PRIVATE, 32 * PAGE_SIZE, MADV_DONTNEED);
	if (rnd(w, 64) == 0)
		(void)!mm_mmap(mm, rnd(w, 2) ? PRIVATE : PRIVATE + 0x100000,
			       MM_HOST_OBJECT_PAGES * PAGE_SIZE, 3, MAP_PRIVATE | MAP_FIXED, object,
			       NULL, 0, 0);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t at = (rnd(w, 2) ? SHARED : PRIVATE) + rnd(w, 64) * PAGE_SIZE;

		if (rnd(w, 4) == 0)
			user_write(mm, at, 0x33);
		if (user_read(mm, at, &value) != FAULT_OK || (value && value != 0x33))
			strcpy(w->failed, "object");
	}
}

static void fork_and_look(struct window *w)
{
	struct mm *copy;

	if (mm_fork(mm, &copy)) {
		strcpy(w->failed, "fork");
		return;
	}
	for (unsigned k = rnd(w, 20); k < PAGES; k += 1 + rnd(w, 20)) {
		check(w, copy, k, "child");
		if (w->mapped[k] && rnd(w, 2)) {
			user_write(copy, w->base + k * PAGE_SIZE, 0xcc);
			check(w, mm, k, "parent after child's write");
		}
	}
	mm_put(copy);
}

static void *run(void *arg)
{
	struct window *w = arg;

	mm_host_thread(w->cpu);
	mm_host_set_current(mm);
	for (int round = 0; round < ROUNDS && !w->failed[0]; round++) {
		for (int k = 0; k < 30; k++) {
			unsigned i = rnd(w, PAGES);

			if (w->mapped[i]) {
				w->value[i] = (uint8_t)rnd(w, 256);
				user_write(mm, w->base + i * PAGE_SIZE, w->value[i]);
			}
			check(w, mm, rnd(w, PAGES), "own window");
		}
		own_call(w);
		common_call(w);
		object_call(w);
		if (rnd(w, 12) == 0)
			fork_and_look(w);
	}
	return NULL;
}

static void threads_at_once(void)
{
	static struct window windows[THREADS];
	struct mem_stats st;
	uint64_t cpus = 0;

	CHECK_EQ(mm_create(&mm), 0);
	CHECK(mm_mmap(mm, COMMON, COMMON_PAGES * PAGE_SIZE, 3, MAP_PRIVATE | MAP_FIXED, NULL, NULL,
		      0, VMA_HUGE) == (long)COMMON);
	object = pagecache_create_anon(MM_HOST_OBJECT_PAGES * PAGE_SIZE);
	CHECK(mm_mmap(mm, SHARED, MM_HOST_OBJECT_PAGES * PAGE_SIZE, 3, MAP_SHARED | MAP_FIXED,
		      object, NULL, 0, VMA_MAYWRITE) > 0);
	CHECK(mm_mmap(mm, PRIVATE, MM_HOST_OBJECT_PAGES * PAGE_SIZE, 3, MAP_PRIVATE | MAP_FIXED,
		      object, NULL, 0, 0) > 0);
	for (unsigned i = 0; i < THREADS; i++)
		cpus |= 2ull << i;
	mm->space.active_cpus = cpus;
	for (unsigned i = 0; i < THREADS; i++) {
		/* neighbours share tables */
		windows[i] = (struct window){ .cpu = i + 1,
					      .rng = random_u64() | 1,
					      .base = 0x40000000ul + i * (PAGES + 7) * PAGE_SIZE };
		CHECK(!pthread_create(&windows[i].thread, NULL, run, &windows[i]));
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(windows[i].thread, NULL);
		if (windows[i].failed[0])
			printf("# thread %u: %s\n", i, windows[i].failed);
		CHECK(!windows[i].failed[0]);
	}
	mm->space.active_cpus = 0;
	mm_put(mm);
	pagecache_put(object);
	mem_get_stats(&st);
	CHECK_EQ(st.anon_pages, 0);
	CHECK_EQ(st.table_pages, 0);
}

int main(int argc, char **argv)
{
	for (int i = argc > 1 ? atoi(argv[1]) * 1000 : 0; i > 0; i--)
		(void)random_u64();
	mm_host_init(RAM);
	mm_subsystem_init();
	RUN(threads_at_once);
	return test_done();
}
