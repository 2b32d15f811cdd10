/* SPDX-License-Identifier: MIT */
#include "test.h"

#include <futex/futex_key.h>

/* Words next to each other, stacks at equal distances, several address spaces: all spread. */
static void spreads(void)
{
	enum { BITS = 8, N = 1 << BITS };
	const uint64_t strides[] = { 4, 8, 64, 4096, 0x20000, 0x801000 };

	for (unsigned s = 0; s < ARRAY_SIZE(strides); s++) {
		unsigned count[N] = { 0 }, worst = 0;

		for (unsigned i = 0; i < 16 * N; i++) {
			struct futex_key k = { 0xffff888001234000ul + (i & 3) * 0x340,
					       0x7f0000000000ul + i / 4 * strides[s] };
			unsigned h = futex_key_hash(&k, BITS);

			CHECK(h < N);
			worst = MAX(worst, ++count[h]);
		}
		CHECK(worst < 4 * 16);
	}
}

static void equality(void)
{
	struct futex_key a = { 1, 2 }, b = { 1, 2 }, c = { 2, 1 };

	CHECK(futex_key_equal(&a, &b));
	CHECK(!futex_key_equal(&a, &c));
	CHECK_EQ(futex_key_hash(&a, 8), futex_key_hash(&b, 8));
}

int main(void)
{
	RUN(spreads);
	RUN(equality);
	return test_done();
}
