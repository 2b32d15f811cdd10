/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The first process's stdin, stdout and stderr without a terminal: files on host ports that
 * look like pipes.  stdin ends after the byte count that CTL_STDIN_EOF gave; writes give
 * EPIPE after CTL_OUT_CLOSED.
 */
#include <lib/util.h>

struct file;

/* which: 0, 1 or 2.  Each inode exists once, so 0, 1 and 2 may be opened again through
 * /proc/self/fd.  0, -ENODEV when the port is missing, -ENOMEM. */
MUST_USE int hostio_open(int which, struct file **out);
/* From the control channel. */
void hostio_stdin_eof(uint64_t total);
void hostio_out_closed(int which);
