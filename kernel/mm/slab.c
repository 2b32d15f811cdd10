/* SPDX-License-Identifier: MIT */
/*
 * A slab is one block of pages of one cache: its struct page holds the cache (owner), the
 * list of free objects (priv) and how many are out (index); link is its place in the
 * cache's list of slabs with free objects.  Objects larger than half a page get a block
 * each.  In front of the slabs each CPU has a list of free objects per cache, used with
 * interrupts off and without a lock.  Never sleeps; any context.
 *
 * A cache keeps at most one empty slab, so that a single object that comes and goes costs no
 * page.  The sum over its slabs of objects out is c->out; the CPUs' lists are among them.
 *
 * Debug builds append a trailer to each object: a red zone and a word that says whether
 * it is allocated; free objects are filled with 0x6b.
 */
#include <mm/slab.h>

#include <arch/cpu.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <mm/phys.h>
#include <sync/spinlock.h>

#define MAX_CACHES 64
#define MAX_CLASS_SIZE 2048
#define POISON_FREE 0x6b
#define RED_ZONE 0xbbbbbbbbbbbbbbbbul
#define STATE_USED 0x5a5aa5a55a5aa5a5ul
#define STATE_FREE 0x6b6b6b6b12345678ul

struct kmem_cache {
	const char *name;
	uint32_t size, stride; /* asked for / from object to object */
	uint32_t per_slab, order;
	uint32_t batch; /* objects moved between a CPU and the slabs */
	uint32_t index; /* in the per-CPU arrays */
	SPINLOCK(slab) lock;
	struct list partial GUARDED_BY(slab_role); /* slabs with free objects */
	uint32_t empty_slabs GUARDED_BY(slab_role);
	uint64_t slabs GUARDED_BY(slab_role); /* blocks */
	uint64_t out GUARDED_BY(slab_role);   /* objects not in them: used, or in CPUs' lists */
};
struct trailer { /* debug */
	uint64_t red_zone, state;
};
struct cpu_list {
	void *head;
	uint64_t count;
};

static struct kmem_cache caches[MAX_CACHES];
static _Atomic unsigned cache_count;
static struct cpu_list boot_lists[MAX_CACHES];
static struct cpu_list *cpu_lists[MAX_CPUS] = { boot_lists };

static const uint16_t class_sizes[] = { 16,  32,  48,  64,  96,	  128,	192,
					256, 384, 512, 768, 1024, 1536, 2048 };
static const char *const class_names[] = { "kmalloc-16",   "kmalloc-32",  "kmalloc-48",
					   "kmalloc-64",   "kmalloc-96",  "kmalloc-128",
					   "kmalloc-192",  "kmalloc-256", "kmalloc-384",
					   "kmalloc-512",  "kmalloc-768", "kmalloc-1024",
					   "kmalloc-1536", "kmalloc-2048" };
static uint8_t class_of[MAX_CLASS_SIZE / 16 + 1];

static unsigned order_for(size_t size)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < size) {
		order++;
	}
	return order;
}

/* Debug checks. */

static struct trailer *trailer_of(const struct kmem_cache *c, void *obj)
{
	return (struct trailer *)((char *)obj + ALIGN_UP(c->size, 8u));
}

static void debug_mark_free(const struct kmem_cache *c, void *obj)
{
	memset(obj, POISON_FREE, c->size);
	trailer_of(c, obj)->red_zone = RED_ZONE;
	trailer_of(c, obj)->state = STATE_FREE;
}

static NOINLINE void debug_check_alloc(const struct kmem_cache *c, void *obj)
{
	const unsigned char *b = obj;
	struct trailer *t = trailer_of(c, obj);

	if (t->state != STATE_FREE || t->red_zone != RED_ZONE) {
		panic("slab %s: free object %p was overwritten (trailer %lx %lx)", c->name, obj,
		      t->red_zone, t->state);
	}
	for (size_t i = sizeof(void *); i < c->size; i++) {
		if (b[i] != POISON_FREE) {
			panic("slab %s: free object %p was written at +%zu (0x%x)", c->name, obj, i,
			      b[i]);
		}
	}
	t->state = STATE_USED;
	memset(obj, 0x5a, c->size);
}

static NOINLINE void debug_check_free(const struct kmem_cache *c, void *obj)
{
	struct trailer *t = trailer_of(c, obj);
	size_t in_slab = (uintptr_t)obj & ((PAGE_SIZE << c->order) - 1);

	if (in_slab % c->stride) {
		panic("slab %s: %p is not the start of an object", c->name, obj);
	}
	if (t->state == STATE_FREE) {
		panic("slab %s: double free of %p", c->name, obj);
	}
	if (t->state != STATE_USED || t->red_zone != RED_ZONE) {
		panic("slab %s: object %p was overrun (%lx %lx)", c->name, obj, t->red_zone,
		      t->state);
	}
	debug_mark_free(c, obj);
}

/* Slabs. */

static struct page *slab_create_locked(struct kmem_cache *c) REQUIRES(slab_role)
{
	struct page *p = page_alloc(c->order, cpu_in_irq() ? PAGE_ALLOC_ATOMIC : 0);
	void *head = NULL;
	char *base;

