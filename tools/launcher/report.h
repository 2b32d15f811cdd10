/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lines that the launcher itself says, all on stderr and all beginning with
 * "corrida: ".
 *
 * The program's stderr goes to the same place, copied by another thread, so
 * whoever writes to descriptor 2 holds the lock of this module: a line of ours
 * never lands inside a block of the program's, and begins at the start of a
 * line when the program stopped in the middle of one.  While the terminal is
 * raw (-t), "\n" is written as "\r\n".  Whatever a line quotes, names from DIR and words of the
 * guest among it, goes through printable.h; only report_passthrough() does not.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PRINTF(n) __attribute__((format(printf, n, n + 1)))
#define NORETURN __attribute__((noreturn))

/* Set by terminal.c. */
void report_set_raw(bool raw);

/* One line; the newline is added here. */
void report(const char *fmt, ...) PRINTF(1);

/* report(), then exit with LAUNCH_STATUS_FAULT.  Only before the VM exists. */
NORETURN void fail(const char *fmt, ...) PRINTF(1);

/* Text from the guest or a helper: each line gets the prefix ("" for none), a missing newline at
 * the end is added. */
void report_text(const char *prefix, const char *text, size_t len);

/* The same text for another stream, line by line as it is. */
void report_text_to(FILE *f, const char *text, size_t len);

/* The same for a name, which is one line whatever is in it. */
void report_name_to(FILE *f, const char *name);

/* A line of report() and report_text(), whose turn has come. */
void report_line(const char *prefix, const char *line, size_t len);

/* The program's own bytes for descriptor 2: 0 or -errno. */
int report_passthrough(const char *data, size_t len);

/* Writes all of it, also to a descriptor that somebody made non-blocking: 0 or -errno. */
int write_all(int fd, const void *data, size_t len);
