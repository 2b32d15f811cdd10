/* SPDX-License-Identifier: MIT */
#pragma once
/* Numbers on the command line: whole words only, no sign, no overflow. */
#include <stdbool.h>
#include <stdint.h>

/* Decimal, 0 to max. */
bool number_parse(const char *text, uint64_t max, uint64_t *out);

/* Decimal with suffix K, M, G (also KiB, MB ...; all powers of two); without a
 * suffix it counts in units of `unit`. */
bool number_parse_size(const char *text, uint64_t unit, uint64_t *out);
