/* SPDX-License-Identifier: MIT */
#pragma once
/* The readers of the kernel log; lib/log.h has the writers. */
#include <lib/util.h>

/* The next bytes of the log, formatted: "[    0.001234] cpu0: text\n".  *cookie starts at 0;
 * what was overwritten before it was read is skipped.  0 = nothing new. */
size_t log_read(uint64_t *cookie, char *buf, size_t size);
