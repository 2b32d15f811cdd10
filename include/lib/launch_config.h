/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What to run: the launcher's blob (lib/launch.h), checked.  Pure.
 *
 * A config borrows its strings from the blob, which must outlive it.  The strings of argv
 * (and of envp) follow each other, each with its NUL: launch_next() walks them,
 * launch_vector() makes pointers of them.
 */
#include <lib/launch.h>
#include <lib/util.h>

struct launch_config {
	struct launch_header h; /* a checked copy */
	const char *program;	/* not empty */
	const char *cwd;	/* absolute */
	const char *strace_filter;
	const char *args; /* first of h.argc strings; argc >= 1 */
	const char *env;  /* first of h.envc strings */
	size_t args_len;  /* bytes, NULs included */
	size_t env_len;
	const char *why; /* after a failure: what is wrong with the blob */
};

/* 0, or -EINVAL with out->why set. */
MUST_USE int launch_parse(const void *blob, size_t n, struct launch_config *out);

static inline const char *launch_next(const char *s)
{
	while (*s) {
		s++;
	}
	return s + 1;
}
/* Fills vec[0..count-1] with pointers to the strings from first on. */
void launch_vector(const char *first, unsigned count, const char **vec);

/* Without a launcher (debugging): builds a blob from the kernel command line,
 *     corrida.prog=/bin/x corrida.args="a b c" corrida.env="K=V L=W" corrida.cwd=/
 *     corrida.strace[=filter] corrida.log corrida.tty
 * argv[0] is the program.  Returns the blob's size, -ENOENT without corrida.prog, -E2BIG when
 * it doesn't fit. */
MUST_USE long launch_from_cmdline(const char *cmdline, void *blob, size_t size);
