/* SPDX-License-Identifier: MIT */
/* What pure kernel modules need of the kernel, on the host: panic, log, memory. Link it by
 * naming it in UNIT_SOURCES. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void panic(const char *fmt, ...);
void log_write(int level, const char *fmt, ...);
void *kmalloc(size_t size);
void *kzalloc(size_t size);
void *kcalloc(size_t n, size_t size);
void *krealloc(void *p, size_t size);
void kfree(const void *p);
char *kstrdup(const char *s);

__attribute__((weak, noreturn)) void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}
__attribute__((weak)) void log_write(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}
__attribute__((weak)) void *kmalloc(size_t size)
{
	return malloc(size);
}
__attribute__((weak)) void *kzalloc(size_t size)
{
	return calloc(1, size);
}
__attribute__((weak)) void *kcalloc(size_t n, size_t size)
{
	return calloc(n, size);
}
__attribute__((weak)) void *krealloc(void *p, size_t size)
{
	return realloc(p, size);
}
__attribute__((weak)) void kfree(const void *p)
{
	free((void *)p);
}
__attribute__((weak)) char *kstrdup(const char *s)
{
	return strdup(s);
}
