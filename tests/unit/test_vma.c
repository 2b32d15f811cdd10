/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/mm/phys.c kernel/mm/buddy.c kernel/mm/slab.c kernel/mm/vma.c kernel/mm/shootdown.c kernel/mm/pagetable.c kernel/mm/huge.c kernel/mm/fault.c kernel/mm/fault_file.c kernel/mm/rmap.c kernel/mm/mm.c kernel/mm/mmap.c kernel/mm/protect.c kernel/mm/madvise.c kernel/mm/mremap.c kernel/mm/lock.c kernel/mm/access.c kernel/mm/usercopy.c kernel/lib/rbtree.c tests/unit/shim/mm_host.c tests/unit/shim/base.c */
/*
 * Address spaces against a model that remembers, page by page of a window, what should be
 * there: random calls on a parent and a forked child, then every page is looked at.
 */
#include "../../kernel/mm/mm_internal.h"
#include "shim/mm_host.h"
#include "test.h"

#include <sync/random.h>
#include <linux/errno.h>
#include <string.h>

#define RAM (512ul << 20)
#define BASE 0x40000000ul
#define PAGES 2560u /* five 2 MiB units */
#define OBJECTS 3

struct mpage {
	bool mapped, own; /* own: a private page with `value` */
	uint8_t prot, value;
	int8_t object; /* -1: anonymous */
	bool shared;
	uint8_t index;
};
struct space {
	struct mm *mm;
	struct mpage page[PAGES];
};
static struct page_cache *objects[OBJECTS];
static uint8_t object_values[OBJECTS][MM_HOST_OBJECT_PAGES];
static struct space parent, child;

static unsigned rnd(unsigned n)
{
	return (unsigned)(random_u64() % n);
}
static uint64_t va(unsigned i)
{
	return BASE + (uint64_t)i * PAGE_SIZE;
}

/* A random range; often aligned to 2 MiB, often short. */
static void pick(unsigned *from, unsigned *n)
{
	*from = rnd(PAGES);
	switch (rnd(4)) {
	case 0:
		*from &= ~511u;
		*n = 512 * (1 + rnd(3));
		break;
	case 1: *n = 1 + rnd(1200); break;
	default: *n = 1 + rnd(12);
	}
	if (*from + *n > PAGES)
		*n = PAGES - *from;
}

static enum fault_result expected(const struct mpage *m, bool write, uint8_t *value)
{
	if (!m->mapped)
		return FAULT_SEGV_MAPERR;
	if (m->prot == 0 || (write && !(m->prot & PROT_WRITE)))
		return FAULT_SEGV_ACCERR;
	*value = m->own || m->object < 0 ? m->value : object_values[m->object][m->index];
	return FAULT_OK;
}

static void check_page(struct space *s, unsigned i)
{
	uint8_t want = 0, got = 0;
	enum fault_result r = expected(&s->page[i], false, &want);

	CHECK_EQ(user_read(s->mm, va(i) + 7, &got), r);
	if (r == FAULT_OK)
		CHECK_EQ(got, want);
}

static void write_page(struct space *s, unsigned i)
{
	struct mpage *m = &s->page[i];
	uint8_t value = (uint8_t)random_u64(), old;
	enum fault_result r = expected(m, true, &old);

	CHECK_EQ(user_write(s->mm, va(i) + 7, value), r);
	if (r != FAULT_OK)
		return;
	if (m->shared) {
		object_values[m->object][m->index] = value;
	} else {
		m->own = true;
		m->value = value;
	}
}

