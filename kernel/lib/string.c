/* SPDX-License-Identifier: MIT */
/*
 * <string.h>.  memcpy() and memset() move words by hand: the compiler must not turn their loops
 * into calls of themselves (-fno-tree-loop-distribute-patterns).
 */
#include <lib/string.h>
#include <lib/util.h>

/*
 * Plain loops over 64-bit words, unrolled: `rep movs` is quickest on hardware but costs a
 * helper call per element under TCG, and the kernel moves mostly small pieces; bulk moves
 * to and from the program are in arch/uaccess.S.
 */
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	char *d = dst;
	const char *s = src;

	for (; n >= 64; n -= 64, d += 64, s += 64) {
		word a = ((const word *)s)[0], b = ((const word *)s)[1];
		word c = ((const word *)s)[2], e = ((const word *)s)[3];
		word f = ((const word *)s)[4], g = ((const word *)s)[5];
		word h = ((const word *)s)[6], i = ((const word *)s)[7];

		((word *)d)[0] = a, ((word *)d)[1] = b, ((word *)d)[2] = c, ((word *)d)[3] = e;
		((word *)d)[4] = f, ((word *)d)[5] = g, ((word *)d)[6] = h, ((word *)d)[7] = i;
	}
	for (; n >= 8; n -= 8, d += 8, s += 8) {
		*(word *)d = *(const word *)s;
	}
	for (; n; n--) {
		*d++ = *s++;
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if ((uintptr_t)d - (uintptr_t)s >= n) {
		return memcpy(dst, src, n);
	}
	/* dst lies inside src: backwards */
	for (d += n, s += n; n >= 8; n -= 8) {
		d -= 8, s -= 8;
		*(word *)d = *(const word *)s;
	}
	for (; n; n--) {
		*--d = *--s;
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	char *d = dst;
	uint64_t v = 0x0101010101010101ull * (unsigned char)c;

	for (; n >= 64; n -= 64, d += 64) {
		word *w = (word *)d;

		w[0] = v, w[1] = v, w[2] = v, w[3] = v, w[4] = v, w[5] = v, w[6] = v, w[7] = v;
	}
	for (; n >= 8; n -= 8, d += 8) {
		*(word *)d = v;
	}
	for (; n; n--) {
		*d++ = (char)c;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	while (n >= 8 && *(const word *)p == *(const word *)q) {
		p += 8, q += 8, n -= 8;
	}
	for (; n; n--, p++, q++) {
		if (*p != *q) {
			return *p - *q;
		}
	}
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const unsigned char *p = s; n; p++, n--) {
		if (*p == (unsigned char)c) {
			return (void *)(uintptr_t)p;
		}
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p) {
		p++;
	}
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n]) {
		n++;
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++, b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b || !*a) {
			return (unsigned char)*a - (unsigned char)*b;
		}
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c) {
			return (char *)(uintptr_t)s;
		}
		if (!*s) {
			return NULL;
		}
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	for (;; s++) {
		if (*s == (char)c) {
			found = s;
		}
		if (!*s) {
			return (char *)(uintptr_t)found;
		}
	}
}

char *strstr(const char *s, const char *needle)
{
	size_t n = strlen(needle);

	for (; *s || !n; s++) {
		if (!strncmp(s, needle, n)) {
			return (char *)(uintptr_t)s;
		}
	}
	return NULL;
}

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t n = 0;

	if (!size) {
		return 0;
	}
	while (n < size - 1 && src[n]) {
		dst[n] = src[n];
		n++;
	}
	dst[n] = 0;
	return n;
}

void str_make_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			text[i] = '?';
		}
	}
}

bool str_starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}
