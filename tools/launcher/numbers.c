/* SPDX-License-Identifier: MIT */
#include "numbers.h"

#include <stddef.h>
#include <strings.h>

static const char *parse_digits(const char *p, uint64_t max, uint64_t *out)
{
	const char *start = p;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (v > (max - digit) / 10) {
			return NULL;
		}
		v = v * 10 + digit;
	}
	*out = v;
	return p == start ? NULL : p;
}

bool number_parse(const char *text, uint64_t max, uint64_t *out)
{
	const char *end = max < 9 ? NULL : parse_digits(text, max, out);

	return end && *end == '\0';
}

bool number_parse_size(const char *text, uint64_t unit, uint64_t *out)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} units[] = {
		{ "k", 1ull << 10 }, { "kb", 1ull << 10 }, { "kib", 1ull << 10 },
		{ "m", 1ull << 20 }, { "mb", 1ull << 20 }, { "mib", 1ull << 20 },
		{ "g", 1ull << 30 }, { "gb", 1ull << 30 }, { "gib", 1ull << 30 },
		{ "t", 1ull << 40 }, { "tb", 1ull << 40 }, { "tib", 1ull << 40 },
		{ "b", 1 },
	};
	uint64_t v, factor = 0;
	const char *end = parse_digits(text, UINT64_MAX, &v);

	if (end == NULL) {
		return false;
	}
	if (*end == '\0') {
		factor = unit;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(end, units[i].suffix) == 0) {
			factor = units[i].factor;
		}
	}
	return factor && !__builtin_mul_overflow(v, factor, out);
}