static void check_tree(struct space *s)
{
	struct vma *v, *prev = NULL;
	uint64_t pages = 0;
	unsigned count = 0;

	for (v = vma_find(s->mm, 0); v; prev = v, v = vma_next(v)) {
		CHECK(v->start < v->end && v->mm == s->mm);
		CHECK(!prev || prev->end <= v->start);
		/* equal neighbours were merged (mprotect and such merge what they touched) */
		pages += vma_pages(v);
		count++;
	}
	CHECK_EQ(count, s->mm->map_count);
	CHECK_EQ(pages, s->mm->total_pages);
	for (unsigned i = 0; i < PAGES; i++) {
		const struct mpage *m = &s->page[i];

		v = vma_lookup(s->mm, va(i));
		CHECK_EQ(v != NULL, m->mapped);
		if (!v || !m->mapped)
			continue;
		CHECK_EQ(v->flags & (VMA_READ | VMA_WRITE), m->prot);
		CHECK(v->object == (m->object < 0 ? NULL : objects[m->object]));
		if (v->object)
			CHECK_EQ(vma_index(v, va(i)), m->index);
	}
}

static void do_mmap(struct space *s)
{
	unsigned from, n, prot = rnd(4);
	int object = (int)rnd(8) - 5;
	bool shared = false;
	uint8_t index = 0;

	prot = prot & PROT_WRITE ? PROT_READ | PROT_WRITE : prot;
	pick(&from, &n);
	if (object < 0) {
		object = -1;
	} else {
		index = (uint8_t)rnd(MM_HOST_OBJECT_PAGES / 2);
		n = MIN(n, MM_HOST_OBJECT_PAGES - index);
		shared = rnd(2);
	}
	CHECK_EQ(mm_mmap(s->mm, va(from), n * PAGE_SIZE, (int)prot,
			 MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE),
			 object < 0 ? NULL : objects[object], NULL, index, VMA_MAYWRITE),
		 va(from));
	for (unsigned i = 0; i < n; i++)
		s->page[from + i] = (struct mpage){ .mapped = true,
						    .prot = (uint8_t)prot,
						    .object = (int8_t)object,
						    .shared = shared,
						    .index = (uint8_t)(index + i) };
}

static void do_munmap(struct space *s)
{
	unsigned from, n;

	pick(&from, &n);
	CHECK_EQ(mm_munmap(s->mm, va(from), n * PAGE_SIZE), 0);
	memset(&s->page[from], 0, n * sizeof(s->page[0]));
}

static void do_mprotect(struct space *s)
{
	unsigned from, n, i;
	uint8_t prot = rnd(3) ? PROT_READ | PROT_WRITE : (uint8_t)rnd(2);

	pick(&from, &n);
	for (i = 0; i < n && s->page[from + i].mapped; i++)
		s->page[from + i].prot = prot;
	CHECK_EQ(mm_mprotect(s->mm, va(from), n * PAGE_SIZE, prot), i == n ? 0 : -ENOMEM);
}

static void do_madvise(struct space *s)
{
	unsigned from, n;
	bool hole = false;

	pick(&from, &n);
	for (unsigned i = from; i < from + n; i++) {
		s->page[i].own = false;
		s->page[i].value = 0;
		hole |= !s->page[i].mapped;
	}
	CHECK_EQ(mm_madvise(s->mm, va(from), n * PAGE_SIZE, MADV_DONTNEED), hole ? -ENOMEM : 0);
}

/* Same mapping, as far as vmas go? */
static bool same_vma(struct space *s, unsigned i, unsigned n)
{
	struct vma *v = vma_lookup(s->mm, va(i));

	return v && v->end >= va(i + n);
}

