/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The program's environment.  The host's is not passed on: a program sees PATH,
 * HOME, with -t also TERM, and what -e and --env-file say.  A later definition
 * replaces an earlier one in its place.
 */
#include <stdbool.h>
#include <stddef.h>

struct environ_set {
	const char **vars; /* "NAME=VALUE" */
	size_t n, room;
};

/* "NAME=VALUE", or "NAME" to pass the host's value, if it has one. */
void environ_add(struct environ_set *e, const char *text, const char *option);

void environ_add_file(struct environ_set *e, const char *path);

/* What is not set yet of the variables that every program gets. */
void environ_add_defaults(struct environ_set *e, bool tty, const char *home);

/* NULL when it is not set. */
const char *environ_get(const struct environ_set *e, const char *name);

const char **environ_finish(struct environ_set *e, size_t *n);
