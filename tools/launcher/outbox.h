/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is said while a VM runs.  Writing to the user's stderr or log may block for as long as
 * nobody reads there, and a guest says as much as it likes; the thread that watches over time limits,
 * signals and the deaths of helpers must not wait for that.  So it puts lines into this
 * box, and a thread of its own writes them.  Whoever fills it looks at outbox_is_full() before it
 * takes more from the guest.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* From now on; `log` is where outbox_put_log() goes, or NULL. */
void outbox_open(FILE *log);

/* False when there is no box, or no memory for the line: the caller writes it. */
bool outbox_put(const char *prefix, const char *line, size_t len);

/* Text for the log; nothing without a box or a log. */
void outbox_put_log(const char *text, size_t len);

bool outbox_is_full(void);
bool outbox_is_empty(void);

/* Readable after something has been written; -1 without a box. */
int outbox_wakeup(void);

/* Empties wakeup. */
void outbox_take_wakeup(void);
