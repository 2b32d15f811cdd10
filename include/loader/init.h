/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The first program: makes process 1, gives it what the launcher asked for (ids, limits,
 * working directory, umask, stdio, environment) and starts its program there, or tells
 * the launcher why that is impossible.
 */
#include <lib/launch_config.h>

/* Once, when everything else is up, on a kernel thread.  Returns as soon as process 1
 * exists; config stays valid for ever. */
void init_start(const struct launch_config *config);

/* Pure: the value of a variable among `count` strings "NAME=value" that follow each
 * other; NULL when it is not there. */
const char *init_getenv(const char *env, unsigned count, const char *name);
/* Pure: the candidate for `prog` in the path entry that *path points at ("" = "."); moves
 * *path behind it.  False at the end of the list.  Entries that do not fit are skipped. */
bool init_next_candidate(const char **path, const char *prog, char *buf, size_t size);
