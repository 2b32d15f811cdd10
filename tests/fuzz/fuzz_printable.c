/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: tools/launcher/printable.c */
/* Text of the guest for a terminal: what is shown has no control in it, in UTF-8 and as bytes, and
 * is shown unchanged when it is looked at again. */
#include "fuzz.h"
#include <printable.h>
#include <string.h>

static size_t show(char *out, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; at < len;) {
		size_t shown, taken = printable_next(text + at, len - at, &shown);

		CLAIM(taken >= 1 && taken <= 4 && taken <= len - at);
		CLAIM(shown == 0 || shown == taken);
		if (shown)
			memcpy(out + n, text + at, shown);
		else
			out[n] = '?';
		n += shown ? shown : 1;
		at += taken;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *once = malloc(size + 1), *twice = malloc(size + 1);
	size_t n, left = 0;

	memcpy(text, data, size);
	n = show(once, text, size);
	CLAIM(n <= size);
	CLAIM(show(twice, once, n) == n && memcmp(once, twice, n) == 0);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)once[i];

		CLAIM((c >= 0x20 || c == '\t') && c != 0x7f);
		/* a byte of 0x80 to 0xbf only where a character wants one */
		CLAIM(left ? c >= 0x80 && c < 0xc0 : c < 0x80 || c >= 0xc2);
		CLAIM(!(c == 0xc2 && (uint8_t)once[i + 1] < 0xa0));
		left = left ? left - 1 : c < 0xc0 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	}
	CLAIM(left == 0);
	free(text);
	free(once);
	free(twice);
	return 0;
}
