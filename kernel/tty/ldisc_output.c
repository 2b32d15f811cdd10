/* SPDX-License-Identifier: MIT */
/* The line discipline, pure: what goes out, see proc/ldisc.h. */
#include "ldisc_internal.h"

#include <lib/string.h>

bool ldisc_flush_echo(struct ldisc *l)
{
	while (l->echo_len && !l->stopped) {
		size_t n = l->ops->output(l->ctx, l->echo, l->echo_len);

		if (!n) {
			return false;
		}
		memmove(l->echo, l->echo + n, l->echo_len - n);
		l->echo_len -= (uint16_t)n;
	}
	return !l->echo_len;
}

/* Echo goes out in order or is kept; when too much is kept the rest is lost, as on a real line
 * that nobody drains. */
void ldisc_echo_raw(struct ldisc *l, const uint8_t *s, size_t n)
{
	size_t sent = 0;

	if (ldisc_flush_echo(l) && !l->stopped) {
		sent = l->ops->output(l->ctx, s, n);
	}
	n = MIN(n - sent, sizeof(l->echo) - l->echo_len);
	memcpy(l->echo + l->echo_len, s + sent, n);
	l->echo_len += (uint16_t)n;
}

/* What one byte of output becomes; returns its length in out[8]. */
static size_t post_process(struct ldisc *l, uint8_t c, uint8_t out[8])
{
	size_t n = 0;

	if (!O(l, OPOST)) {
		out[0] = c;
		return 1;
	}
	switch (c) {
	case '\n':
		if (O(l, ONLRET)) {
			l->column = 0;
		}
		if (O(l, ONLCR)) {
			out[n++] = '\r';
			l->column = 0;
		}
		l->canon_column = l->column;
		out[n++] = '\n';
		return n;
	case '\r':
		if (O(l, ONOCR) && !l->column) {
			return 0;
		}
		if (O(l, OCRNL)) {
			if (O(l, ONLRET)) {
				l->column = l->canon_column = 0;
			}
			out[n++] = '\n';
			return n;
		}
		l->column = l->canon_column = 0;
		out[n++] = '\r';
		return n;
	case '\t': {
		unsigned spaces = 8 - (l->column & 7);

		l->column += spaces;
		if (O(l, TABDLY) == XTABS) {
			while (n < spaces) {
				out[n++] = ' ';
			}
			return n;
		}
		break;
	}
	case '\b': l->column -= l->column > 0; break;
	default:
		if (O(l, OLCUC) && c >= 'a' && c <= 'z') {
			c = (uint8_t)(c - 32);
		}
		if (c >= ' ' && c != DEL && !is_continuation(l, c)) {
			l->column++;
		}
		break;
	}
	out[n++] = c;
	return n;
}

void ldisc_echo_byte(struct ldisc *l, uint8_t c)
{
	uint8_t out[8];

	ldisc_echo_raw(l, out, post_process(l, c, out));
}

/* As typed: control characters as ^X. */
void ldisc_echo_char(struct ldisc *l, uint8_t c)
{
	if (L(l, ECHOCTL) && (c < ' ' || c == DEL) && c != '\t' && c != '\n') {
		ldisc_echo_byte(l, '^');
		ldisc_echo_byte(l, c ^ 0x40);
	} else {
		ldisc_echo_byte(l, c);
	}
}

size_t ldisc_write(struct ldisc *l, const uint8_t *buf, size_t n)
{
	size_t done = 0;

	if (l->stopped || !ldisc_flush_echo(l)) {
		return 0;
	}
	if (!O(l, OPOST)) {
		return l->ops->output(l->ctx, buf, n);
	}
	while (done < n) {
		uint32_t column = l->column, canon = l->canon_column;
		uint8_t out[8];
		size_t plain = 0, len;

		/* Runs of ordinary characters in one go. */
		while (done + plain < n && buf[done + plain] >= ' ' && buf[done + plain] < DEL &&
		       !O(l, OLCUC)) {
			plain++;
		}
		if (plain) {
			len = l->ops->output(l->ctx, buf + done, plain);
			l->column += (uint32_t)len;
			done += len;
			if (len < plain) {
				break;
			}
			continue;
		}
		len = post_process(l, buf[done], out);
		if (len && l->ops->output(l->ctx, out, len) < len) {
			/* Drivers take at least 8 bytes or none. */
			l->column = column;
			l->canon_column = canon;
			break;
		}
		done++;
	}
	return done;
}
