/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/mm/phys.c kernel/mm/buddy.c kernel/mm/slab.c kernel/mm/vma.c kernel/mm/shootdown.c kernel/mm/pagetable.c kernel/mm/huge.c kernel/mm/fault.c kernel/mm/fault_file.c kernel/mm/rmap.c kernel/mm/mm.c kernel/mm/mmap.c kernel/lib/rbtree.c tests/unit/shim/mm_host.c tests/unit/shim/base.c */
#include "shim/mm_host.h"
#include "test.h"

#include <sync/random.h>
#include <mm/slab.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

static jmp_buf on_panic;
static char panic_text[256];
static int expecting;

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(panic_text, sizeof(panic_text), fmt, ap);
	va_end(ap);
	if (!expecting) {
		printf("# panic: %s\n", panic_text);
		abort();
	}
	expecting = 0;
	longjmp(on_panic, 1);
}

static void sizes_and_alignment(void)
{
	for (size_t n = 1; n < 20000; n += 1 + n / 16) {
		unsigned char *p = kmalloc(n);

		CHECK(p && IS_ALIGNED((uintptr_t)p, 16));
		if (n >= 64 && (n & (n - 1)) == 0)
			CHECK(IS_ALIGNED((uintptr_t)p, 64));
		memset(p, 0xa5, n);
		kfree(p);
		p = kzalloc(n);
		for (size_t i = 0; i < n; i++)
			CHECK(p[i] == 0);
		kfree(p);
	}
	CHECK(kcalloc(1ul << 40, 1ul << 40) == NULL);
	CHECK(kmalloc(1ul << 40) == NULL);
	kfree(NULL);
}

struct held {
	unsigned char *p;
	size_t n;
	unsigned char fill;
};
static void random_use(void)
{
	static struct held held[2000];
	uint64_t free = mm_host_free_pages();

	for (int i = 0; i < 200000; i++) {
		struct held *h = &held[random_u64() % 2000];

		if (h->p) {
			CHECK(h->p[0] == h->fill && h->p[h->n - 1] == h->fill);
			if (random_u64() % 4 == 0) {
				size_t n = 1 + random_u64() % 3000;

				h->p = krealloc(h->p, n);
				CHECK(h->p && h->p[0] == h->fill);
				h->n = n;
				memset(h->p, h->fill, n);
				continue;
			}
			kfree(h->p);
			h->p = NULL;
		} else {
			h->n = 1 + random_u64() % (random_u64() % 8 ? 300 : 9000);
			h->fill = (unsigned char)random_u64();
			h->p = kmalloc(h->n);
			CHECK(h->p);
			memset(h->p, h->fill, h->n);
		}
	}
	for (int i = 0; i < 2000; i++)
		kfree(held[i].p);
	/* a few objects per class stay with the CPU, and one empty slab per class */
	CHECK(free - mm_host_free_pages() < 150);
}

static void debug_catches(void)
{
	struct kmem_cache *c = kmem_cache_create("victims", 40, 0);
	char *p = kmem_cache_alloc(c);

	kmem_cache_free(c, p);
	expecting = 1;
	if (!setjmp(on_panic))
		kmem_cache_free(c, p);
	CHECK(!expecting && strstr(panic_text, "victims") && strstr(panic_text, "double free"));
	p = kmem_cache_alloc(c);
	p[40] = 1;
	expecting = 1;
	if (!setjmp(on_panic))
		kmem_cache_free(c, p);
	CHECK(!expecting && strstr(panic_text, "overrun"));
	p = kmem_cache_alloc(c);
	kmem_cache_free(c, p);
	p[20] = 1;
	expecting = 1;
	if (!setjmp(on_panic))
		(void)!kmem_cache_alloc(c);
	CHECK(!expecting && strstr(panic_text, "was written"));
}

int main(void)
{
	mm_host_init(64ul << 20);
	RUN(sizes_and_alignment);
	RUN(random_use);
	RUN(debug_catches);
	return test_done();
}
