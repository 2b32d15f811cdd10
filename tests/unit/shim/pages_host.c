/* SPDX-License-Identifier: MIT */
#include "pages_host.h"

#include <arch/clock.h>
#include <arch/cpu.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <mm/kthread.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <sched/sched.h>
#include <setjmp.h>

#define HOST_PAGES 16384ul /* 64 MiB */
#define MAX_THREADS 8

extern void *calloc(size_t n, size_t size);
extern void *malloc(size_t size);
extern void free(void *p);
extern long syscall(long number, ...);
extern void *mmap(void *addr, size_t len, int prot, int flags, int fd, long offset);
#define HOST_MAP (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE)

static struct cpu fake_cpu;
static struct thread fake_thread;
static bool used[HOST_PAGES];
static uint64_t used_count, scan;
static int64_t alloc_limit = -1;
uint64_t host_clock_ns = NSEC_PER_SEC;
void (*host_idle)(void);
static unsigned idle_count;

static struct {
	void (*fn)(void *);
	void *arg;
} threads[MAX_THREADS];
static unsigned nthreads;
static jmp_buf thread_exit;
static bool in_thread;

void pages_host_init(void)
{
	ASSERT(mmap((void *)DIRECT_MAP, HOST_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, HOST_MAP,
		    -1, 0) == (void *)DIRECT_MAP);
	ASSERT(mmap((void *)VMEMMAP, HOST_PAGES * sizeof(struct page), PROT_READ | PROT_WRITE,
		    HOST_MAP, -1, 0) == (void *)VMEMMAP);
	ASSERT(syscall(158 /* arch_prctl */, 0x1001 /* ARCH_SET_GS */, &fake_cpu) == 0);
	fake_cpu.self = &fake_cpu;
	fake_cpu.current = &fake_thread;
}
uint64_t pages_host_used(void)
{
	return used_count;
}
void pages_host_limit(int64_t n)
{
	alloc_limit = n;
}

struct page *page_alloc(unsigned order, unsigned flags)
{
	uint64_t n = 1ul << order;

	if (alloc_limit >= 0 && (alloc_limit -= (int64_t)n) < 0) {
		alloc_limit = 0;
		return NULL;
	}
	for (uint64_t tries = 0; tries < HOST_PAGES / n; tries++) {
		uint64_t at = scan = (scan / n + 1) * n % HOST_PAGES;
		bool taken = at == 0;
		struct page *p = phys_to_page(at << PAGE_SHIFT);

		for (uint64_t i = 0; i < n; i++) {
			taken |= used[at + i];
		}
		if (taken) {
			continue;
		}
		for (uint64_t i = 0; i < n; i++) {
			used[at + i] = true;
		}
		used_count += n;
		p->refs = 1;
		p->flags = 0;
		p->maps = 0;
		p->order = (uint8_t)order;
		__builtin_memset(page_to_virt(p), flags & PAGE_ALLOC_ZERO ? 0 : 0xa5,
				 n << PAGE_SHIFT);
		return p;
	}
	return NULL;
}
struct page *page_alloc_user(unsigned order, unsigned flags)
{
	return page_alloc(order, flags | PAGE_ALLOC_USER);
}
unsigned page_alloc_many(struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pages[i] = page_alloc(0, PAGE_ALLOC_USER);
		if (!pages[i]) {
			return i;
		}
	}
	return n;
}
void page_get(struct page *p)
{
	ASSERT(p->refs > 0);
	p->refs++;
}
void page_forget_code(struct page *p, unsigned n)
{
	ASSERT(p->refs > 0 && n > 0);
}
void page_put(struct page *p)
{
	if (!p) {
		return;
	}
	ASSERT(p->refs > 0);
	if (--p->refs == 0) {
		ASSERT(!(p->flags & (PAGE_CACHE | PAGE_LOCKED)));
		for (uint64_t i = 0; i < 1ul << p->order; i++) {
			used[(page_to_phys(p) >> PAGE_SHIFT) + i] = false;
		}
		used_count -= 1ul << p->order;
	}
}
void mem_get_stats(struct mem_stats *s)
{
	/* A larger machine than this one, so that no cache is kept small. */
	*s = (struct mem_stats){ .total_pages = HOST_PAGES * 8,
				 .free_pages = HOST_PAGES * 8 - used_count };
}
uint64_t mem_total_pages(void)
{
	return HOST_PAGES;
}
void mem_account(enum mem_kind kind, int64_t pages)
{
	(void)kind;
	(void)pages;
}
void mem_register_shrinker(uint64_t (*shrink)(uint64_t pages))
{
	(void)shrink;
}
struct kmem_cache {
	size_t size;
};
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	static struct kmem_cache caches[16];
	static unsigned n;

	(void)name;
	(void)align;
	ASSERT(n < 16);
	caches[n].size = size;
	return &caches[n++];
}
void *kmem_cache_alloc(struct kmem_cache *c)
{
	return malloc(c->size);
}
void *kmem_cache_zalloc(struct kmem_cache *c)
{
	return calloc(1, c->size);
}
void kmem_cache_free(struct kmem_cache *c, void *p)
{
	(void)c;
	free(p);
}

