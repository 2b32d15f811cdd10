/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/mm/pagecache.c kernel/mm/pagecache_tree.c kernel/mm/pagecache_io.c kernel/mm/pagecache_writeback.c kernel/mm/pagecache_reclaim.c kernel/mm/uio.c tests/unit/shim/pages_host.c tests/unit/shim/base.c */
#include "test.h"

#include "../../kernel/mm/pagecache_internal.h"
#include "shim/pages_host.h"
#include <linux/errno.h>
#include <setjmp.h>
#include <string.h>

#define FILE_MAX (8u << 20)

/* A file in memory behind a page cache. */
static unsigned char store[FILE_MAX];
static uint64_t store_size;
static unsigned fills, filled_pages, writes, written_pages;
static struct {
	uint64_t index;
	unsigned n;
} filled[16]; /* the first fills */
static int fail_fill, fail_write;
static void (*during_write)(void);
static struct page_cache pc;

static int fake_fill(struct page_cache *c, uint64_t index, struct page **pages, unsigned n)
{
	if (fills < ARRAY_SIZE(filled)) {
		filled[fills].index = index;
		filled[fills].n = n;
	}
	fills++;
	filled_pages += n;
	for (unsigned i = 0; i < n; i++) {
		uint64_t pos = (index + i) * PAGE_SIZE;
		size_t have = pos < store_size ? MIN(store_size - pos, PAGE_SIZE) : 0;

		CHECK(pages[i]->flags & PAGE_LOCKED);
		CHECK(!(pages[i]->flags & PAGE_UPTODATE));
		CHECK_EQ(pages[i]->index, index + i);
		if (fail_fill) {
			continue;
		}
		memcpy(page_to_virt(pages[i]), store + pos, have);
		memset((char *)page_to_virt(pages[i]) + have, 0, PAGE_SIZE - have);
		pages[i]->flags |= PAGE_UPTODATE;
	}
	(void)c;
	return fail_fill;
}
static int fake_write(struct page_cache *c, uint64_t offset, struct page **pages, unsigned n,
		      size_t len)
{
	(void)c;
	writes++;
	written_pages += n;
	CHECK(len <= n * PAGE_SIZE && len > (n - 1) * PAGE_SIZE);
	if (during_write) {
		during_write();
	}
	if (!fail_write) {
		for (unsigned i = 0; i < n; i++) {
			memcpy(store + offset + i * PAGE_SIZE, page_to_virt(pages[i]),
			       MIN(len - i * PAGE_SIZE, PAGE_SIZE));
		}
	}
	return fail_write;
}
static const struct pagecache_ops file_ops = { .fill = fake_fill, .write = fake_write };

static void setup(uint64_t size)
{
	memset(store, 0, sizeof(store));
	for (uint64_t i = 0; i < size; i++) {
		store[i] = (unsigned char)(i * 7 + i / 4096);
	}
	store_size = size;
	fills = filled_pages = writes = written_pages = 0;
	fail_fill = fail_write = 0;
	pagecache_init(&pc, &file_ops, NULL);
	pc.size = size;
}
static long read_at(uint64_t pos, void *buf, size_t n)
{
	struct uio_seg seg;
	struct uio u;

	uio_init_kernel(&u, &seg, buf, n);
	return pagecache_read(&pc, &u, pos);
}

