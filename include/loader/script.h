/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The first line of a script, "#! interpreter [argument]", by Linux's rules: at most
 * SCRIPT_HEAD bytes are looked at; the interpreter ends at a blank; all the rest of the
 * line, blanks at its end removed, is one argument.  Pure.
 */
#include <lib/util.h>

#define SCRIPT_HEAD 256
#define SCRIPT_MAX_DEPTH 5 /* interpreters that are scripts themselves */

bool script_has_magic(const char *head, size_t n);
/* head[0..SCRIPT_HEAD-1], zero padded behind the file's end; is cut into strings in place.
 * *arg is NULL without an argument.  -ENOEXEC: no name, or one that is cut off. */
MUST_USE int script_parse(char head[SCRIPT_HEAD], const char **interp, const char **arg);
