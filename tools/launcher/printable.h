/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Text from a guest, on its way to a terminal.  What a terminal obeys instead of showing it, each
 * as one '?': the C0 controls but tab, DEL, the C1 controls (U+0080 to U+009F), the marks that
 * turn the direction of writing and can make a line read as another, and bytes that are no
 * UTF-8, among which a C1 control of an 8-bit terminal may be.
 */
#include <stddef.h>

/* One character of text, which has len > 0 bytes: how many of them it takes.  *shown is how many
 * of these may be shown, the same number, or 0: then a '?' stands for it. */
size_t printable_next(const char *text, size_t len, size_t *shown);