static void do_mremap(struct space *s)
{
	unsigned from, n, to, new_n;
	static struct mpage moved[PAGES];
	struct mpage grown;
	long want;

	pick(&from, &n);
	pick(&to, &new_n);
	if (rnd(3) == 0) {
		n = new_n = MIN(n, new_n);
		if (rnd(2)) /* keep the alignment of 2 MiB pages */
			to = (to & ~511u) | (from & 511);
		if (to + n > PAGES)
			return;
	}
	if (from + n > to && to + new_n > from)
		return;
	if (!s->page[from].mapped)
		want = -EFAULT;
	else if (!same_vma(s, from, MIN(n, new_n)))
		return; /* what is left then is Linux's business: unmaps and fails */
	else if (s->page[from].object >= 0 && s->page[from].index + new_n > MM_HOST_OBJECT_PAGES)
		return; /* would lie beyond the end of the object */
	else
		want = (long)va(to);
	CHECK_EQ(mm_mremap(s->mm, va(from), n * PAGE_SIZE, new_n * PAGE_SIZE,
			   MREMAP_MAYMOVE | MREMAP_FIXED, va(to)),
		 want);
	if (want < 0)
		return;
	memcpy(moved, &s->page[from], MIN(n, new_n) * sizeof(moved[0]));
	memset(&s->page[from], 0, n * sizeof(moved[0]));
	memset(&s->page[to], 0, new_n * sizeof(moved[0]));
	memcpy(&s->page[to], moved, MIN(n, new_n) * sizeof(moved[0]));
	for (unsigned i = n; i < new_n; i++) {
		grown = s->page[to];
		grown.own = false;
		grown.value = 0;
		grown.index = (uint8_t)(grown.index + i);
		s->page[to + i] = grown;
	}
}

static void do_fork(void)
{
	if (child.mm)
		mm_put(child.mm);
	memcpy(&child, &parent, sizeof(child));
	CHECK_EQ(mm_fork(parent.mm, &child.mm), 0);
}

/* A page leaves its cache: what mapped it must ask again. */
static void do_drop(void)
{
	unsigned o = rnd(OBJECTS), i = rnd(MM_HOST_OBJECT_PAGES);

	mm_host_drop_page(objects[o], i);
	object_values[o][i] = 0;
}

static void do_lock(struct space *s)
{
	unsigned from, n;

	pick(&from, &n);
	for (unsigned i = from; i < from + n; i++) {
		if (s->page[i].object >= 0 && !s->page[i].shared)
			return; /* locking makes private copies */
	}
	(void)!mm_mlock(s->mm, va(from), n * PAGE_SIZE, true, false);
	(void)!mm_mlock(s->mm, va(from), n * PAGE_SIZE, false, false);
}

static void check_all(struct space *s)
{
	if (!s->mm)
		return;
	check_tree(s);
	for (unsigned i = 0; i < PAGES; i++)
		check_page(s, i);
}

static void random_calls(void)
{
	uint64_t free = mm_host_free_pages(), lost;

	for (int o = 0; o < OBJECTS; o++)
		objects[o] = pagecache_create_anon(MM_HOST_OBJECT_PAGES * PAGE_SIZE);
	CHECK_EQ(mm_create(&parent.mm), 0);
	for (int i = 0; i < 60000 && !test_failed_here; i++) {
		struct space *s = child.mm && rnd(2) ? &child : &parent;

		switch (rnd(16)) {
		case 0:
		case 1: do_mmap(s); break;
		case 2: do_munmap(s); break;
		case 3: do_mprotect(s); break;
		case 4: do_madvise(s); break;
		case 5: do_mremap(s); break;
		case 6:
			if (rnd(4) == 0)
				do_fork();
			break;
		case 7: do_drop(); break;
		case 8: do_lock(s); break;
		default:
			for (int k = 0; k < 20; k++) {
				write_page(s, rnd(PAGES));
				check_page(s, rnd(PAGES));
			}
		}
		if (i % 100 == 0) {
			check_all(&parent);
			check_all(&child);
		}
	}
	check_all(&parent);
	check_all(&child);
	mm_put(parent.mm);
	if (child.mm)
		mm_put(child.mm);
	for (int o = 0; o < OBJECTS; o++)
		pagecache_put(objects[o]);
	/* what the slabs keep; no page of a program, no table */
	lost = free - mm_host_free_pages();
	CHECK(lost < 20);
	struct mem_stats st;

	mem_get_stats(&st);
	CHECK_EQ(st.anon_pages, 0);
	CHECK_EQ(st.table_pages, 0);
}

/* --- the gap search against a linear scan --- */

