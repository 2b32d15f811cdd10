/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The kernel log: a ring in memory; each line carries the time since boot and
 * the CPU.  With LAUNCH_KERNEL_LOG it also goes out as CTL_LOG; a panic prints
 * its tail.  Any context (also interrupts and NMI).  kernel/debug/log.c.
 */
#include <lib/util.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* One line; a trailing newline is optional. */
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
