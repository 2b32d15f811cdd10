/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "environ.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return strcspn(b, "=") == len && memcmp(a, b, len) == 0;
}

static void put(struct environ_set *e, const char *var)
{
	for (size_t i = 0; i < e->n; i++) {
		if (same_name(e->vars[i], var)) {
			e->vars[i] = var;
			return;
		}
	}
	if (e->n == e->room) {
		e->room = e->room ? 2 * e->room : 32;
		e->vars = reallocarray(e->vars, e->room, sizeof(e->vars[0]));
		if (e->vars == NULL) {
			fail("out of memory");
		}
	}
	e->vars[e->n++] = var;
}

void environ_add(struct environ_set *e, const char *text, const char *option)
{
	const char *value;
	char *var;

	if (text[0] == '\0' || text[0] == '=') {
		fail("%s %s: write NAME=VALUE, or NAME to pass the host's value", option, text);
	}
	if (strchr(text, '=')) {
		put(e, text);
		return;
	}
	value = getenv(text);
	if (value == NULL) {
		return;
	}
	if (asprintf(&var, "%s=%s", text, value) < 0) {
		fail("out of memory");
	}
	put(e, var);
}

void environ_add_file(struct environ_set *e, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (f == NULL) {
		fail("--env-file %s: %s", path, strerror(errno));
	}
	while ((len = getline(&line, &room, f)) >= 0) {
		char *start = line + strspn(line, " \t");

		if (len > 0 && line[len - 1] == '\n') {
			line[len - 1] = '\0';
		}
		if (*start == '\0' || *start == '#') {
			continue;
		}
		start = strdup(start);
		if (start == NULL) {
			fail("out of memory");
		}
		environ_add(e, start, path);
	}
	if (ferror(f)) {
		fail("--env-file %s: %s", path, strerror(errno));
	}
	free(line);
	fclose(f);
}

const char *environ_get(const struct environ_set *e, const char *name)
{
	for (size_t i = 0; i < e->n; i++) {
		if (same_name(e->vars[i], name)) {
			return e->vars[i] + strlen(name) + 1;
		}
	}
	return NULL;
}

void environ_add_defaults(struct environ_set *e, bool tty, const char *home)
{
	if (environ_get(e, "PATH") == NULL) {
		put(e, "PATH=" DEFAULT_PATH);
	}
	if (environ_get(e, "HOME") == NULL) {
		char *var;

		if (asprintf(&var, "HOME=%s", home) < 0) {
			fail("out of memory");
		}
		put(e, var);
	}
	if (tty && environ_get(e, "TERM") == NULL) {
		environ_add(e, "TERM", "-t");
	}
}

const char **environ_finish(struct environ_set *e, size_t *n)
{
	*n = e->n;
	return e->vars;
}
