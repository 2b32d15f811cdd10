/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/fs/lock_range.c kernel/lib/rbtree.c tests/unit/shim/base.c */
/* Byte-range locks against an array with one lock per byte and owner. */
#include "test.h"

#include <fs/lock_range.h>
#include <linux/errno.h>

#define BYTES 24
#define OWNERS 3

static struct rb_tree tree;
static char owners[OWNERS];
static enum lock_type model[OWNERS][BYTES];

static void drop(struct list *l)
{
	struct list *n;

	while ((n = list_pop_front(l)))
		free(list_entry(n, struct lock_range, link));
}
static void set(int owner, enum lock_type type, int64_t start, int64_t end)
{
	struct lock_range want = {
		.owner = &owners[owner], .type = type, .start = start, .end = end
	};
	struct lock_range *spare[2] = { malloc(sizeof(*spare[0])), malloc(sizeof(*spare[1])) };
	struct list freed;

	list_init(&freed);
	lock_range_set(&tree, &want, spare, &freed);
	drop(&freed);
	free(spare[0]);
	free(spare[1]);
}

/* What the tree says of one byte; also checks that an owner's ranges are sorted, disjoint and
 * merged. */
static enum lock_type at(int owner, int64_t byte)
{
	enum lock_type type = LOCKR_NONE;
	struct lock_range *r, *last = NULL;

	for (struct rb_node *n = rb_first(&tree); n; n = rb_next(n)) {
		r = rb_entry(n, struct lock_range, node);
		if (r->owner != &owners[owner])
			continue;
		CHECK(r->start <= r->end);
		if (last) {
			CHECK(last->end < r->start);
			CHECK(last->end + 1 < r->start || last->type != r->type);
		}
		last = r;
		if (r->start <= byte && byte <= r->end)
			type = r->type;
	}
	return type;
}
static void compare(void)
{
	for (int o = 0; o < OWNERS; o++) {
		for (int b = 0; b < BYTES; b++)
			CHECK_EQ(at(o, b), model[o][b]);
	}
}
static bool model_conflict(int owner, enum lock_type type, int start, int end)
{
	for (int o = 0; o < OWNERS; o++) {
		for (int b = start; o != owner && b <= end; b++) {
			if (model[o][b] == LOCKR_WRITE ||
			    (model[o][b] == LOCKR_READ && type == LOCKR_WRITE))
				return true;
		}
	}
	return false;
}

/* In pieces, as the kernel does. */
static void drop_owners(void)
{
	struct list freed = LIST_INIT(freed);

	for (int o = 0; o < OWNERS; o++) {
		while (lock_range_drop(&tree, &owners[o], 2, &freed)) {
			CHECK(!list_empty(&freed));
		}
	}
	drop(&freed);
	CHECK(!tree.root);
}

static void random_locks(void)
{
	unsigned seed = 7;

	for (int o = 0; o < OWNERS; o++) {
		for (int b = 0; b < BYTES; b++)
			model[o][b] = LOCKR_NONE;
	}
	for (int i = 0; i < 40000 && !test_failed_here; i++) {
		int owner, start, end;
		enum lock_type type;
		bool conflict;

		seed = seed * 1103515245 + 12345;
		owner = (int)(seed >> 10) % OWNERS;
		type = (enum lock_type)((seed >> 14) % 3);
		start = (int)(seed >> 17) % BYTES;
		end = start + (int)(seed >> 24) % (BYTES - start);
		conflict = lock_range_conflict(&tree, &owners[owner], type, start, end) != NULL;
		if (type != LOCKR_NONE) {
			CHECK_EQ(conflict, model_conflict(owner, type, start, end));
			if (conflict)
				continue;
		}
		set(owner, type, start, end);
		for (int b = start; b <= end; b++)
			model[owner][b] = type;
		compare();
	}
	drop_owners();
}
static void to_the_end(void)
{
	set(0, LOCKR_WRITE, 10, INT64_MAX);
	set(0, LOCKR_WRITE, 0, 9); /* merges */
	CHECK(rb_first(&tree) == rb_last(&tree));
	set(0, LOCKR_NONE, 100, 199); /* cuts */
	CHECK_EQ(at(0, 99), LOCKR_WRITE);
	CHECK_EQ(at(0, 100), LOCKR_NONE);
	CHECK_EQ(at(0, INT64_MAX), LOCKR_WRITE);
	CHECK(!lock_range_conflict(&tree, &owners[1], LOCKR_READ, 100, 199));
	CHECK(lock_range_conflict(&tree, &owners[1], LOCKR_READ, 100, 200));
	set(0, LOCKR_NONE, 0, INT64_MAX);
	CHECK(!tree.root);
}
static void ranges(void)
{
	int64_t s, e;

	CHECK_EQ(lock_range_from(0, 0, 0, &s, &e), 0);
	CHECK(s == 0 && e == INT64_MAX);
	CHECK_EQ(lock_range_from(100, -10, 5, &s, &e), 0);
	CHECK(s == 90 && e == 94);
	CHECK_EQ(lock_range_from(100, 0, -10, &s, &e), 0);
	CHECK(s == 90 && e == 99);
	CHECK_EQ(lock_range_from(0, -1, 1, &s, &e), -EINVAL);
	CHECK_EQ(lock_range_from(5, 0, -6, &s, &e), -EINVAL);
	CHECK_EQ(lock_range_from(INT64_MAX, 1, 1, &s, &e), -EOVERFLOW);
	CHECK_EQ(lock_range_from(INT64_MAX, 0, 2, &s, &e), -EOVERFLOW);
	CHECK_EQ(lock_range_from(INT64_MAX, 0, 1, &s, &e), 0);
}

int main(void)
{
	RUN(random_locks);
	RUN(to_the_end);
	RUN(ranges);
	return test_done();
}
