/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The program's stdin, stdout and stderr: one thread each, between a descriptor
 * that the user gave us and a socket that leads to the guest.
 *
 * Threads with blocking calls, because the user's descriptors are shared with the
 * shell and with whatever else it started: O_NONBLOCK would be set for all of
 * them.  A slow reader of our stdout therefore stops the copying thread, the
 * socket fills, QEMU stops taking the guest's buffers and the program blocks, as it would on
 * a pipe.
 *
 * What the threads notice they say in a word of flags, and wake the main thread
 * through an eventfd; they do nothing else on their own.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum stream_event {
	STREAM_STDIN_EOF = 1 << 0,
	STREAM_STDOUT_CLOSED = 1 << 1, /* EPIPE and the like: bytes are dropped from now on */
	STREAM_STDERR_CLOSED = 1 << 2,
	STREAM_STDOUT_DONE = 1 << 3, /* everything that the guest wrote is out */
	STREAM_STDERR_DONE = 1 << 4,
};

struct streams {
	int stdio, err; /* sockets to the guest */
	int wakeup;	/* eventfd, readable when there are events */
	_Atomic unsigned events;
	_Atomic uint64_t stdin_bytes;
	_Atomic uint64_t out_bytes; /* both directions from the guest: a sign of life */
	_Atomic bool lost;	    /* output that somebody wanted could not be written */
};

void streams_start(struct streams *s, int stdio, int err);

/* The events since the last call. */
unsigned streams_take_events(struct streams *s);

/* The guest writes nothing more: when both DONE events have come, all is out. */
void streams_drain(struct streams *s);
