/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * ASSERT: a kernel bug, never the program's, a device's or the share's fault
 * (those get an error).  Stays in release builds.  DEBUG_ASSERT: too costly for
 * release, compiled always, run only when the build has DEBUG=1.
 */
#include <lib/util.h>

#ifndef CONFIG_DEBUG
#define CONFIG_DEBUG 0
#endif

/* Prints the message, registers and a symbolised backtrace, stops every CPU and
 * ends the VM with DEBUG_EXIT_PANIC.  Any context.  kernel/debug/panic.c; the
 * host tests have their own. */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

#define ASSERT(cond)                                                   \
	do {                                                           \
		if (unlikely(!(cond)))                                 \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)
#define DEBUG_ASSERT(cond)                                             \
	do {                                                           \
		if (CONFIG_DEBUG && unlikely(!(cond)))                 \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond); \
	} while (0)
