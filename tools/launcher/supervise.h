/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One run of one program, from the helpers' start to the exit status.
 *
 * The main thread sits in poll() over the control channel, both helpers' pidfds,
 * their stderr, the serial line, signals and the streams' events.  A run ends by
 * exactly one of: CTL_EXIT, CTL_NOEXEC, CTL_PANIC, a broken control message, the
 * death of a helper, the timeout, a signal before the program has started, or a second one
 * that the guest does not react to.  Whatever it was: both helpers are killed at
 * once (all data has reached the host by then), what they had written is still
 * delivered, both are reaped, and only then does the launcher leave.
 */
struct run_options;

/* The exit status for `corrida run`. */
int supervise(struct run_options *o);
