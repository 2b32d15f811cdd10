/* SPDX-License-Identifier: MIT */
#include "strace_filter.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "nearest.h"
#include "report.h"

struct call {
	const char *name, *family;
};

#define SYS0(nr, call, level, fam, ...) { #call, #fam },
#define SYS1 SYS0
#define SYS2 SYS0
#define SYS3 SYS0
#define SYS4 SYS0
#define SYS5 SYS0
#define SYS6 SYS0
static const struct call calls[] = {
#include "../../syscall/table.def"
	/* classes that are no family */
	{ NULL, "file" },
	{ NULL, "desc" },
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static void check_entry(const char *entry, size_t len)
{
	bool class = entry[0] == '%';
	const char *word = entry + class;
	struct nearest near;

	len -= class;
	near = nearest_to(word, len);
	for (size_t i = 0; i < N_CALLS; i++) {
		const char *name = class ? calls[i].family : calls[i].name;

		if (name == NULL) {
			continue;
		}
		if (strlen(name) == len && strncmp(name, word, len) == 0) {
			return;
		}
		nearest_try(&near, name);
	}
	fail("--strace: there is no system call%s '%.*s'%s%s%s%s", class ? " class" : "",
	     (int)(len + class), entry, near.best ? "; did you mean " : "",
	     near.best && class ? "%" : "", near.best ? near.best : "", near.best ? "?" : "");
}

void strace_filter_check(const char *filter)
{
	if (*filter == '!') {
		filter++;
	}
	while (*filter) {
		size_t len = strcspn(filter, ",");

		if (len > 0) {
			check_entry(filter, len);
		}
		filter += len;
		filter += *filter == ',';
	}
}
