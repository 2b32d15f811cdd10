/* SPDX-License-Identifier: MIT */
/* The first process of a VM that runs a whole suite: takes "INDEX PATH" from stdin, each with a
 * zero behind it, runs one after the other and writes results that suite_vm.c reads. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "report.h"
#include "suite.h"

struct inside {
	double timeout;
	unsigned long index;
	char path[4096], dir[4096];
	const char *argv[2];
};

static void inside_done(struct task *t)
{
	const struct inside *in = t->cookie;

	printf(SUITE_MARK " %lu %d %d %.3f %zu\n", in->index, t->status, t->timed_out ? 1 : 0,
	       t->seconds, t->output_len);
	fwrite(t->output, 1, t->output_len, stdout);
	fflush(stdout);
}

static bool inside_next(void *cookie, struct task *t)
{
	struct inside *in = cookie;
	static char *line;
	static size_t room;
	char *path;

	if (getdelim(&line, &room, '\0', stdin) < 0) {
		return false;
	}
	in->index = strtoul(line, &path, 10);
	if (*path != ' ' || strlen(path) >= sizeof(in->path)) {
		return false;
	}
	*path = '/';
	strcpy(in->path, path);
	strcpy(in->dir, in->path);
	strrchr(in->dir, '/')[1] = '\0';
	in->argv[0] = in->path;
	t->argv = in->argv;
	t->dir = in->dir;
	t->timeout = in->timeout;
	t->cookie = in;
	t->done = inside_done;
	return true;
}

int suite_inside(int argc, char **argv)
{
	static struct inside in;

	if (argc != 1) {
		fail("%s is not for people", SUITE_INSIDE);
	}
	in.timeout = strtod(argv[0], NULL);
	puts(SUITE_START);
	fflush(stdout);
	pool_run(1, inside_next, &in);
	return 0;
}
