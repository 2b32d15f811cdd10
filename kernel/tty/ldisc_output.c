/* SPDX-License-Identifier: MIT */
/*
 * The line discipline, pure: what goes out, see tty/ldisc.h.
 *
 * Echo and output keep their order: nothing goes out while echo waits.  `column` follows what the
 * device took, so output that it has no room for leaves it as it was.
 */
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

void ldisc_flush_output(struct ldisc *l)
{
	l->echo_len = 0;
	l->ops->event(l->ctx, TIOCPKT_FLUSHWRITE);
}

static size_t put_newline(struct ldisc *l, uint8_t *out)
{
	size_t n = 0;

	if (has_oflag(l, ONLRET) || has_oflag(l, ONLCR)) {
		l->column = 0;
	}
	if (has_oflag(l, ONLCR)) {
		out[n++] = '\r';
	}
	l->canon_column = l->column;
	out[n++] = '\n';
	return n;
}

static size_t put_return(struct ldisc *l, uint8_t *out)
{
	if (has_oflag(l, ONOCR) && !l->column) {
		return 0;
	}
	out[0] = has_oflag(l, OCRNL) ? '\n' : '\r';
	if (!has_oflag(l, OCRNL) || has_oflag(l, ONLRET)) {
		l->column = l->canon_column = 0;
	}
	return 1;
}

static size_t put_tab(struct ldisc *l, uint8_t *out)
{
	unsigned spaces = 8 - (l->column & 7);

	l->column += spaces;
	if ((l->tio.oflag & TABDLY) == XTABS) {
		memset(out, ' ', spaces);
		return spaces;
	}
	out[0] = '\t';
	return 1;
}

static size_t put_other(struct ldisc *l, uint8_t c, uint8_t *out)
{
	if (has_oflag(l, OLCUC) && is_lower(c)) {
		c = (uint8_t)(c - 32);
	}
	if (c >= ' ' && c != DEL && !is_continuation(l, c)) {
		l->column++;
	}
	out[0] = c;
	return 1;
}

/* What one byte of output becomes; returns its length in out[8]. */
static size_t post_process(struct ldisc *l, uint8_t c, uint8_t out[8])
{
	out[0] = c;
	if (!has_oflag(l, OPOST)) {
		return 1;
	}
	switch (c) {
	case '\n': return put_newline(l, out);
	case '\r': return put_return(l, out);
	case '\t': return put_tab(l, out);
	case '\b': l->column -= l->column > 0; return 1;
	default: return put_other(l, c, out);
	}
}

void ldisc_echo_byte(struct ldisc *l, uint8_t c)
{
	uint8_t out[8];

	if (c == 0xff) { /* echoed as it is, always with its column */
		ldisc_echo_raw(l, &c, 1);
		l->column++;
		return;
	}
	ldisc_echo_raw(l, out, post_process(l, c, out));
}

/* Control characters as ^X, which takes its columns also without OPOST. */
void ldisc_echo_char(struct ldisc *l, uint8_t c)
{
	if (has_lflag(l, ECHOCTL) && (c < ' ' || c == DEL) && c != '\t') {
		uint8_t out[2] = { '^', c ^ 0x40 };

		ldisc_echo_raw(l, out, sizeof(out));
		l->column += 2;
	} else {
		ldisc_echo_byte(l, c);
	}
}

/* Ordinary characters at the beginning: they go out as they are, in one go. */
static size_t plain_run(const uint8_t *buf, size_t n)
{
	size_t i = 0;

	while (i < n && buf[i] >= ' ' && buf[i] < DEL) {
		i++;
	}
	return i;
}

size_t ldisc_write(struct ldisc *l, const uint8_t *buf, size_t n)
{
	size_t done = 0;

	if (l->stopped || !ldisc_flush_echo(l)) {
		return 0;
	}
	if (!has_oflag(l, OPOST)) {
		return l->ops->output(l->ctx, buf, n);
	}
	while (done < n) {
		uint32_t column = l->column, canon = l->canon_column;
		uint8_t out[8];
		size_t plain = has_oflag(l, OLCUC) ? 0 : plain_run(buf + done, n - done), len;

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
