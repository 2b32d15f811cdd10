/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The kernel log: a ring in memory; each line carries the time since boot and the CPU.  With
 * LAUNCH_KERNEL_LOG it also goes out as CTL_LOG; a panic prints its tail.
 *
 * Lines are written in any context, also in interrupts, in an NMI and under any spinlock, and
 * readers are woken all the same: see log.c.
 */
#include <lib/util.h>

struct waitq;

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO };

/* One line; a trailing newline is optional. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)

/* The next bytes of the log, formatted: "[    0.001234] cpu0: text\n".  *cookie starts at 0;
 * what was overwritten before it was read is skipped.  0 = nothing new. */
size_t log_read(uint64_t *cookie, char *buf, size_t size);
/* Is there something to read at this cookie? */
bool log_has_news(uint64_t cookie);
/* Woken after lines were written. */
extern struct waitq log_readers;
/* In an interrupt that smp_kick() of this CPU made. */
void log_kicked(void);
