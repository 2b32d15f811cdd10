/* SPDX-License-Identifier: MIT */
/* The first line of a script.  Pure; head has SCRIPT_HEAD bytes and may be anything. */
#include <loader/script.h>

#include <lib/string.h>
#include <linux/errno.h>

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}
static char *skip_blanks(char *p, const char *end)
{
	while (p < end && blank(*p)) {
		p++;
	}
	return p;
}
/* The blank or NUL that ends a word; end when there is none. */
static char *word_end(char *p, const char *end)
{
	while (p < end && *p && !blank(*p)) {
		p++;
	}
	return p;
}

bool script_has_magic(const char *head, size_t n)
{
	return n >= 2 && head[0] == '#' && head[1] == '!';
}

int script_parse(char head[SCRIPT_HEAD], const char **interp, const char **arg)
{
	char *limit = head + SCRIPT_HEAD - 1;
	char *end = memchr(head, '\n', SCRIPT_HEAD);
	char *name, *rest;

	if (!end) {
		/* No end of line: fine as long as the name itself is complete. */
		name = skip_blanks(head + 2, limit);
		if (name == limit || word_end(name, limit) == limit) {
			return -ENOEXEC;
		}
		end = limit;
	}
	while (end > head + 2 && blank(end[-1])) {
		end--;
	}
	*end = 0;
	name = skip_blanks(head + 2, end);
	if (name == end || *name == 0) {
		return -ENOEXEC;
	}
	rest = word_end(name, end);
	*interp = name;
	*arg = NULL;
	if (rest < end && *rest) {
		*rest = 0;
		rest = skip_blanks(rest + 1, end);
		if (*rest) {
			*arg = rest;
		}
	}
	return 0;
}
