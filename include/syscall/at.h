/* SPDX-License-Identifier: MIT */
#pragma once
/* What a call is about: a path of the program, from a directory descriptor, or a descriptor. */
#include <lib/util.h>
#include <mm/user_ptr.h>

struct path;

/* LOOKUP_* of AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH. */
unsigned at_to_lookup(int flags);
/* Finds the file of a path in user memory; *p is counted. */
MUST_USE int at_lookup(int dirfd, user_ptr user, unsigned lookup, struct path *p);
/* The path of an open file (not O_PATH), counted. */
MUST_USE int at_file(int fd, struct path *p);