/* --- mm: nothing is mapped --- */
__attribute__((weak)) void mm_unmap_object(struct page_cache *pc, uint64_t first, uint64_t last)
{
	(void)pc;
	(void)first;
	(void)last;
}
__attribute__((weak)) void mm_unmap_object_end(struct page_cache *pc, uint64_t first)
{
	(void)pc;
	(void)first;
}
__attribute__((weak)) void mm_clean_object_page(struct page_cache *pc, struct page *p)
{
}
/* User memory is the test's own; address 0 faults. */
size_t copy_from_user_partial(void *dst, user_ptr src, size_t n)
{
	if (!src.addr) {
		return 0;
	}
	__builtin_memcpy(dst, (void *)src.addr, n);
	return n;
}
size_t copy_to_user_partial(user_ptr dst, const void *src, size_t n)
{
	if (!dst.addr) {
		return 0;
	}
	__builtin_memcpy((void *)dst.addr, src, n);
	return n;
}
size_t clear_user_partial(user_ptr dst, size_t n)
{
	__builtin_memset((void *)dst.addr, 0, n);
	return n;
}

/* --- locks --- */
void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank, name);
}
void spin_assert_unshared(const struct spinlock *l)
{
	ASSERT(!l->held);
}
void spin_assert_held(const struct spinlock *l)
{
	ASSERT(l->held);
}
void spin_lock(struct spinlock *l)
{
	ASSERT(!l->held);
	l->held = 1;
}
bool spin_trylock(struct spinlock *l)
{
	return l->held ? false : (l->held = 1);
}
void spin_unlock(struct spinlock *l)
{
	ASSERT(l->held);
	l->held = 0;
}
uint64_t spin_lock_irqsave(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}
void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
	(void)flags;
	spin_unlock(l);
}
void mutex_init(struct mutex *m, enum lock_rank rank, const char *name)
{
	m->owner = NULL;
	m->rank = (uint16_t)rank;
	m->name = name;
}
void mutex_lock(struct mutex *m)
{
	ASSERT(!m->owner);
	m->owner = &fake_thread;
}
bool mutex_trylock(struct mutex *m)
{
	if (m->owner) {
		return false;
	}
	m->owner = &fake_thread;
	return true;
}
void mutex_unlock(struct mutex *m)
{
	ASSERT(m->owner);
	m->owner = NULL;
}

/* --- waiting --- */
void waitq_init(struct waitq *q)
{
	list_init(&q->entries);
}
void waitq_wake(struct waitq *q, int nr, uint32_t events)
{
	(void)q;
	(void)nr;
	(void)events;
}
void waitq_entry_init(struct waitq_entry *e)
{
	e->queue = NULL;
}
void waitq_add(struct waitq *q, struct waitq_entry *e)
{
	e->queue = q;
}
void waitq_remove(struct waitq_entry *e)
{
	e->queue = NULL;
}
int waitq_wait(struct waitq *q, struct spinlock *held, enum wait_mode mode, uint64_t deadline)
{
	(void)q;
	(void)mode;
	if (!in_thread) {
		if (!host_idle || ++idle_count > 1000000) {
			panic("the only thread waits for ever");
		}
		spin_unlock(held);
		host_idle();
		spin_lock(held);
		return 0;
	}
	if (deadline == DEADLINE_NONE) {
		spin_unlock(held);
		longjmp(thread_exit, 1);
	}
	host_clock_ns = MAX(host_clock_ns, deadline);
	return -ETIMEDOUT;
}
int waitq_wait_irq(struct waitq *q, struct spinlock *held, enum wait_mode mode, uint64_t deadline)
{
	return waitq_wait(q, held, mode, deadline);
}
void block_prepare(enum wait_mode mode)
{
	(void)mode;
}
void block_cancel(void)
{
}
/* The weak one: nobody will ever wake us.  Tests of killed waits have their own. */
__attribute__((weak)) int block(uint64_t deadline)
{
	(void)deadline;
	panic("the only thread sleeps for ever");
}
int sched_sleep_until(uint64_t deadline, enum wait_mode mode)
{
	(void)mode;
	host_clock_ns = MAX(host_clock_ns, deadline);
	return 0;
}
void sched_yield_point(void)
{
}
unsigned sched_runnable_count(void)
{
	return 1;
}
unsigned cpu_count(void)
{
	return 1;
}
uint64_t clock_mono_ns(void)
{
	return host_clock_ns += 100;
}
int64_t clock_wall_offset_ns(void)
{
	return 0;
}
struct thread *kthread_start(const char *name, void (*fn)(void *), void *arg)
{
	(void)name;
	ASSERT(nthreads < MAX_THREADS);
	threads[nthreads].fn = fn;
	threads[nthreads++].arg = arg;
	return &fake_thread;
}
void host_run_threads(void)
{
	for (volatile unsigned i = 0; i < nthreads; i++) {
		in_thread = true;
		if (!setjmp(thread_exit)) {
			threads[i].fn(threads[i].arg);
		}
		in_thread = false;
	}
}
