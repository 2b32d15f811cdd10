/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The line discipline, pure: termios(3) applied to bytes.  No locks, no devices: the
 * caller serialises, and passes callbacks for what leaves it.
 *
 * Input is kept in a ring of LDISC_BUF bytes.  In canonical mode a line ends at a delimiter
 * (\n, EOL, EOL2, EOF); complete lines may be read, the last one may still be edited.  Each byte
 * that ends a line has its bit set in `delim`; an EOF character is kept as LDISC_EOF_MARK there
 * and is not handed to readers.
 */
#include <lib/bitmap.h>
#include <lib/util.h>
#include <linux/termios.h>

#define LDISC_BUF 4096

struct ldisc_ops {
	/* Queues bytes for the device; returns how many were taken. */
	size_t (*output)(void *ctx, const void *buf, size_t n);
	/* SIGINT, SIGQUIT, SIGTSTP from the keyboard. */
	void (*signal)(void *ctx, int sig);
	/* TIOCPKT_* bits: output was stopped or goes on, a queue was flushed, ^S and ^Q came into
	 * or went out of use. */
	void (*event)(void *ctx, unsigned events);
};
struct ldisc {
	struct linux_termios2 tio;
	const struct ldisc_ops *ops;
	void *ctx;
	uint8_t buf[LDISC_BUF];
	uint64_t delim[BITMAP_WORDS(LDISC_BUF)];
	uint64_t eof[BITMAP_WORDS(LDISC_BUF)]; /* the delimiter is an EOF character */
	uint32_t head, tail;		       /* free running: write and read position */
	uint32_t canon_head;		       /* end of the last complete line */
	uint32_t column;		       /* of the output, for tabs and erasing */
	uint32_t canon_column;		       /* where the line being typed began */
	bool stopped;			       /* ^S or tcflow(TCOOFF) */
	bool lnext;			       /* ^V: next byte is literal */
	bool eof_pending;		       /* a read of zero bytes is due */
	/* echo that the device had no room for */
	uint8_t echo[256];
	uint16_t echo_len;
};
void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *ctx);
/* Bytes from the device: taken count (less when the buffer is full). */
size_t ldisc_input(struct ldisc *l, const uint8_t *buf, size_t n);
/* Room for input. */
size_t ldisc_room(const struct ldisc *l);
/* Something for a reader: a line in canonical mode, else at least `min` bytes. */
bool ldisc_readable(const struct ldisc *l, size_t min);
/* Bytes for FIONREAD. */
size_t ldisc_available(const struct ldisc *l);
/* Takes up to n bytes (canonical: at most one line).  *eof: a line of zero bytes, end of file;
 * *more: the line goes on (buffer too small). */
size_t ldisc_read(struct ldisc *l, uint8_t *buf, size_t n, bool *eof, bool *more);
/* Output post-processing: consumes up to n bytes of the program's output; returns the count taken
 * (less when the device is full or output is stopped). */
size_t ldisc_write(struct ldisc *l, const uint8_t *buf, size_t n);
/* Sends echo that could not go out before; true when all is gone. */
bool ldisc_flush_echo(struct ldisc *l);
/* New termios: canonical/raw transitions keep the input. */
void ldisc_set_termios(struct ldisc *l, const struct linux_termios2 *t);
void ldisc_flush_input(struct ldisc *l);
void ldisc_flush_output(struct ldisc *l);
/* tcflow(3): stops the output or lets it go on. */
void ldisc_set_stopped(struct ldisc *l, bool stopped);
