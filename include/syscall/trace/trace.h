/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * --strace: a line per system call to the launcher (CTL_TRACE), in strace's manner:
 *
 *     [pid 7] openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
 *
 * Arguments that the call reads are printed before it runs, those that it fills after it,
 * the whole line when it is over; calls that do not return end in "= ?".  A call that takes long gets
 * a line of what is known while it lasts, so that one that never returns is seen, and the rest later:
 *
 *     [pid 7] read(0, <unfinished ...>
 *     [pid 7] <... read resumed>"x", 1)        = 1
 *
 * Filter: names and classes separated by commas, "" = all; a leading '!' inverts the whole.
 * Classes: %file (paths), %desc (descriptors), and the families of syscall/table.def
 * (%memory, %process, %signal, %network, %ipc, %time, %futex ...).
 *
 * Context: the calling thread, no lock held; sleeps.
 */
#include <arch/trap.h>
#include <lib/util.h>

struct trace_call;

/* Tested on each call: false costs one predicted branch. */
extern bool trace_on;

/* Turns it on.  Unknown names are reported in the log and ignored. */
void trace_start(const char *filter);

/* Around a call.  trace_enter() returns NULL when the call is not to be traced. */
struct trace_call *trace_enter(const struct trap_frame *f);
void trace_exit(struct trace_call *t, long result);

/* Pure parts, for the tests. */
struct trace_set {
	uint64_t bits[8];
};
/* Number of entries that are unknown; the first is stored to *unknown. */
unsigned trace_parse_filter(const char *filter, struct trace_set *set, const char **unknown);
static inline bool trace_wanted(const struct trace_set *set, uint32_t nr)
{
	return nr >= 512 || (set->bits[nr / 64] >> nr % 64 & 1);
}
/* "E2BIG"; NULL when it has none. */
const char *trace_errno_name(int error);
