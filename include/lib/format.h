/* SPDX-License-Identifier: MIT */
#pragma once
/* snprintf for the kernel: %d %i %u %x %X %o %c %s %p %% with flags "-0+ #",
 * width, precision, `*`, and hh h l ll z j t.  No floating point, no %n. */
#include <stdarg.h>
#include <stddef.h>
#include <lib/util.h>

/* Writes at most size bytes, the NUL included; returns what an unbounded buffer
 * would have held (C11 7.21.6.5). */
int fmt_snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/* Parses an unsigned number in base 10 (or 16 with 0x, 8 with 0 when base is
 * 0); *end is set past it.  Returns false when there is none or it overflows. */
bool parse_u64(const char *s, unsigned base, uint64_t *value, const char **end);
