/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Cuts the byte stream of the control channel (lib/launch.h) into messages.  Pure; the bytes
 * are untrusted.  Messages from the host are short; unknown types are skipped up to
 * CTL_MAX_PAYLOAD; a known type with a wrong length, or a longer payload, ends the channel:
 * after it nothing can be trusted to be a header.
 */
#include <lib/launch.h>
#include <lib/util.h>

struct ctl_handlers {
	/* From the control channel's own thread; may sleep.  Each may be NULL. */
	void (*on_signal)(uint32_t signo); /* 1..64 */
	void (*on_winsize)(uint16_t rows, uint16_t cols);
	void (*on_stdin_eof)(uint64_t total_bytes);
	void (*on_out_closed)(uint32_t fd); /* 1 or 2 */
};
struct ctl_parser {
	uint8_t buf[sizeof(struct ctl_msg) + 16];
	uint32_t have;	   /* bytes in buf */
	uint32_t skip;	   /* bytes of an unknown message still to come */
	const char *error; /* set once the channel is unusable */
};
/* Takes n bytes and calls handlers; ignores everything after an error. */
void ctl_parser_feed(struct ctl_parser *p, const void *data, size_t n,
		     const struct ctl_handlers *h);
