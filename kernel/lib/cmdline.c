/* SPDX-License-Identifier: MIT */
/* Words and values of the kernel command line.  Every copy is bounded by the caller's buffer. */
#include <lib/cmdline.h>
#include <lib/format.h>
#include <lib/string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool cmdline_next(const char **pos, char *word, size_t size)
{
	const char *s = *pos;
	size_t n = 0;
	bool quoted = false;

	while (is_blank(*s)) {
		s++;
	}
	if (!*s) {
		*pos = s;
		return false;
	}
	for (; *s && (quoted || !is_blank(*s)); s++) {
		if (*s == '"') {
			quoted = !quoted;
		} else if (n + 1 < size) {
			word[n++] = *s;
		}
	}
	if (size) {
		word[n] = '\0';
	}
	*pos = s;
	return true;
}

bool cmdline_get(const char *cmdline, const char *key, char *value, size_t size)
{
	size_t key_len = strlen(key);
	bool found = false;
	const char *s = cmdline;

	/* The key is compared in place, so that only the value has to fit the buffer. */
	for (;;) {
		char dummy[1];
		const char *start, *v;

		while (is_blank(*s)) {
			s++;
		}
		start = s;
		if (!cmdline_next(&s, dummy, sizeof(dummy))) {
			return found;
		}
		if (strncmp(start, key, key_len) != 0) {
			continue;
		}
		v = start + key_len;
		if (v == s) {
			str_copy(value, "", size);
			found = true;
		} else if (*v == '=') {
			v++;
			if (v == s || !cmdline_next(&v, value, size)) {
				str_copy(value, "", size);
			}
			found = true;
		}
	}
}

static bool parse_size(const char **s, uint64_t *value)
{
	unsigned shift = 0;

	if (!parse_u64(*s, 0, value, s)) {
		return false;
	}
	switch (**s) {
	case 'K':
	case 'k': shift = 10; break;
	case 'M':
	case 'm': shift = 20; break;
	case 'G':
	case 'g': shift = 30; break;
	default: return true;
	}
	if (*value > UINT64_MAX >> shift) {
		return false;
	}
	*value <<= shift;
	(*s)++;
	return true;
}

bool cmdline_parse_mmio(const char *value, struct cmdline_mmio *out)
{
	const char *s = value;
	uint64_t size, base, irq, id;

	if (!parse_size(&s, &size) || *s++ != '@') {
		return false;
	}
	if (!parse_u64(s, 0, &base, &s) || *s++ != ':') {
		return false;
	}
	if (!parse_u64(s, 0, &irq, &s)) {
		return false;
	}
	if (*s == ':' && !parse_u64(s + 1, 0, &id, &s)) {
		return false;
	}
	if (*s) {
		return false;
	}
	if (size < 0x100 || size > 1ull << 20 || base > (1ull << 46) - size ||
	    !IS_ALIGNED(base, 4) || irq >= 1024) {
		return false;
	}
	*out = (struct cmdline_mmio){ .base = base, .size = size, .irq = (unsigned)irq };
	return true;
}