static void tree_takes_sparse_indexes(void)
{
	static const uint64_t at[] = { 0, 1, 63, 64, 4095, 4096, 1ull << 30, (1ull << 51) - 1 };
	struct page pages[ARRAY_SIZE(at)];
	uint64_t index = 0, found = 0;

	pagecache_init(&pc, NULL, NULL);
	spin_lock(&pc.lock);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		CHECK_EQ(pagecache_tree_insert(&pc, at[i], &pages[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		CHECK(pagecache_tree_find(&pc, at[i]) == &pages[i]);
		CHECK(!pagecache_tree_find(&pc, at[i] + 2));
	}
	while (pagecache_tree_next(&pc, &index, UINT64_MAX)) {
		CHECK_EQ(index, at[found]);
		found++;
		index++;
	}
	CHECK_EQ(found, ARRAY_SIZE(at));
	index = 65;
	CHECK(!pagecache_tree_next(&pc, &index, 4094));
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		pagecache_tree_remove(&pc, at[i]);
		CHECK(!pagecache_tree_find(&pc, at[i]));
	}
	spin_unlock(&pc.lock);
	CHECK_EQ(pc.npages, 0);
	CHECK(!pc.root && pc.height == 0);
}

static void tree_matches_an_array(void)
{
	static struct page *model[5000];
	static struct page dummy[5000];
	uint64_t seed = 12345;

	pagecache_init(&pc, NULL, NULL);
	spin_lock(&pc.lock);
	for (int round = 0; round < 40000; round++) {
		uint64_t i = (seed = seed * 6364136223846793005ull + 1) >> 33;
		uint64_t index = i % 5000, next = index, want = index;
		struct page *p;

		if (model[index]) {
			pagecache_tree_remove(&pc, index);
			model[index] = NULL;
		} else {
			CHECK_EQ(pagecache_tree_insert(&pc, index, &dummy[index]), 0);
			model[index] = &dummy[index];
		}
		while (want < 5000 && !model[want]) {
			want++;
		}
		p = pagecache_tree_next(&pc, &next, UINT64_MAX);
		CHECK(p == (want < 5000 ? model[want] : NULL));
	}
	for (uint64_t i = 0; i < 5000; i++) {
		if (model[i]) {
			pagecache_tree_remove(&pc, i);
		}
	}
	spin_unlock(&pc.lock);
	CHECK(!pc.root);
}

static void reads_with_few_fills(void)
{
	static unsigned char buf[FILE_MAX];
	uint64_t base = pages_host_used();

	setup(4u << 20 | 100);
	CHECK_EQ(read_at(0, buf, 10), 10);
	CHECK_EQ(fills, 1);
	CHECK_EQ(read_at(0, buf, sizeof(buf)), (4 << 20) + 100);
	CHECK(memcmp(buf, store, store_size) == 0);
	CHECK(fills <= 6);
	CHECK_EQ(filled_pages, 1025);
	fills = 0;
	CHECK_EQ(read_at(4095, buf, 8194), 8194);
	CHECK(memcmp(buf, store + 4095, 8194) == 0);
	CHECK_EQ(fills, 0);
	CHECK_EQ(read_at(store_size, buf, 10), 0);
	CHECK_EQ(read_at(store_size - 5, buf, 10), 5);
	pagecache_destroy(&pc);
	CHECK_EQ(pages_host_used(), base);
}

static void sequential_window_grows(void)
{
	static const unsigned windows[] = { 32, 64, 128, 256, 256, 256, 32 };
	unsigned char buf[4096];
	uint64_t next = 0;

	setup(4u << 20);
	for (uint64_t pos = 0; pos < store_size; pos += sizeof(buf)) {
		CHECK_EQ(read_at(pos, buf, sizeof(buf)), 4096);
		CHECK(memcmp(buf, store + pos, sizeof(buf)) == 0);
	}
	CHECK_EQ(fills, ARRAY_SIZE(windows));
	for (unsigned i = 0; i < ARRAY_SIZE(windows); i++) {
		CHECK_EQ(filled[i].index, next);
		CHECK_EQ(filled[i].n, windows[i]);
		next += windows[i];
	}
	pagecache_destroy(&pc);
	setup(4u << 20);
	for (int i = 100; i > 0; i--) { /* backwards: no read-ahead */
		CHECK_EQ(read_at((uint64_t)i * 20480, buf, 10), 10);
	}
	CHECK_EQ(filled_pages, 100);
	pagecache_destroy(&pc);
}

static void faults_read_around(void)
{
	struct page *p;

	setup(1u << 20);
	CHECK_EQ(pagecache_get_page(&pc, 37, &p), 0);
	CHECK_EQ(p->index, 37);
	CHECK(memcmp(page_to_virt(p), store + 37 * 4096, 4096) == 0);
	page_put(p);
	CHECK_EQ(fills, 1);
	CHECK_EQ(filled_pages, 16);
	CHECK_EQ(pagecache_get_page(&pc, 32, &p), 0);
	page_put(p);
	CHECK_EQ(fills, 1);
	pagecache_destroy(&pc);
}

static void failed_fill_leaves_nothing(void)
{
	unsigned char buf[100];
	uint64_t base = pages_host_used();

	setup(1u << 20);
	fail_fill = -EIO;
	CHECK_EQ(read_at(0, buf, 100), -EIO);
	CHECK_EQ(pc.npages, 0);
	CHECK_EQ(pages_host_used(), base);
	fail_fill = 0;
	CHECK_EQ(read_at(0, buf, 100), 100);
	pages_host_limit(0);
	CHECK_EQ(read_at(512 << 10, buf, 100), -ENOMEM);
	pages_host_limit(3);
	CHECK_EQ(read_at(512 << 10, buf, 100), 100);
	pages_host_limit(-1);
	pagecache_destroy(&pc);
	CHECK_EQ(pages_host_used(), base);
}

static void truncate_zeroes_the_tail(void)
{
	unsigned char buf[8192];

	setup(1u << 20);
	CHECK_EQ(read_at(0, buf, 8192), 8192);
	pagecache_truncate(&pc, 5000);
	CHECK_EQ(read_at(0, buf, 8192), 5000);
	pagecache_truncate(&pc, 8192);
	CHECK_EQ(read_at(4096, buf, 4096), 4096);
	CHECK(buf[903] == store[4999]);
	for (int i = 904; i < 4096; i++) {
		CHECK(buf[i] == 0);
	}
	pagecache_truncate(&pc, 0);
	CHECK_EQ(pc.npages, 0);
	pagecache_destroy(&pc);
}

static void dirty_pages_are_written_in_runs(void)
{
	struct page *p;

	setup(2u << 20 | 10);
	for (uint64_t i = 0; i <= 512; i++) {
		CHECK_EQ(pagecache_get_page(&pc, i, &p), 0);
		if (i != 100) {
			memset(page_to_virt(p), 'x', i == 512 ? 10 : 4096);
			pagecache_mark_dirty(&pc, p);
			pagecache_mark_dirty(&pc, p);
		}
		page_put(p);
	}
	CHECK_EQ(pc.ndirty, 512);
	CHECK_EQ(pagecache_sync(&pc, 0, 9), 0);
	CHECK_EQ(written_pages, 10);
	CHECK_EQ(pagecache_sync(&pc, 0, UINT64_MAX), 0);
	CHECK_EQ(writes, 1 + 3);
	CHECK_EQ(written_pages, 512);
	CHECK_EQ(pc.ndirty, 0);
	CHECK(store[0] == 'x' && store[(2u << 20) + 9] == 'x' && store[(2u << 20) + 10] == 0);
	CHECK(store[100 * 4096] == (unsigned char)(100 * 4096 * 7 + 100));
	CHECK_EQ(pagecache_get_page(&pc, 5, &p), 0);
	pagecache_mark_dirty(&pc, p);
	page_put(p);
	fail_write = -ENOSPC;
	CHECK_EQ(pagecache_sync(&pc, 0, UINT64_MAX), -ENOSPC);
	CHECK_EQ(pc.write_error, ENOSPC);
	pagecache_destroy(&pc);
}

/* fsync and sync while another thread writes the last dirty pages: they must wait for it. */
static jmp_buf waits;
static unsigned waited;

static void wait_begins(void)
{
	longjmp(waits, 1);
}
static void sync_beside(void)
{
	host_idle = wait_begins;
	if (setjmp(waits)) {
		waited++;
	} else {
		(void)!pagecache_sync(&pc, 0, UINT64_MAX);
	}
	if (setjmp(waits)) {
		waited++;
	} else {
		pagecache_sync_all();
	}
	host_idle = NULL;
}
static void sync_waits_for_others(void)
{
	struct page *p;

	setup(1u << 20);
	CHECK_EQ(pagecache_get_page(&pc, 3, &p), 0);
	pagecache_mark_dirty(&pc, p);
	page_put(p);
	during_write = sync_beside;
	pagecache_sync_all();
	during_write = NULL;
	CHECK_EQ(waited, 2);
	CHECK_EQ(written_pages, 1);
	CHECK_EQ(pagecache_sync(&pc, 0, UINT64_MAX), 0);
	pagecache_sync_all();
	pagecache_destroy(&pc);
}

static void flusher_writes_by_age(void)
{
	struct page *p;

	setup(1u << 20);
	CHECK_EQ(pagecache_get_page(&pc, 3, &p), 0);
	((char *)page_to_virt(p))[0] = 'y';
	pagecache_mark_dirty(&pc, p);
	page_put(p);
	pagecache_start_writeback();
	host_run_threads();
	CHECK(store[3 * 4096] == 'y');
	CHECK_EQ(pc.ndirty, 0);
	pagecache_destroy(&pc);
}

static void invalidate_keeps_nothing_and_loses_nothing(void)
{
	struct page *p;
	unsigned char buf[10];

	setup(1u << 20);
	CHECK_EQ(pagecache_get_page(&pc, 3, &p), 0);
	memset(page_to_virt(p), 'z', 10);
	pagecache_mark_dirty(&pc, p);
	page_put(p);
	pagecache_invalidate(&pc, 0, UINT64_MAX);
	CHECK_EQ(pc.npages, 0);
	CHECK(store[3 * 4096] == 'z');
	store[3 * 4096] = 'h';
	CHECK_EQ(read_at(3 * 4096, buf, 10), 10);
	CHECK(buf[0] == 'h' && buf[1] == 'z');
	pagecache_destroy(&pc);
}

static void update_and_adopt(void)
{
	struct page *p = page_alloc(0, PAGE_ALLOC_USER);
	unsigned char buf[8192];
	uint64_t base = pages_host_used();

	setup(1u << 20);
	CHECK_EQ(read_at(0, buf, 4096), 4096);
	pagecache_update(&pc, 4090, "abcdefghijkl", 12);
	CHECK_EQ(read_at(4090, buf, 12), 12);
	CHECK(memcmp(buf, "abcdefghijkl", 12) == 0);
	memset(page_to_virt(p), 'p', 4096);
	CHECK(!pagecache_adopt(&pc, 0, p));
	CHECK(pagecache_adopt(&pc, 200, p));
	fills = 0;
	CHECK_EQ(read_at(200 * 4096, buf, 10), 10);
	CHECK(buf[0] == 'p' && fills == 0);
	pagecache_zero_range(&pc, 200 * 4096 + 2, 3);
	CHECK_EQ(read_at(200 * 4096, buf, 10), 10);
	CHECK(memcmp(buf, "pp\0\0\0ppppp", 10) == 0);
	pagecache_destroy(&pc);
	CHECK_EQ(pages_host_used(), base);
	page_put(p);
}

static void memory_only(void)
{
	struct page_cache *m = pagecache_create_anon(0);
	uint64_t base = pages_host_used();
	static unsigned char buf[100000], back[100000];
	struct uio_seg seg;
	struct uio u;

	for (size_t i = 0; i < sizeof(buf); i++) {
		buf[i] = (unsigned char)(i * 3);
	}
	uio_init_kernel(&u, &seg, buf, sizeof(buf));
	CHECK_EQ(pagecache_write(m, &u, 5000), sizeof(buf));
	CHECK_EQ(m->size, 5000 + sizeof(buf));
	uio_init_kernel(&u, &seg, back, sizeof(back));
	CHECK_EQ(pagecache_read(m, &u, 5000), sizeof(back));
	CHECK(memcmp(buf, back, sizeof(buf)) == 0);
	uio_init_kernel(&u, &seg, back, 5000);
	CHECK_EQ(pagecache_read(m, &u, 0), 5000);
	CHECK(back[0] == 0 && memcmp(back, back + 1, 4999) == 0);
	pagecache_zero_range(m, 8192, 40960);
	CHECK(!pagecache_find(m, 2) && !pagecache_find(m, 11));
	CHECK_EQ(pagecache_shrink(1000), 0);
	pagecache_put(m);
	CHECK_EQ(pages_host_used(), base);
}

static void shrinker_spares_the_used(void)
{
	struct page *held, *dirty;
	unsigned char buf[10];

	setup(1u << 20);
	for (uint64_t i = 0; i < 256; i++) {
		CHECK_EQ(read_at(i * 4096, buf, 10), 10);
	}
	held = pagecache_find(&pc, 7);
	dirty = pagecache_find(&pc, 9);
	pagecache_mark_dirty(&pc, dirty);
	page_put(dirty);
	CHECK(pagecache_shrink(100) >= 100);
	CHECK(pc.npages >= 100);
	pagecache_shrink(1000);
	CHECK_EQ(pc.npages, 2);
	CHECK(pagecache_find(&pc, 7) == held);
	page_put(held);
	CHECK_EQ(pagecache_shrink(1), 1); /* one is in use by us; the dirty one gets written */
	CHECK_EQ(written_pages, 1);
	page_put(held);
	CHECK_EQ(pagecache_shrink(10), 1);
	pagecache_destroy(&pc);
}

int main(void)
{
	pages_host_init();
	pagecache_subsystem_init();
	RUN(tree_takes_sparse_indexes);
	RUN(tree_matches_an_array);
	RUN(reads_with_few_fills);
	RUN(sequential_window_grows);
	RUN(faults_read_around);
	RUN(failed_fill_leaves_nothing);
	RUN(truncate_zeroes_the_tail);
	RUN(dirty_pages_are_written_in_runs);
	RUN(sync_waits_for_others);
	RUN(flusher_writes_by_age);
	RUN(invalidate_keeps_nothing_and_loses_nothing);
	RUN(update_and_adopt);
	RUN(memory_only);
	RUN(shrinker_spares_the_used);
	return test_done();
}
