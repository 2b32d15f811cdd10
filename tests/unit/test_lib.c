/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/lib/rbtree.c kernel/lib/bitmap.c kernel/lib/format.c kernel/lib/chacha.c tests/unit/shim/base.c */
#include "test.h"
#include <lib/bitmap.h>
#include <lib/chacha.h>
#include <lib/format.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <limits.h>
#include <string.h>

struct item {
	struct rb_node node;
	int key;
};

static int black_height(const struct rb_node *n, int *bad)
{
	if (!n) {
		return 1;
	}
	bool red = !(n->parent_color & 1);

	if (red && ((n->left && !(n->left->parent_color & 1)) ||
		    (n->right && !(n->right->parent_color & 1)))) {
		*bad = 1;
	}
	if ((n->left && rb_parent(n->left) != n) || (n->right && rb_parent(n->right) != n)) {
		*bad = 1;
	}
	int l = black_height(n->left, bad), r = black_height(n->right, bad);

	if (l != r) {
		*bad = 1;
	}
	return l + !red;
}

static void insert(struct rb_tree *t, struct item *it)
{
	struct rb_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < rb_entry(parent, struct item, node)->key ? &parent->left
									  : &parent->right;
	}
	rb_link(&it->node, parent, link);
	rb_insert_fix(t, &it->node);
}

/* Random inserts and removals; after each the tree is a red-black tree in key order. */
static void rbtree_random(void)
{
	enum { N = 300 };
	static struct item items[N];
	bool in[N] = { false };
	struct rb_tree t = { 0 };
	int count = 0;

	srand(1);
	for (int i = 0; i < N; i++) {
		items[i].key = rand() % 100;
		rb_clear(&items[i].node);
	}
	for (int step = 0; step < 20000; step++) {
		int i = rand() % N, bad = 0, seen = 0, last = INT_MIN;

		if (in[i]) {
			rb_remove(&t, &items[i].node);
			CHECK(!rb_linked(&items[i].node));
		} else {
			insert(&t, &items[i]);
		}
		in[i] = !in[i];
		count += in[i] ? 1 : -1;
		if (step % 50) {
			continue;
		}
		black_height(t.root, &bad);
		for (struct rb_node *n = rb_first(&t); n; n = rb_next(n)) {
			int key = rb_entry(n, struct item, node)->key;

			bad |= key < last;
			last = key;
			seen++;
		}
		CHECK(!bad);
		CHECK_EQ(seen, count);
		seen = 0;
		for (struct rb_node *n = rb_last(&t); n; n = rb_prev(n)) {
			seen++;
		}
		CHECK_EQ(seen, count);
	}
}

static void bitmap_search(void)
{
	uint64_t map[BITMAP_WORDS(200)] = { 0 };

	CHECK_EQ(bitmap_find_set(map, 200, 0), 200);
	bitmap_set(map, 0);
	bitmap_set(map, 63);
	bitmap_set(map, 64);
	bitmap_set(map, 199);
	CHECK_EQ(bitmap_find_set(map, 200, 1), 63);
	CHECK_EQ(bitmap_find_set(map, 200, 65), 199);
	CHECK_EQ(bitmap_find_set(map, 199, 65), 199);
	CHECK_EQ(bitmap_find_set(map, 200, 200), 200);
	CHECK_EQ(bitmap_find_clear(map, 200, 63), 65);
	CHECK_EQ(bitmap_count(map, 200), 4);
	memset(map, 0xff, sizeof(map));
	CHECK_EQ(bitmap_find_clear(map, 200, 0), 200);
	bitmap_clear(map, 130);
	CHECK_EQ(bitmap_find_clear(map, 200, 0), 130);
	CHECK(!bitmap_test(map, 130) && bitmap_test(map, 131));
}

