/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The whole unit-test framework: CHECK() in functions, RUN() in main(), and
 * `return test_done();`.  Prints one TAP line per RUN.
 */
#include <stdio.h>
#include <stdlib.h>

static int test_failed_here, test_count, test_failures;

#define CHECK(cond)                                                         \
	do {                                                                \
		if (!(cond)) {                                              \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			test_failed_here = 1;                               \
		}                                                           \
	} while (0)
#define CHECK_EQ(a, b)                                                                         \
	do {                                                                                   \
		long long ca_ = (long long)(a), cb_ = (long long)(b);                          \
		if (ca_ != cb_) {                                                              \
			printf("# %s:%d: %s is %lld, not %s = %lld\n", __FILE__, __LINE__, #a, \
			       ca_, #b, cb_);                                                  \
			test_failed_here = 1;                                                  \
		}                                                                              \
	} while (0)
#define RUN(fn)                                                                              \
	do {                                                                                 \
		test_failed_here = 0;                                                        \
		fn();                                                                        \
		test_count++;                                                                \
		test_failures += test_failed_here;                                           \
		printf("%s %d - %s\n", test_failed_here ? "not ok" : "ok", test_count, #fn); \
		fflush(stdout);                                                              \
	} while (0)

static inline int test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failures || !test_count;
}
