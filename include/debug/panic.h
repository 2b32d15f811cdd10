/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The end of a kernel that has found a bug in itself: a message, the registers of a
 * trap, a symbolised backtrace, where the other CPUs were, what the dumpers have to
 * say, the tail of the log; then the VM ends with DEBUG_EXIT_PANIC.
 *
 * panic_state() (arch/upcalls.h) is the same without a bug: what is everybody doing?  An NMI
 * brings it, which a kernel takes that hangs with its interrupts off, too.
 *
 * Text goes to every sink as it is produced, so that a second fault loses only what
 * comes after it: a fault inside a panic ends the VM at once, a panic of another CPU
 * waits for ever.
 *
 * Sinks and dumpers are added during boot, by one CPU, and stay.  Everything here runs
 * with interrupts off and other CPUs stopped, takes no lock and does not sleep.
 */
#include <lib/util.h>

struct panic_sink {
	void (*write)(const char *text, size_t n); /* may be NULL */
	/* All is said: flush, or end the VM.  May return or be NULL.  Sinks are called in
	 * the order in which they were added. */
	void (*end)(void);
	struct panic_sink *next;
};
void panic_add_sink(struct panic_sink *s);

/* More to say after the backtrace, with panic_printf(): threads, system calls. */
struct panic_dumper {
	void (*dump)(void);
	struct panic_dumper *next;
};
void panic_add_dumper(struct panic_dumper *d);

/* What panic_state() is to tell of the layers above; only one. */
void panic_set_state_dumper(void (*dump)(void));

/* For dumpers. */
void panic_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* A panic is under way. */
bool panic_active(void);
