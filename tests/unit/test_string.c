/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: tests/unit/shim/base.c */
/* The kernel's string functions under other names, against the host's. */
#include <stdbool.h>
#include <stddef.h>
#define memcpy k_memcpy
#define memmove k_memmove
#define memset k_memset
#define memcmp k_memcmp
#define memchr k_memchr
#define strlen k_strlen
#define strnlen k_strnlen
#define strcmp k_strcmp
#define strncmp k_strncmp
#define strchr k_strchr
#define strrchr k_strrchr
#define strstr k_strstr
#include "../../kernel/lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr
#include "test.h"
#include <string.h>

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void copies_of_all_sizes(void)
{
	unsigned char src[300], a[300], b[300];

	for (int i = 0; i < 300; i++) {
		src[i] = (unsigned char)(i * 7 + 1);
	}
	for (size_t off = 0; off < 9; off++) {
		for (size_t n = 0; n < 200; n++) {
			memset(a, 0, sizeof(a));
			memset(b, 0, sizeof(b));
			k_memcpy(a + off, src + 3, n);
			memcpy(b + off, src + 3, n);
			CHECK(!memcmp(a, b, sizeof(a)));
			k_memset(a + off, 0x5a, n);
			memset(b + off, 0x5a, n);
			CHECK(!memcmp(a, b, sizeof(a)));
		}
	}
}

static void overlapping_moves(void)
{
	for (int from = 0; from < 40; from++) {
		for (int to = 0; to < 40; to++) {
			unsigned char a[200], b[200];

			for (int i = 0; i < 200; i++) {
				a[i] = b[i] = (unsigned char)i;
			}
			k_memmove(a + to, a + from, 130);
			memmove(b + to, b + from, 130);
			CHECK(!memcmp(a, b, sizeof(a)));
		}
	}
}

static void compares(void)
{
	char a[40], b[40];

	for (int i = 0; i < 39; i++) {
		memset(a, 'x', sizeof(a));
		memset(b, 'x', sizeof(b));
		a[39] = b[39] = 0;
		b[i] = i % 2 ? 'y' : '\xf0';
		CHECK_EQ(sign(k_memcmp(a, b, 39)), sign(memcmp(a, b, 39)));
		CHECK_EQ(sign(k_strcmp(a, b)), sign(strcmp(a, b)));
		CHECK_EQ(sign(k_strncmp(a, b, 20)), sign(strncmp(a, b, 20)));
		CHECK(k_strchr(b, b[i]) == strchr(b, b[i]));
		CHECK(k_strrchr(b, 'x') == strrchr(b, 'x'));
		CHECK(k_memchr(b, b[i], 39) == memchr(b, b[i], 39));
	}
	CHECK(k_strchr("abc", 0) && !k_strchr("abc", 'd'));
	CHECK(!k_strstr("abc", "bd"));
	CHECK(!k_strcmp(k_strstr("abcbd", "bd"), "bd"));
	CHECK_EQ(k_strnlen("abcdef", 3), 3);
}

static void str_copy_terminates(void)
{
	char d[4] = "zzz";

	CHECK_EQ(str_copy(d, "abcdef", 4), 3);
	CHECK(!strcmp(d, "abc"));
	CHECK_EQ(str_copy(d, "", 4), 0);
	CHECK_EQ(str_copy(d, "x", 0), 0);
	CHECK(str_starts_with("corrida", "corr") && !str_starts_with("co", "corr"));
}

int main(void)
{
	RUN(copies_of_all_sizes);
	RUN(overlapping_moves);
	RUN(compares);
	RUN(str_copy_terminates);
	return test_done();
}