static void highest_gap(void)
{
	static bool used[4096];
	struct mm *mm;

	CHECK_EQ(mm_create(&mm), 0);
	mm->mmap_base = mm->gap_hint = va(4096);
	for (int i = 0; i < 20000 && !test_failed_here; i++) {
		unsigned n = 1 + rnd(rnd(8) ? 4 : 200), at = rnd(4096), run = 0;
		long got, want = 0;

		if (rnd(2)) {
			n = MIN(n, 4096 - at);
			CHECK_EQ(mm_munmap(mm, va(at), n * PAGE_SIZE), 0);
			memset(&used[at], 0, n);
			continue;
		}
		for (unsigned k = 4096; k-- > 0 && !want;) {
			run = used[k] ? 0 : run + 1;
			if (run == n)
				want = (long)va(k);
		}
		got = mm_mmap(mm, 0, n * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, NULL,
			      NULL, 0, rnd(2) ? VMA_DONTDUMP : 0);
		if (!want) {
			CHECK(got < (long)va(0) || got >= (long)va(4096));
			CHECK_EQ(mm_munmap(mm, (uint64_t)got, n * PAGE_SIZE), 0);
			continue;
		}
		CHECK_EQ(got, want);
		memset(&used[(want - (long)BASE) / (long)PAGE_SIZE], 1, n);
	}
	mm_put(mm);
}

static void errors_as_linux(void)
{
	struct mm *mm;
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	uint8_t byte;
	long p;

	CHECK_EQ(mm_create(&mm), 0);
	mm_host_set_current(mm);
	CHECK_EQ(mm_mmap(mm, 0, 0, 3, anon, NULL, NULL, 0, 0), -EINVAL);
	CHECK_EQ(mm_mmap(mm, 0, 1, 3, MAP_ANONYMOUS, NULL, NULL, 0, 0), -EINVAL);
	CHECK_EQ(mm_mmap(mm, 0, UINT64_MAX, 3, anon, NULL, NULL, 0, 0), -ENOMEM);
	CHECK_EQ(mm_mmap(mm, 0, 1ul << 47, 3, anon, NULL, NULL, 0, 0), -ENOMEM);
	CHECK_EQ(mm_mmap(mm, BASE + 1, 4096, 3, anon | MAP_FIXED, NULL, NULL, 0, 0), -EINVAL);
	CHECK_EQ(mm_mmap(mm, 0, RAM * 2, 3, anon, NULL, NULL, 0, 0), -ENOMEM);
	CHECK(mm_mmap(mm, 0, 64ul << 30, 0, anon, NULL, NULL, 0, 0) > 0);
	CHECK(mm_mmap(mm, 0, 64ul << 30, 3, anon | MAP_NORESERVE, NULL, NULL, 0, 0) > 0);
	p = mm_mmap(mm, BASE, 8192, 3, anon, NULL, NULL, 0, 0);
	CHECK_EQ(p, BASE); /* a hint that is free */
	CHECK(mm_mmap(mm, BASE, 4096, 3, anon, NULL, NULL, 0, 0) != (long)BASE);
	CHECK_EQ(mm_mmap(mm, BASE, 4096, 3, anon | MAP_FIXED_NOREPLACE, NULL, NULL, 0, 0), -EEXIST);
	CHECK_EQ(mm_munmap(mm, BASE + 1, 4096), -EINVAL);
	CHECK_EQ(mm_munmap(mm, BASE, 0), -EINVAL);
	CHECK_EQ(mm_mprotect(mm, BASE, 4096, 0x100), -EINVAL);
	CHECK_EQ(mm_madvise(mm, BASE, 4096, 99), -EINVAL);
	CHECK_EQ(mm_msync(mm, BASE, 4096, MS_ASYNC | MS_SYNC), -EINVAL);
	CHECK_EQ(mm_mremap(mm, BASE, 8192, 4096, 8, 0), -EINVAL);
	CHECK_EQ(mm_mremap(mm, BASE + 65536, 4096, 8192, 0, 0), -EFAULT);
	CHECK_EQ(mm_mremap(mm, BASE, 0, 8192, MREMAP_MAYMOVE, 0), -EINVAL);
	/* in place, and shrinking */
	CHECK_EQ(mm_mremap(mm, BASE, 8192, 16384, 0, 0), BASE);
	CHECK_EQ(mm_mremap(mm, BASE, 16384, 4096, 0, 0), BASE);
	CHECK_EQ(user_write(mm, BASE + 4096, 1), FAULT_SEGV_MAPERR);
	/* mincore: what was touched */
	CHECK_EQ(mm_mincore(mm, BASE, 4096, (user_ptr){ BASE }), 0);
	CHECK_EQ(user_read(mm, BASE, &byte), FAULT_OK);
	CHECK_EQ(mm_mincore(mm, BASE, 4096, (user_ptr){ BASE }), 0);
	CHECK_EQ(user_read(mm, BASE, &byte), FAULT_OK);
	CHECK_EQ(byte, 1);
	CHECK_EQ(mm_mincore(mm, BASE, 8192, (user_ptr){ BASE }), -ENOMEM);
	/* limits */
	mm_host_limits.memlock = 4096;
	CHECK_EQ(mm_mlock(mm, BASE, 8192, true, false), -ENOMEM);
	mm_host_limits.as = mm->total_pages * PAGE_SIZE;
	CHECK_EQ(mm_mmap(mm, 0, 4096, 3, anon, NULL, NULL, 0, 0), -ENOMEM);
	mm_host_limits.as = mm_host_limits.memlock = UINT64_MAX;
	mm_host_set_current(NULL);
	mm_put(mm);
}

