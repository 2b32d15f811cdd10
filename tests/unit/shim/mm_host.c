/* SPDX-License-Identifier: MIT */
#include "mm_host.h"

#include <arch/boot.h>
#include <arch/smp.h>
#include <arch/uaccess.h>
#include <lib/assert.h>
#include <lib/random.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <sched/sched.h>

extern void *calloc(size_t n, size_t size);
extern void free(void *p);

extern long syscall(long number, ...);
extern void *mmap(void *addr, size_t len, int prot, int flags, int fd, long offset);
#define HOST_MAP (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE)

struct boot_info boot_info;
static struct cpu fake_cpu;
static struct thread fake_thread;
struct arch_space kernel_space;
static uint64_t seed = 88172645463325252ull;

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
void smp_call(uint64_t mask, void (*fn)(void *), void *arg)
{
	(void)mask;
	(void)fn;
	(void)arg;
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
void rwsem_init(struct rwsem *s, enum lock_rank rank, const char *name)
{
	(void)rank;
	(void)name;
	s->readers = 0;
}
void rwsem_read_lock(struct rwsem *s)
{
	ASSERT(s->readers >= 0);
	s->readers++;
}
void rwsem_read_unlock(struct rwsem *s)
{
	ASSERT(s->readers > 0);
	s->readers--;
}
void rwsem_write_lock(struct rwsem *s)
{
	ASSERT(s->readers == 0);
	s->readers = -1;
}
int rwsem_write_lock_killable(struct rwsem *s)
{
	rwsem_write_lock(s);
	return 0;
}
void rwsem_write_unlock(struct rwsem *s)
{
	ASSERT(s->readers == -1);
	s->readers = 0;
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
	ASSERT(syscall(158 /* arch_prctl */, 0x1001 /* ARCH_SET_GS */, &fake_cpu) == 0);
	fake_cpu.self = &fake_cpu;
	fake_cpu.current = &fake_thread;
	boot_info.ram[0] = (struct mem_range){0x10000, half};
	boot_info.ram[1] = (struct mem_range){half + hole, top};
	boot_info.ram_count = 2;
	phys_init();
	slab_init();
}

struct mm *mm_host_current(void)
{
	return fake_thread.mm;
}
void mm_host_set_current(struct mm *mm)
{
	fake_thread.mm = mm;
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

		if (!(*e & PTE_P) || !(*e & PTE_U) || (write && !(*e & PTE_W)))
			return NULL;
		if (level == 0 || (*e & PTE_PS)) {
			*e |= PTE_A | (write ? PTE_D : 0);
			return (uint8_t *)phys_to_virt((*e & PTE_ADDR & ~(span - 1)) +
						       (va & (span - 1)));
		}
		t = phys_to_virt(*e & PTE_ADDR);
	}
}

static enum fault_result user_touch(struct mm *mm, uint64_t addr, bool write, uint8_t **p)
{
	for (int i = 0; i < 10; i++) {
		enum fault_result r;

		*p = translate(mm, addr, write);
		if (*p)
			return FAULT_OK;
		r = mm_fault(mm, addr, PF_USER | (write ? PF_WRITE : 0));
		if (r != FAULT_OK)
			return r;
	}
	panic("fault at %lx is never resolved", addr);
}
enum fault_result user_read(struct mm *mm, uint64_t addr, uint8_t *value)
{
	uint8_t *p;
	enum fault_result r = user_touch(mm, addr, false, &p);

	if (r == FAULT_OK)
		*value = *p;
	return r;
}
enum fault_result user_write(struct mm *mm, uint64_t addr, uint8_t value)
{
	uint8_t *p;
	enum fault_result r = user_touch(mm, addr, true, &p);

	if (r == FAULT_OK)
		*p = value;
	return r;
}

/* --- a page cache of 64 KiB objects in memory --- */

struct page_cache *pagecache_create_anon(uint64_t size)
{
	struct page_cache *pc = calloc(1, sizeof *pc);

	list_init(&pc->vmas);
	pc->size = size;
	pc->refs = 1;
	pc->root = calloc(MM_HOST_OBJECT_PAGES, sizeof(void *));
	return pc;
}
void pagecache_get(struct page_cache *pc)
{
	pc->refs++;
}
void mm_host_drop_page(struct page_cache *pc, uint64_t index)
{
	struct page *p = pc->root[index];

	if (!p)
		return;
	pc->root[index] = NULL;
	p->flags &= ~(uint32_t)PAGE_CACHE;
	mm_unmap_object(pc, index, index);
	ASSERT(p->maps == 0);
	page_put(p);
}
void pagecache_put(struct page_cache *pc)
{
	if (--pc->refs)
		return;
	ASSERT(list_empty(&pc->vmas));
	for (unsigned i = 0; i < MM_HOST_OBJECT_PAGES; i++)
		mm_host_drop_page(pc, i);
	free(pc->root);
	free(pc);
}
struct page *pagecache_find(struct page_cache *pc, uint64_t index)
{
	struct page *p = pc->root[index];

	if (p)
		page_get(p);
	return p;
}
int pagecache_get_page(struct page_cache *pc, uint64_t index, struct page **out)
{
	ASSERT(index < MM_HOST_OBJECT_PAGES);
	if (!pc->root[index]) {
		struct page *p = page_alloc(0, PAGE_ALLOC_USER | PAGE_ALLOC_ZERO);

		if (!p)
			return -ENOMEM;
		p->flags = PAGE_CACHE | PAGE_UPTODATE;
		p->owner = pc;
		p->index = index;
		pc->root[index] = p;
	}
	*out = pagecache_find(pc, index);
	return 0;
}
void pagecache_mark_dirty(struct page_cache *pc, struct page *p)
{
	ASSERT(p->owner == pc);
	p->flags |= PAGE_DIRTY;
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
			r = user_write(mm_host_current(), (uintptr_t)dst + i, ((const uint8_t *)src)[i]);
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
