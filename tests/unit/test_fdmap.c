/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/fs/fdmap.c kernel/lib/bitmap.c tests/unit/shim/base.c */
/* The bitmap of descriptors against a plain array. */
#include "test.h"

#include <fs/fdmap.h>
#include <string.h>

#define SIZE 8192

static uint64_t used[SIZE / 64], full[SIZE / 64 / 64 + 1];
static bool model[SIZE];

static struct fdmap fresh(unsigned size)
{
	memset(used, 0, sizeof(used));
	memset(full, 0, sizeof(full));
	memset(model, 0, sizeof(model));
	return (struct fdmap){ used, full, size, 0 };
}
static unsigned model_free(unsigned size, unsigned min)
{
	while (min < size && model[min])
		min++;
	return min < size ? min : size;
}

static void lowest_first(void)
{
	struct fdmap m = fresh(SIZE);

	for (unsigned i = 0; i < SIZE; i++) {
		CHECK_EQ(fdmap_find_free(&m, 0), i);
		fdmap_set(&m, i);
	}
	CHECK_EQ(fdmap_find_free(&m, 0), SIZE);
	CHECK_EQ(fdmap_find_free(&m, SIZE), SIZE);
	fdmap_clear(&m, 4097);
	fdmap_clear(&m, 77);
	CHECK_EQ(fdmap_find_free(&m, 0), 77);
	CHECK_EQ(fdmap_find_free(&m, 78), 4097);
	CHECK_EQ(fdmap_next_used(&m, 77), 78);
	CHECK_EQ(fdmap_next_used(&m, SIZE), SIZE);
}
static void against_model(void)
{
	unsigned seed = 1;

	for (unsigned size = 64; size <= SIZE; size *= 2) {
		struct fdmap m = fresh(size);

		for (int i = 0; i < 30000; i++) {
			unsigned fd, min, want;

			seed = seed * 1103515245 + 12345;
			fd = (seed >> 8) % size;
			min = seed >> 28 ? 0 : (seed >> 5) % size;
			if (model[fd]) {
				fdmap_clear(&m, fd);
				model[fd] = false;
			}
			want = model_free(size, min);
			CHECK_EQ(fdmap_find_free(&m, min), want);
			if (test_failed_here)
				return;
			if (want < size) {
				fdmap_set(&m, want);
				model[want] = true;
			}
		}
	}
}

int main(void)
{
	RUN(lowest_first);
	RUN(against_model);
	return test_done();
}
