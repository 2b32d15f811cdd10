/* SPDX-License-Identifier: MIT */
#include "printable.h"

#include <stdbool.h>
#include <stdint.h>

/* The length of the UTF-8 sequence that begins with c, 0 for none; its payload in *code. */
static size_t sequence(unsigned char c, uint32_t *code)
{
	if (c < 0x80) {
		*code = c;
		return 1;
	}
	if (c >= 0xc2 && c < 0xe0) {
		*code = c & 0x1fu;
		return 2;
	}
	if (c >= 0xe0 && c < 0xf0) {
		*code = c & 0x0fu;
		return 3;
	}
	if (c >= 0xf0 && c < 0xf5) {
		*code = c & 0x07u;
		return 4;
	}
	return 0;
}

static bool is_control(uint32_t code)
{
	return (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
	       (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

size_t printable_next(const char *text, size_t len, size_t *shown)
{
	/* what a sequence of this length is for at least */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t n = sequence((unsigned char)text[0], &code);

	*shown = 0;
	if (n == 0 || n > len) {
		return 1;
	}
	for (size_t i = 1; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c & 0xc0) != 0x80) {
			return 1;
		}
		code = code << 6 | (c & 0x3fu);
	}
	if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
		return 1;
	}
	*shown = is_control(code) ? 0 : n;
	return n;
}