static void heap_and_stack(void)
{
	const int stack = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED;
	struct mm *mm;

	CHECK_EQ(mm_create(&mm), 0);
	mm->brk_start = mm->brk_end = BASE + 100;
	CHECK_EQ(mm_brk(mm, 0), BASE + 100);
	CHECK_EQ(mm_brk(mm, BASE + 50000), BASE + 50000);
	CHECK_EQ(user_write(mm, BASE + 49999, 1), FAULT_OK);
	CHECK_EQ(mm_mmap(mm, BASE + 0x20000, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL,
			 NULL, 0, 0),
		 BASE + 0x20000);
	CHECK_EQ(mm_brk(mm, BASE + 0x21000), BASE + 50000); /* collides */
	CHECK_EQ(mm_brk(mm, BASE + 200), BASE + 200);
	CHECK_EQ(user_write(mm, BASE + 49999, 1), FAULT_SEGV_MAPERR);

	CHECK_EQ(mm_mmap(mm, 0x70000000, 4096, 3, stack, NULL, NULL, 0, 0), 0x70000000);
	mm_host_limits.stack = 64 * PAGE_SIZE;
	CHECK_EQ(user_write(mm, 0x70000000 - 5 * PAGE_SIZE, 1), FAULT_OK);
	CHECK_EQ(user_write(mm, 0x70000000 - 63 * PAGE_SIZE, 1), FAULT_OK);
	CHECK_EQ(user_write(mm, 0x70000000 - 64 * PAGE_SIZE, 1), FAULT_SEGV_MAPERR);
	mm_put(mm);
}

static void from_outside(void)
{
	struct mm *mm, *copy;
	char buf[6000], back[6000];

	memset(buf, 0x77, sizeof(buf));
	CHECK_EQ(mm_create(&mm), 0);
	CHECK_EQ(mm_mmap(mm, BASE, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, NULL, NULL, 0, 0),
		 BASE);
	CHECK_EQ(mm_access(mm, BASE + 1000, buf, sizeof(buf), true, false), -EFAULT);
	CHECK_EQ(mm_fork(mm, &copy), 0);
	CHECK_EQ(mm_access(mm, BASE + 1000, buf, sizeof(buf), true, true), sizeof(buf));
	CHECK_EQ(mm_access(mm, BASE + 1000, back, sizeof(back), false, false), sizeof(back));
	CHECK(!memcmp(buf, back, sizeof(buf)));
	CHECK_EQ(mm_access(copy, BASE + 1000, back, sizeof(back), false, false), sizeof(back));
	CHECK(back[0] == 0 && back[5999] == 0);
	CHECK_EQ(mm_access(mm, BASE + 5000, back, sizeof(back), false, false), 3192);
	mm_put(mm);
	mm_put(copy);
}

