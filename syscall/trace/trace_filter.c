/* SPDX-License-Identifier: MIT */
/* The filter of --strace: a comma-separated list of calls and %classes, "!" for all others.  Pure. */
#include <syscall/trace/trace.h>

#include <lib/string.h>
#include <syscall/dispatch.h>

static bool same(const char *name, const char *s, size_t n)
{
	return strlen(name) == n && memcmp(name, s, n) == 0;
}

static bool has_kind(const struct syscall_desc *d, enum arg_kind a, enum arg_kind b)
{
	for (unsigned i = 0; i < d->nargs; i++) {
		if (d->kind[i] == a || d->kind[i] == b) {
			return true;
		}
	}
	return false;
}

static bool in_class(const struct syscall_desc *d, const char *s, size_t n)
{
	if (same("file", s, n)) {
		return has_kind(d, ARG_path, ARG_path);
	}
	if (same("desc", s, n)) {
		return has_kind(d, ARG_fd, ARG_dirfd);
	}
	return same(d->family, s, n);
}

/* Sets the bits of one entry; false when nothing has that name. */
static bool add_entry(struct trace_set *set, const char *s, size_t n)
{
	bool class = n > 0 && *s == '%', found = false;

	for (uint32_t nr = 0; nr < syscall_table_size; nr++) {
		const struct syscall_desc *d = syscall_describe(nr);

		if (d && (class ? in_class(d, s + 1, n - 1) : same(d->name, s, n))) {
			set->bits[nr / 64] |= 1ull << nr % 64;
			found = true;
		}
	}
	return found;
}

unsigned trace_parse_filter(const char *filter, struct trace_set *set, const char **unknown)
{
	bool invert = *filter == '!';
	unsigned bad = 0;

	memset(set, 0, sizeof(*set));
	if (*filter == 0) {
		invert = true; /* all */
	} else if (invert) {
		filter++;
	}
	while (*filter) {
		const char *comma = strchr(filter, ',');
		size_t n = comma ? (size_t)(comma - filter) : strlen(filter);

		if (n && !add_entry(set, filter, n) && bad++ == 0) {
			*unknown = filter;
		}
		filter += n + (comma ? 1 : 0);
	}
	for (unsigned i = 0; invert && i < ARRAY_SIZE(set->bits); i++) {
		set->bits[i] = ~set->bits[i];
	}
	return bad;
}
