/* SPDX-License-Identifier: MIT */
/* The functions of lib/string.h that libc lacks; the rest is libc's, so that ASan watches it. */
#include <lib/string.h>
#include <lib/util.h>

__attribute__((weak)) size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t n = 0;

	if (size == 0)
		return 0;
	for (; n < size - 1 && src[n]; n++)
		dst[n] = src[n];
	dst[n] = '\0';
	return n;
}
__attribute__((weak)) bool str_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}
