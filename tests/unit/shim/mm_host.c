/* SPDX-License-Identifier: MIT */
#include "mm_host.h"

#include <arch/boot.h>
#include <arch/paravirt.h>
#include <arch/smp.h>
#include <arch/uaccess.h>
#include <lib/assert.h>
#include <sync/random.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <mm/slab.h>
#include <sched/sched.h>

extern void *calloc(size_t n, size_t size);
extern void free(void *p);
extern int sched_yield_host(void) __asm__("sched_yield");

extern long syscall(long number, ...);
extern void *mmap(void *addr, size_t len, int prot, int flags, int fd, long offset);
#define HOST_MAP (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE)

struct boot_info boot_info;
/* The test's threads are CPUs. */
static struct cpu cpus[MM_HOST_CPUS];
static struct thread threads[MM_HOST_CPUS];
static _Atomic int in_access[MM_HOST_CPUS];
struct arch_space kernel_space;
bool arch_copy_string;
bool cpu_is_emulated;
static uint64_t seed = 88172645463325252ull;

struct mm_host_limits mm_host_limits = { UINT64_MAX, UINT64_MAX, UINT64_MAX };

static uint64_t host_limit(int resource)
{
	switch (resource) {
	case RLIMIT_AS: return mm_host_limits.as;
	case RLIMIT_STACK: return mm_host_limits.stack;
	case RLIMIT_MEMLOCK: return mm_host_limits.memlock;
	default: return UINT64_MAX;
	}
}
uint64_t random_u64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}
uint64_t boot_alloc(size_t bytes, size_t align)
{
	(void)bytes;
	(void)align;
	panic("no page tables here");
}
int paging_map_kernel(uintptr_t va, uint64_t phys, size_t len, uint64_t flags, uint64_t (*a)(void))
{
	(void)va;
	(void)phys;
	(void)len;
	(void)flags;
	(void)a;
	return 0;
}
void paging_init_root(uint64_t *root)
{
	(void)root;
}
void tlb_flush_all(void)
{
}
void arch_load_space(struct arch_space *s)
{
	(void)s;
}
/* No TLB here: every access walks the tables.  One that is under way must end first. */
static void access_lock(unsigned cpu)
{
	while (atomic_exchange(&in_access[cpu], 1))
		cpu_pause();
}
static void access_unlock(unsigned cpu)
{
	atomic_store(&in_access[cpu], 0);
}
uint64_t paravirt_defer_flush(uint64_t mask)
{
	return mask;
}
void smp_call(uint64_t mask, void (*fn)(void *), void *arg)
{
	(void)fn;
	(void)arg;
	for (; mask; mask &= mask - 1) {
		access_lock((unsigned)__builtin_ctzll(mask));
		access_unlock((unsigned)__builtin_ctzll(mask));
	}
}
unsigned cpu_count(void)
{
	return 1;
}
void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank, name);
}
void spin_lock(struct spinlock *l)
{
	for (unsigned i = 0; !spin_trylock(l); i++) {
		ASSERT(i < 1u << 20);
		if (i > 100)
			sched_yield_host();
	}
}
bool spin_trylock(struct spinlock *l)
{
	if (atomic_exchange(&l->held, 1))
		return false;
	l->cpu = (uint16_t)cpu_id();
	return true;
}
void spin_unlock(struct spinlock *l)
{
	ASSERT(spin_held(l));
	l->cpu = UINT16_MAX;
	atomic_store(&l->held, 0);
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
bool spin_held(const struct spinlock *l)
{
	return l->held && l->cpu == cpu_id();
}
void spin_assert_held(const struct spinlock *l)
{
	ASSERT(spin_held(l));
}
void spin_assert_unshared(const struct spinlock *l)
{
	ASSERT(!l->held);
}
void lockcheck_acquire(enum lock_rank rank, const char *name, bool nested)
{
}
void lockcheck_release(enum lock_rank rank)
{
}
void lockcheck_may_sleep(void)
{
}
/* readers: -1 = a writer */
void rwsem_assert_held(const struct rwsem *s)
{
	ASSERT(s->readers);
}
void rwsem_assert_write_held(const struct rwsem *s)
{
	ASSERT(s->readers == -1);
}
void rwsem_assert_unshared(const struct rwsem *s)
{
	ASSERT(s->readers == 0);
}
void rwsem_init(struct rwsem *s, enum lock_rank rank, const char *name)
{
	spin_init(&s->lock, rank, name);
	s->readers = 0;
}
static bool rwsem_take(struct rwsem *s, bool write)
{
	bool ok;

	spin_lock(&s->lock);
	ok = write ? s->readers == 0 : s->readers >= 0;
	if (ok)
		s->readers += write ? -1 : 1;
	spin_unlock(&s->lock);
	return ok;
}
void rwsem_read_lock(struct rwsem *s)
{
	while (!rwsem_take(s, false))
		sched_yield_host();
}
void rwsem_read_unlock(struct rwsem *s)
{
	spin_lock(&s->lock);
	ASSERT(s->readers > 0);
	s->readers--;
	spin_unlock(&s->lock);
}
void rwsem_write_lock(struct rwsem *s)
{
	while (!rwsem_take(s, true))
		sched_yield_host();
}
int rwsem_write_lock_killable(struct rwsem *s)
{
	rwsem_write_lock(s);
	return 0;
}
void rwsem_write_unlock(struct rwsem *s)
{
	spin_lock(&s->lock);
	ASSERT(s->readers == -1);
	s->readers = 0;
	spin_unlock(&s->lock);
}
void sched_yield_point(void)
{
}

void mm_host_init(uint64_t ram_bytes)
{
	uint64_t half = ALIGN_UP(ram_bytes / 2, PAGE_SIZE), hole = 64ul << 20;
	uint64_t top = ram_bytes + hole;

	ASSERT(mmap((void *)DIRECT_MAP, top, PROT_READ | PROT_WRITE, HOST_MAP, -1, 0) ==
	       (void *)DIRECT_MAP);
	ASSERT(mmap((void *)VMEMMAP, ALIGN_UP(top, 4ul << 20) / PAGE_SIZE * sizeof(struct page),
		    PROT_READ | PROT_WRITE, HOST_MAP, -1, 0) == (void *)VMEMMAP);
	mm_host_thread(0);
	boot_info.ram[0] = (struct mem_range){ 0x10000, half };
	boot_info.ram[1] = (struct mem_range){ half + hole, top };
	boot_info.ram_count = 2;
	phys_init();
	slab_init();
	mm_rlimit = host_limit;
}

void mm_host_thread(unsigned cpu)
{
	ASSERT(syscall(158 /* arch_prctl */, 0x1001 /* ARCH_SET_GS */, &cpus[cpu]) == 0);
	cpus[cpu].self = &cpus[cpu];
	cpus[cpu].id = cpu;
	cpus[cpu].current = &threads[cpu];
}

struct mm *mm_host_current(void)
{
	return thread_current()->mm;
}
void mm_host_set_current(struct mm *mm)
{
	thread_current()->mm = mm;
}

uint64_t mm_host_free_pages(void)
{
	struct mem_stats s;

	mem_get_stats(&s);
	return s.free_pages;
}

/* What the processor would do: NULL = page fault. */
static uint8_t *translate(struct mm *mm, uint64_t va, bool write)
{
	uint64_t *t = phys_to_virt(mm->space.root);

	for (int level = 3;; level--) {
		uint64_t *e = &t[va >> (12 + 9 * level) & 511], span = 1ul << (12 + 9 * level);

		uint64_t v = __atomic_load_n(e, __ATOMIC_ACQUIRE);

		if (!(v & PTE_P) || !(v & PTE_U) || (write && !(v & PTE_W)))
			return NULL;
		if (level == 0 || (v & PTE_PS)) {
			/* as the processor: only while the entry is what was walked */
			if (!__atomic_compare_exchange_n(e, &v, v | PTE_A | (write ? PTE_D : 0),
							 false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				return NULL;
			return (uint8_t *)phys_to_virt((v & PTE_ADDR & ~(span - 1)) +
						       (va & (span - 1)));
		}
		t = phys_to_virt(v & PTE_ADDR);
	}
}

static enum fault_result user_touch(struct mm *mm, uint64_t addr, bool write, uint8_t *value)
{
	for (int i = 0; i < 10000; i++) {
		enum fault_result r;
		uint8_t *p;

		access_lock(cpu_id());
		p = translate(mm, addr, write);
		if (p && write)
			*p = *value;
		else if (p)
			*value = *p;
		access_unlock(cpu_id());
		if (p)
			return FAULT_OK;
		r = mm_fault(mm, addr, write ? PF_WRITE : 0);
		if (r != FAULT_OK)
			return r;
	}
	panic("fault at %lx is never resolved", addr);
}
enum fault_result user_read(struct mm *mm, uint64_t addr, uint8_t *value)
{
	return user_touch(mm, addr, false, value);
}
enum fault_result user_write(struct mm *mm, uint64_t addr, uint8_t value)
{
	return user_touch(mm, addr, true, &value);
}

/* --- a page cache of 64 KiB objects in memory --- */

struct page_cache *pagecache_create_anon(uint64_t size)
{
	struct page_cache *pc = calloc(1, sizeof(*pc));

	list_init(&pc->vmas);
	pc->size = size;
	refcount_init(&pc->refs, 1);
	pc->root = calloc(MM_HOST_OBJECT_PAGES, sizeof(void *));
	return pc;
}
void pagecache_get(struct page_cache *pc)
{
	refcount_get(&pc->refs);
}
void mm_host_drop_page(struct page_cache *pc, uint64_t index)
{
	struct page *p;

	spin_lock(&pc->lock);
	p = ((struct page **)pc->root)[index];
	if (p) {
		((struct page **)pc->root)[index] = NULL;
		atomic_fetch_and(&p->flags, ~(uint32_t)PAGE_CACHE);
	}
	spin_unlock(&pc->lock);
	if (!p)
		return;
	mm_unmap_object(pc, index, index);
	ASSERT(p->maps == 0);
	page_put(p);
}
void pagecache_put(struct page_cache *pc)
{
	if (!pc || !refcount_put(&pc->refs))
		return;
	ASSERT(list_empty(&pc->vmas));
	for (unsigned i = 0; i < MM_HOST_OBJECT_PAGES; i++)
		mm_host_drop_page(pc, i);
	free(pc->root);
	free(pc);
}
static struct page *find_locked(struct page_cache *pc, uint64_t index)
{
	struct page *p = ((struct page **)pc->root)[index];

	if (p)
		page_get(p);
	return p;
}
struct page *pagecache_find(struct page_cache *pc, uint64_t index)
{
	struct page *p;

	spin_lock(&pc->lock);
	p = find_locked(pc, index);
	spin_unlock(&pc->lock);
	return p;
}
int pagecache_get_page(struct page_cache *pc, uint64_t index, struct page **out)
{
	struct page *p = page_alloc(0, PAGE_ALLOC_USER | PAGE_ALLOC_ZERO);

	ASSERT(index < MM_HOST_OBJECT_PAGES);
	if (!p)
		return -ENOMEM;
	p->owner = pc;
	p->index = index;
	spin_lock(&pc->lock);
	*out = find_locked(pc, index);
	if (!*out) {
		p->flags = PAGE_CACHE | PAGE_UPTODATE;
		((struct page **)pc->root)[index] = p;
		*out = find_locked(pc, index);
		p = NULL;
	}
	spin_unlock(&pc->lock);
	if (p)
		page_put(p);
	return 0;
}
void pagecache_mark_dirty(struct page_cache *pc, struct page *p)
{
	ASSERT(p->owner == pc);
	atomic_fetch_or(&p->flags, PAGE_DIRTY);
}
int pagecache_sync(struct page_cache *pc, uint64_t first, uint64_t last)
{
	(void)pc;
	(void)first;
	(void)last;
	return 0;
}
void pagecache_zero_range(struct page_cache *pc, uint64_t pos, uint64_t n)
{
	(void)pc;
	(void)pos;
	(void)n;
}

/* User copies of the current mm, byte by byte. */
size_t arch_copy_user(void *dst, const void *src, size_t n)
{
	bool to_user = (uintptr_t)dst < MM_HOST_USER_TOP;

	for (size_t i = 0; i < n; i++) {
		enum fault_result r;

		if (to_user)
			r = user_write(mm_host_current(), (uintptr_t)dst + i,
				       ((const uint8_t *)src)[i]);
		else
			r = user_read(mm_host_current(), (uintptr_t)src + i, (uint8_t *)dst + i);
		if (r != FAULT_OK)
			return n - i;
	}
	return 0;
}
size_t arch_clear_user(uintptr_t dst, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (user_write(mm_host_current(), dst + i, 0) != FAULT_OK)
			return n - i;
	}
	return 0;
}
long arch_strncpy_user(char *dst, uintptr_t src, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (user_read(mm_host_current(), src + i, (uint8_t *)dst + i) != FAULT_OK)
			return -EFAULT;
		if (!dst[i])
			return (long)i;
	}
	return (long)n;
}
int arch_user_load32(uint32_t *v, uintptr_t addr)
{
	return arch_copy_user(v, (const void *)addr, 4) ? -EFAULT : 0;
}
int arch_user_load64(uint64_t *v, uintptr_t addr)
{
	return arch_copy_user(v, (const void *)addr, 8) ? -EFAULT : 0;
}
int arch_user_store32(uintptr_t addr, uint32_t v)
{
	return arch_copy_user((void *)addr, &v, 4) ? -EFAULT : 0;
}
int arch_user_store64(uintptr_t addr, uint64_t v)
{
	return arch_copy_user((void *)addr, &v, 8) ? -EFAULT : 0;
}
int arch_user_cmpxchg32(uintptr_t addr, uint32_t *old, uint32_t new_value)
{
	uint32_t seen;

	if (arch_user_load32(&seen, addr))
		return -EFAULT;
	if (seen == *old && arch_copy_user((void *)addr, &new_value, 4))
		return -EFAULT;
	*old = seen;
	return 0;
}