/* The host's snprintf is the oracle. */
#define SAME(...)                                                      \
	do {                                                           \
		char ours[128], theirs[128];                           \
		int a = fmt_snprintf(ours, sizeof(ours), __VA_ARGS__); \
		int b = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
		CHECK_EQ(a, b);                                        \
		if (strcmp(ours, theirs)) {                            \
			printf("# '%s' is not '%s'\n", ours, theirs);  \
			CHECK(!"same text");                           \
		}                                                      \
	} while (0)
static void format_like_libc(void)
{
	SAME("%d %i %u", -5, INT_MIN, UINT_MAX);
	SAME("[%5d] [%-5d] [%05d] [%+d] [% d]", 42, 42, 42, 42, 42);
	SAME("[%.3d] [%8.3d] [%.0d]", 7, 7, 0);
	SAME("%ld %lu %llx %zu %jd", LONG_MIN, ULONG_MAX, ULLONG_MAX, (size_t)9, (intmax_t)-1);
	SAME("%hhd %hd %hhu %hu", 300, 70000, 300, 70000);
	SAME("%x %X %#x %#o %o", 0xbeefu, 0xbeefu, 0xbeefu, 8u, 8u);
	SAME("%c%c %s [%10s] [%-10s] [%.2s] %%", 'a', 'b', "str", "right", "left", "cut");
	SAME("[%*d] [%-*d] [%.*s]", 6, 1, 6, 2, 3, "abcdef");
	SAME("%p", (void *)0x1234);
	SAME("[%08x] [%#010x]", 0xabcu, 0xabcu);
}

static void format_bounds(void)
{
	char buf[4];

	CHECK_EQ(fmt_snprintf(buf, sizeof(buf), "%s", "abcdef"), 6);
	CHECK(!strcmp(buf, "abc"));
	CHECK_EQ(fmt_snprintf(NULL, 0, "%d", 12345), 5);
	buf[0] = 'x';
	CHECK_EQ(fmt_snprintf(buf, 1, "zz"), 2);
	CHECK_EQ(buf[0], 0);
}

static void parse_numbers(void)
{
	uint64_t v;
	const char *end;

	CHECK(parse_u64("123abc", 10, &v, &end) && v == 123 && *end == 'a');
	CHECK(parse_u64("0xfeb00e00:12", 0, &v, &end) && v == 0xfeb00e00 && *end == ':');
	CHECK(parse_u64("18446744073709551615", 10, &v, NULL) && v == UINT64_MAX);
	CHECK(!parse_u64("18446744073709551616", 10, &v, NULL));
	CHECK(!parse_u64("", 10, &v, NULL));
	CHECK(!parse_u64("x", 10, &v, NULL));
	CHECK(parse_u64("017", 0, &v, NULL) && v == 15);
}

/* RFC 8439, 2.3.2. */
static void chacha_vector(void)
{
	uint32_t key[8], out[16];
	const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0x00000000 };
	static const uint32_t want[16] = { 0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
					   0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
					   0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
					   0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2 };

	for (int i = 0; i < 8; i++) {
		key[i] = 0x03020100u + 0x04040404u * (unsigned)i;
	}
	chacha20_block(key, 1, nonce, out);
	CHECK(!memcmp(out, want, sizeof(want)));
}

static void list_basics(void)
{
	struct list a, b, n[4];

	list_init(&a);
	list_init(&b);
	for (int i = 0; i < 4; i++) {
		list_push_back(i < 2 ? &a : &b, &n[i]);
	}
	list_splice_back(&a, &b);
	CHECK(list_empty(&b));
	for (int i = 0; i < 4; i++) {
		CHECK(list_pop_front(&a) == &n[i]);
		CHECK(!list_linked(&n[i]));
	}
	CHECK(!list_pop_front(&a));
	list_push_front(&a, &n[0]);
	list_remove(&n[0]);
	list_remove(&n[0]);
	CHECK(list_empty(&a));
}

int main(void)
{
	RUN(rbtree_random);
	RUN(bitmap_search);
	RUN(format_like_libc);
	RUN(format_bounds);
	RUN(parse_numbers);
	RUN(chacha_vector);
	RUN(list_basics);
	return test_done();
}
