/* SPDX-License-Identifier: MIT */
#pragma once
/* Who called whom: frame pointers (the kernel is built with them), names from the symbol
 * table that tools/ksyms.py puts into the image. */
#include <lib/util.h>

/* The function that contains addr: its name and the offset in it; NULL when it is not in
 * the kernel's text or there is no table. */
const char *ksym_lookup(uintptr_t addr, size_t *offset);

/* Prints up to `max` return addresses, starting at frame pointer rbp, with print. */
void backtrace_print(uintptr_t rbp, unsigned max, void (*print)(const char *fmt, ...));
