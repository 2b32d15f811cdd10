/* SPDX-License-Identifier: MIT */
/*
 * UNIT_SOURCES: loader/stack.c tests/unit/shim/base.c
 */
#include "test.h"

#include <loader/stack.h>
#include <linux/auxv.h>
#include <linux/errno.h>
#include <stdlib.h>
#include <string.h>

#define TOP 0x7ffffffff000ull

/* The stack as the program would see it: bytes for [TOP - size, TOP). */
static uint8_t *build(const struct stack_spec *s, struct stack_layout *l)
{
	uint8_t *mem;
	void *table;

	if (stack_plan(s, l))
		return NULL;
	mem = calloc(1, TOP - l->sp);
	table = malloc(l->table_len);
	stack_fill(s, l, table);
	memcpy(mem, table, l->table_len);
	free(table);
	CHECK(l->sp + l->table_len <= l->strings);
	memcpy(mem + (l->strings - l->sp), s->strings, s->strings_len);
	return mem;
}
static const char *at(const uint8_t *mem, const struct stack_layout *l, uint64_t addr)
{
	CHECK(addr >= l->sp && addr < TOP);
	return (const char *)mem + (addr - l->sp);
}

static void check_one(unsigned skew)
{
	static const char strings[] = "prog\0-x\0\0A=1\0B=two\0/bin/prog";
	struct stack_spec s = { .strings = strings,
				.strings_len = sizeof(strings),
				.argc = 3,
				.envc = 2,
				.top = TOP,
				.auxv = { { AT_PAGESZ, 4096 }, { AT_UID, 7 } },
				.auxc = 2,
				.random = { 1, 2, 3 },
				.skew = skew };
	struct stack_layout l;
	uint8_t *mem = build(&s, &l);
	uint64_t *w = (uint64_t *)mem;
	unsigned seen = 0;

	CHECK(mem != NULL);
	CHECK_EQ(l.sp % 16, 0);
	CHECK_EQ(w[0], 3);
	CHECK(!strcmp(at(mem, &l, w[1]), "prog"));
	CHECK(!strcmp(at(mem, &l, w[2]), "-x"));
	CHECK(!strcmp(at(mem, &l, w[3]), ""));
	CHECK_EQ(w[4], 0);
	CHECK(!strcmp(at(mem, &l, w[5]), "A=1"));
	CHECK(!strcmp(at(mem, &l, w[6]), "B=two"));
	CHECK_EQ(w[7], 0);
	CHECK_EQ(w[1], l.arg_start);
	CHECK_EQ(w[5], l.arg_end);
	CHECK_EQ(l.env_end, l.strings + sizeof(strings) - sizeof("/bin/prog"));
	CHECK_EQ(l.auxv, l.sp + 8 * 8);
	for (w += 8; w[0] != AT_NULL; w += 2) {
		switch (w[0]) {
		case AT_PAGESZ: CHECK_EQ(w[1], 4096); break;
		case AT_UID: CHECK_EQ(w[1], 7); break;
		case AT_RANDOM: CHECK(!memcmp(at(mem, &l, w[1]), s.random, 16)); break;
		case AT_EXECFN: CHECK(!strcmp(at(mem, &l, w[1]), "/bin/prog")); break;
		case AT_PLATFORM: CHECK(!strcmp(at(mem, &l, w[1]), "x86_64")); break;
		default: CHECK(0);
		}
		seen++;
	}
	CHECK_EQ(seen, 5);
	CHECK_EQ((uint64_t)((uint8_t *)(w + 2) - mem), l.auxv - l.sp + l.auxv_words * 8);
	free(mem);
}
static void test_layout(void)
{
	for (unsigned skew = 0; skew < 64; skew++)
		check_one(skew);
	check_one(8191);
}
static void test_bad(void)
{
	struct stack_spec s = {
		.strings = "a\0b\0", .strings_len = 4, .argc = 1, .envc = 0, .top = TOP
	};
	struct stack_layout l;

	CHECK_EQ(stack_plan(&s, &l), 0);
	s.argc = 2; /* no execfn left */
	CHECK_EQ(stack_plan(&s, &l), -EINVAL);
	s.argc = 0; /* one string too many */
	CHECK_EQ(stack_plan(&s, &l), -EINVAL);
	s.argc = 1;
	s.strings_len = 3; /* execfn without its NUL */
	CHECK_EQ(stack_plan(&s, &l), -EINVAL);
	s.strings_len = 4;
	s.top = 100;
	CHECK_EQ(stack_plan(&s, &l), -E2BIG);
	s.envc = 0xffffffff;
	CHECK_EQ(stack_plan(&s, &l), -EINVAL);
}

int main(void)
{
	RUN(test_layout);
	RUN(test_bad);
	return test_done();
}