	spin_assert_held(&c->lock);
	if (!p) {
		return NULL;
	}
	base = page_to_virt(p);
	for (uint32_t i = c->per_slab; i-- > 0;) {
		void *obj = base + (size_t)i * c->stride;

		if (CONFIG_DEBUG) {
			debug_mark_free(c, obj);
		}
		*(void **)obj = head;
		head = obj;
	}
	p->flags |= PAGE_SLAB;
	p->owner = c;
	p->priv = (uintptr_t)head;
	p->index = 0;
	list_push_front(&c->partial, &p->link);
	c->empty_slabs++;
	c->slabs++;
	mem_account(MEM_SLAB, 1l << c->order);
	return p;
}

/* Takes up to n objects as a chain; returns how many. */
static uint32_t slab_take(struct kmem_cache *c, uint32_t n, void **chain)
{
	uint32_t got = 0;
	void *head = NULL;

	spin_lock(&c->lock);
	while (got < n) {
		struct page *p;

		if (!list_empty(&c->partial)) {
			p = list_first_entry(&c->partial, struct page, link);
		} else if (got || !(p = slab_create_locked(c))) {
			break;
		}
		if (p->index == 0) {
			c->empty_slabs--;
		}
		while (got < n && p->priv) {
			void *obj = (void *)p->priv;

			p->priv = (uintptr_t) * (void **)obj;
			*(void **)obj = head;
			head = obj;
			p->index++;
			got++;
		}
		if (!p->priv) {
			list_remove(&p->link);
		}
	}
	c->out += got;
	spin_unlock(&c->lock);
	*chain = head;
	return got;
}

/* Gives a chain of n objects back; slabs that become empty go, but for one. */
static void slab_give(struct kmem_cache *c, void *chain, uint32_t n)
{
	spin_lock(&c->lock);
	c->out -= n;
	while (n--) {
		void *obj = chain;
		struct page *p = virt_to_page((void *)ALIGN_DOWN((uintptr_t)obj, PAGE_SIZE));

		chain = *(void **)obj;
		DEBUG_ASSERT(p->owner == c && p->index > 0);
		if (!p->priv) {
			list_push_front(&c->partial, &p->link);
		}
		*(void **)obj = (void *)p->priv;
		p->priv = (uintptr_t)obj;
		if (--p->index) {
			continue;
		}
		if (c->empty_slabs == 0) {
			c->empty_slabs = 1;
			list_remove(&p->link);
			list_push_back(&c->partial, &p->link); /* used last */
			continue;
		}
		list_remove(&p->link);
		p->flags &= ~(uint32_t)PAGE_SLAB;
		c->slabs--;
		mem_account(MEM_SLAB, -(1l << c->order));
		page_put(p);
	}
	spin_unlock(&c->lock);
}

/* Interrupts off.  NULL: no memory for this CPU's lists; it does without. */
static struct cpu_list *cpu_list(struct kmem_cache *c)
{
	unsigned cpu = cpu_id();

	if (unlikely(!cpu_lists[cpu])) {
		struct page *p = page_alloc(0, PAGE_ALLOC_ZERO | PAGE_ALLOC_ATOMIC);

		if (!p) {
			return NULL;
		}
		_Static_assert(sizeof(boot_lists) <= PAGE_SIZE, "the lists of a CPU fit a page");
		cpu_lists[cpu] = page_to_virt(p);
	}
	return &cpu_lists[cpu][c->index];
}

static NOINLINE void *alloc_slow(struct kmem_cache *c, struct cpu_list *l)
{
	void *chain;
	uint32_t got = slab_take(c, l ? c->batch : 1, &chain);

	if (!got) {
		return NULL;
	}
	if (l) {
		l->head = *(void **)chain;
		l->count = got - 1;
	}
	return chain;
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	uint64_t irq = irq_save();
	struct cpu_list *l = cpu_list(c);
	void *obj;

	if (likely(l && l->head)) {
		obj = l->head;
		l->head = *(void **)obj;
		l->count--;
	} else {
		obj = alloc_slow(c, l);
	}
	irq_restore(irq);
	if (CONFIG_DEBUG && obj) {
		debug_check_alloc(c, obj);
	}
	return obj;
}

static NOINLINE void free_surplus(struct kmem_cache *c, struct cpu_list *l)
{
	void *chain = l->head, **last = l->head;

	for (uint32_t i = 1; i < c->batch; i++) {
		last = *last;
	}
	l->head = *last;
	l->count -= c->batch;
	slab_give(c, chain, c->batch);
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	uint64_t irq;
	struct cpu_list *l;

	if (!p) {
		return;
	}
	if (CONFIG_DEBUG) {
		struct page *page = virt_to_page((void *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE));

		if (!(page->flags & PAGE_SLAB) || page->owner != c) {
			panic("slab %s: free of foreign object %p", c->name, p);
		}
		debug_check_free(c, p);
	}
	irq = irq_save();
	l = cpu_list(c);
	if (likely(l)) {
		*(void **)p = l->head;
		l->head = p;
		if (++l->count >= 2 * c->batch) {
			free_surplus(c, l);
		}
	} else {
		slab_give(c, p, 1);
	}
	irq_restore(irq);
}