/* --- little memory: anything may fail, nothing may leak or be forgotten --- */

static void touch(struct mm *mm, unsigned from, unsigned n)
{
	uint8_t byte;

	for (unsigned i = from; i < from + n; i += 1 + rnd(3)) {
		if (rnd(2))
			(void)user_write(mm, va(i), 1);
		else
			(void)user_read(mm, va(i), &byte);
	}
}

static void random_failing_call(struct mm **mms)
{
	unsigned from, n, to, n2, slot = rnd(3);
	struct mm *mm = mms[slot];

	pick(&from, &n);
	pick(&to, &n2);
	if (!mm) {
		(void)!mm_create(&mms[slot]);
		return;
	}
	switch (rnd(8)) {
	case 0:
	case 1:
		(void)!mm_mmap(mm, va(from), n * PAGE_SIZE, 3, MAP_PRIVATE | MAP_FIXED, NULL, NULL,
			       0, rnd(2) ? VMA_HUGE : 0);
		break;
	case 2: (void)!mm_munmap(mm, va(from), n * PAGE_SIZE); break;
	case 3: (void)!mm_mprotect(mm, va(from), n * PAGE_SIZE, rnd(2) ? 3 : (int)rnd(2)); break;
	case 4:
		(void)!mm_mremap(mm, va(from), n * PAGE_SIZE, n2 * PAGE_SIZE,
				 MREMAP_MAYMOVE | (rnd(2) ? MREMAP_FIXED : 0), va(to));
		break;
	case 5: {
		unsigned k = rnd(3);
		struct mm *copy;

		if (mms[k] != mm && !mm_fork(mm, &copy)) {
			if (mms[k])
				mm_put(mms[k]);
			mms[k] = copy;
		}
		break;
	}
	case 6: (void)!mm_madvise(mm, va(from), n * PAGE_SIZE, MADV_DONTNEED); break;
	default: touch(mm, from, n);
	}
}

static void little_memory(void)
{
	static struct page *held[RAM / PAGE_SIZE];
	struct mm *mms[3] = { NULL };
	struct mem_stats st;
	uint64_t free = mm_host_free_pages();
	unsigned n = 0;

	for (int round = 0; round < 20; round++) {
		/* leaves a little, or enough for some 2 MiB pages */
		uint64_t leave = round % 2 ? 2060 + rnd(1000) : 25000;

		while (mm_host_free_pages() > leave && (held[n] = page_alloc(rnd(8) ? 9 : 0, 0))) {
			n++;
		}
		while (mm_host_free_pages() > leave && (held[n] = page_alloc(0, 0)))
			n++;
		for (int i = 0; i < 1000; i++)
			random_failing_call(mms);
		for (int i = 0; i < 3; i++) {
			if (mms[i])
				mm_put(mms[i]);
			mms[i] = NULL;
		}
		while (n > 0)
			page_put(held[--n]);
		mem_get_stats(&st);
		CHECK_EQ(st.anon_pages, 0);
		CHECK_EQ(st.table_pages, 0);
	}
	CHECK((int64_t)(free - mm_host_free_pages()) < 20);
}

int main(int argc, char **argv)
{
	/* an argument is a seed */
	for (int i = argc > 1 ? atoi(argv[1]) * 1000 : 0; i > 0; i--)
		(void)random_u64();
	mm_host_init(RAM);
	mm_subsystem_init();
	RUN(random_calls);
	RUN(highest_gap);
	RUN(errors_as_linux);
	RUN(heap_and_stack);
	RUN(from_outside);
	RUN(little_memory);
	return test_done();
}
