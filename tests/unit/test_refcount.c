/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: tests/unit/shim/base.c */
#include "test.h"
#include <lib/refcount.h>
#include <pthread.h>
#include <setjmp.h>

static jmp_buf panicked;

void panic(const char *fmt, ...)
{
	(void)fmt;
	longjmp(panicked, 1);
}

#define CHECK_PANICS(statement)              \
	do {                                 \
		if (setjmp(panicked) == 0) { \
			statement;           \
			CHECK(!"no panic");  \
		}                            \
	} while (0)

static void the_last_put_says_so(void)
{
	struct refcount r;

	refcount_init(&r, 1);
	refcount_get(&r);
	CHECK_EQ(refcount_read(&r), 2);
	CHECK(refcount_try_get(&r));
	CHECK(!refcount_put(&r));
	CHECK(!refcount_put(&r));
	CHECK(refcount_put(&r));
	CHECK_EQ(refcount_read(&r), 0);
	CHECK(!refcount_try_get(&r));
	CHECK_EQ(refcount_read(&r), 0);
}

static void bugs_panic(void)
{
	struct refcount r;

	refcount_init(&r, 0);
	CHECK_PANICS(refcount_get(&r));
	refcount_init(&r, 0);
	CHECK_PANICS((void)!refcount_put(&r));
	refcount_init(&r, INT32_MAX);
	refcount_get(&r);
	CHECK_PANICS(refcount_get(&r));
	CHECK_PANICS((void)!refcount_try_get(&r));
	CHECK_PANICS((void)!refcount_put(&r));
}

enum { THREADS = 4, ROUNDS = 20000 };
static struct refcount shared;
static _Atomic int gone;

static void *getter(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		if (refcount_try_get(&shared) && refcount_put(&shared)) {
			gone++;
		}
	}
	if (refcount_put(&shared)) {
		gone++;
	}
	return NULL;
}

static void one_of_many_threads_is_last(void)
{
	pthread_t t[THREADS];

	refcount_init(&shared, THREADS);
	for (int i = 0; i < THREADS; i++) {
		CHECK(pthread_create(&t[i], NULL, getter, NULL) == 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
	}
	CHECK_EQ(gone, 1);
	CHECK_EQ(refcount_read(&shared), 0);
}

int main(void)
{
	RUN(the_last_put_says_so);
	RUN(bugs_panic);
	RUN(one_of_many_threads_is_last);
	return test_done();
}