void slab_for_each(void (*fn)(const struct slab_usage *u, void *arg), void *arg)
{
	for (unsigned i = 0; i < cache_count; i++) {
		struct kmem_cache *c = &caches[i];
		struct slab_usage u = { .name = c->name, .object_size = c->size };
		uint64_t irq = spin_lock_irqsave(&c->lock);

		u.used = c->out;
		u.total = c->slabs * c->per_slab;
		u.pages = c->slabs << c->order;
		spin_unlock_irqrestore(&c->lock, irq);
		for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
			if (cpu_lists[cpu]) {
				u.used -= MIN(u.used, READ_ONCE(cpu_lists[cpu][i].count));
			}
		}
		fn(&u, arg);
	}
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *p = kmem_cache_alloc(c);

	if (p) {
		memset(p, 0, c->size);
	}
	return p;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	unsigned n = atomic_fetch_add(&cache_count, 1);
	struct kmem_cache *c = &caches[n];
	size_t stride;

	ASSERT(n < MAX_CACHES && size > 0 && size <= PAGE_SIZE << PAGE_MAX_ORDER);
	ASSERT((align & (align - 1)) == 0 && align <= PAGE_SIZE);
	if (align < 8) {
		align = 8;
	}
	stride = MAX(size, sizeof(void *));
	if (CONFIG_DEBUG) {
		stride = ALIGN_UP(stride, 8ul) + sizeof(struct trailer);
	}
	stride = ALIGN_UP(stride, align);
	*c = (struct kmem_cache){ .name = name,
				  .size = (uint32_t)MAX(size, sizeof(void *)),
				  .stride = (uint32_t)stride,
				  .index = n };
	c->order = order_for(stride);
	c->per_slab = c->order ? 1 : (uint32_t)(PAGE_SIZE / stride);
	c->batch = (uint32_t)MIN(MAX(4096 / stride, 2ul), 16ul);
	spin_init(&c->lock, RANK_SLAB, name);
	list_init(&c->partial);
	return c;
}

void *kmalloc(size_t size)
{
	struct page *p;

	if (likely(size <= MAX_CLASS_SIZE)) {
		return kmem_cache_alloc(&caches[class_of[(size + 15) / 16]]);
	}
	if (size > PAGE_SIZE << PAGE_MAX_ORDER) {
		return NULL;
	}
	p = page_alloc(order_for(size), cpu_in_irq() ? PAGE_ALLOC_ATOMIC : 0);
	if (!p) {
		return NULL;
	}
	mem_account(MEM_SLAB, 1l << p->order);
	return page_to_virt(p);
}

void kfree(const void *p)
{
	struct page *page;

	if (!p) {
		return;
	}
	page = virt_to_page((const void *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE));
	if (likely(page->flags & PAGE_SLAB)) {
		kmem_cache_free(page->owner, (void *)(uintptr_t)p);
		return;
	}
	ASSERT(IS_ALIGNED((uintptr_t)p, PAGE_SIZE) && page->refs == 1);
	mem_account(MEM_SLAB, -(1l << page->order));
	page_put(page);
}

/* What kmalloc gave for p, at least what was asked for. */
static size_t usable_size(const void *p)
{
	struct page *page = virt_to_page((const void *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE));

	if (page->flags & PAGE_SLAB) {
		return ((struct kmem_cache *)page->owner)->size;
	}
	return PAGE_SIZE << page->order;
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	if (p) {
		memset(p, 0, size);
	}
	return p;
}

void *kcalloc(size_t n, size_t size)
{
	size_t total;

	return __builtin_mul_overflow(n, size, &total) ? NULL : kzalloc(total);
}

void *krealloc(void *p, size_t size)
{
	size_t have;
	void *q;

	if (!p) {
		return kmalloc(size);
	}
	have = usable_size(p);
	if (size <= have && size * 2 > have) {
		return p;
	}
	q = kmalloc(size);
	if (!q) {
		return size <= have ? p : NULL;
	}
	memcpy(q, p, MIN(size, have));
	kfree(p);
	return q;
}

void *kmemdup(const void *p, size_t n)
{
	void *q = kmalloc(n);

	if (q) {
		memcpy(q, p, n);
	}
	return q;
}

char *kstrdup(const char *s)
{
	return kmemdup(s, strlen(s) + 1);
}

void slab_init(void)
{
	unsigned size_class = 0;

	ASSERT(cache_count == 0);
	for (unsigned i = 0; i < ARRAY_SIZE(class_sizes); i++) {
		/* powers of two are aligned to their size, up to a cache line */
		size_t size = class_sizes[i];
		size_t align = MIN(size & -size, 64ul);

		ASSERT(kmem_cache_create(class_names[i], size, align) == &caches[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(class_of); i++) {
		if (i * 16 > class_sizes[size_class]) {
			size_class++;
		}
		class_of[i] = (uint8_t)size_class;
	}
}
