/* SPDX-License-Identifier: MIT */
/*
 * The line discipline, pure: input, editing and reading, see tty/ldisc.h.
 *
 * tail <= canon_head <= head, at most LDISC_BUF apart.  What is below canon_head is whole lines for
 * readers, what is above is the line being typed and may be taken back; only there bytes go away at
 * the head.  One place is kept for the byte that ends a line.  The marks of a byte (delim, eof) mean
 * something only between tail and canon_head.
 */
#include "ldisc_internal.h"

#include <lib/string.h>
#include <linux/signal.h>

#define CTRL(c) ((c)&0x1f)
#define MASK (LDISC_BUF - 1)
_Static_assert((LDISC_BUF & MASK) == 0, "the ring's size is a power of two");

static void ldisc_default_termios(struct linux_termios2 *t)
{
	static const uint8_t cc[LINUX_NCCS] = {
		[VINTR] = CTRL('C'),
		[VQUIT] = CTRL('\\'),
		[VERASE] = DEL,
		[VKILL] = CTRL('U'),
		[VEOF] = CTRL('D'),
		[VTIME] = 0,
		[VMIN] = 1,
		[VSTART] = CTRL('Q'),
		[VSTOP] = CTRL('S'),
		[VSUSP] = CTRL('Z'),
		[VREPRINT] = CTRL('R'),
		[VDISCARD] = CTRL('O'),
		[VWERASE] = CTRL('W'),
		[VLNEXT] = CTRL('V'),
	};

	memset(t, 0, sizeof(*t));
	t->iflag = ICRNL | IXON;
	t->oflag = OPOST | ONLCR;
	t->cflag = B38400 | CS8 | CREAD | HUPCL;
	t->lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	memcpy(t->cc, cc, sizeof(cc));
	t->ispeed = t->ospeed = 38400;
}

void ldisc_init(struct ldisc *l, const struct ldisc_ops *ops, void *ctx)
{
	memset(l, 0, sizeof(*l));
	l->ops = ops;
	l->ctx = ctx;
	ldisc_default_termios(&l->tio);
}

/* A control character that is not switched off (0 = _POSIX_VDISABLE). */
static bool is_cc(const struct ldisc *l, uint8_t c, int index)
{
	return c == l->tio.cc[index] && l->tio.cc[index];
}

/* --- the input ring --- */

static uint32_t used(const struct ldisc *l)
{
	return l->head - l->tail;
}

size_t ldisc_room(const struct ldisc *l)
{
	/* In canonical mode there must be a way to end a line that is too long. */
	if (has_lflag(l, ICANON) && l->canon_head == l->tail) {
		return LDISC_BUF;
	}
	return LDISC_BUF - 1 - MIN(used(l), LDISC_BUF - 1u);
}

static void put_byte(struct ldisc *l, uint8_t c)
{
	if (used(l) >= LDISC_BUF - 1) {
		if (has_iflag(l, IMAXBEL)) {
			uint8_t bell = 7;

			ldisc_echo_raw(l, &bell, 1);
		}
		return;
	}
	l->buf[l->head & MASK] = c;
	bitmap_clear(l->delim, l->head & MASK);
	bitmap_clear(l->eof, l->head & MASK);
	l->head++;
}

static void put(struct ldisc *l, uint8_t c)
{
	if (c == 0xff && has_iflag(l, PARMRK)) {
		put_byte(l, c);
	}
	put_byte(l, c);
}

static void end_line(struct ldisc *l, uint8_t c, bool eof)
{
	if (used(l) >= LDISC_BUF) {
		return;
	}
	l->buf[l->head & MASK] = c;
	bitmap_set(l->delim, l->head & MASK);
	if (eof) {
		bitmap_set(l->eof, l->head & MASK);
	} else {
		bitmap_clear(l->eof, l->head & MASK);
	}
	l->head++;
	l->canon_head = l->head;
}

void ldisc_flush_input(struct ldisc *l)
{
	l->tail = l->canon_head = l->head;
	l->lnext = false;
	l->ops->event(l->ctx, TIOCPKT_FLUSHREAD);
}

/* --- editing --- */

static void wipe_column(struct ldisc *l)
{
	ldisc_echo_byte(l, '\b');
	ldisc_echo_byte(l, ' ');
	ldisc_echo_byte(l, '\b');
}

/* Before the echo of a byte of the line: the first one tells where the line begins. */
static void note_column(struct ldisc *l)
{
	if (l->head == l->canon_head) {
		l->canon_column = l->column;
	}
}

/* Columns that the line takes from its start up to `end`. */
static uint32_t columns_upto(const struct ldisc *l, uint32_t end)
{
	uint32_t col = l->canon_column;

	for (uint32_t i = l->canon_head; i != end; i++) {
		uint8_t c = l->buf[i & MASK];

		if (c == '\t') {
			col = (col | 7) + 1;
		} else if (c < ' ' || c == DEL) {
			col += has_lflag(l, ECHOCTL) ? 2 : 0;
		} else if (!is_continuation(l, c)) {
			col++;
		}
	}
	return col;
}

/* Where the last character of the line begins; head when there is none to take back: a line may
 * begin with the rest of a character. */
static uint32_t last_char(const struct ldisc *l)
{
	uint32_t at = l->head;

	while (at != l->canon_head) {
		if (!is_continuation(l, l->buf[--at & MASK])) {
			return at;
		}
	}
	return l->head;
}

/* Takes c off the screen; the line is without it already. */
static void wipe(struct ldisc *l, uint8_t c)
{
	if (c == '\t') {
		uint8_t back = '\b';

		for (uint32_t n = 8 - (columns_upto(l, l->head) & 7); n; n--) {
			ldisc_echo_raw(l, &back, 1);
			l->column -= l->column > 0;
		}
	} else if (c >= ' ' && c != DEL) {
		wipe_column(l);
	} else if (has_lflag(l, ECHOCTL)) {
		wipe_column(l);
		wipe_column(l);
	}
}

static void erase_char(struct ldisc *l)
{
	uint32_t at = last_char(l);

	if (at == l->head) {
		return;
	}
	l->head = at;
	if (has_lflag(l, ECHO) && has_lflag(l, ECHOE)) {
		wipe(l, l->buf[at & MASK]);
	} else if (has_lflag(l, ECHO)) {
		ldisc_echo_char(l, l->tio.cc[VERASE]);
	}
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || is_lower(c) || is_upper(c) || c == '_';
}

/* The last word and what follows it, or (all) the line: the screen is wiped whatever ECHOE says. */
static void erase_back(struct ldisc *l, bool all)
{
	bool seen = false;
	uint32_t at;

	while ((at = last_char(l)) != l->head) {
		uint8_t c = l->buf[at & MASK];

		if (!all && seen && !is_word(c)) {
			break;
		}
		seen |= is_word(c);
		l->head = at;
		if (has_lflag(l, ECHO)) {
			wipe(l, c);
		}
	}
}

static void kill_line(struct ldisc *l)
{
	if (l->head == l->canon_head) {
		return;
	}
	if (has_lflag(l, ECHO) && has_lflag(l, ECHOK) && has_lflag(l, ECHOKE) &&
	    has_lflag(l, ECHOE)) {
		erase_back(l, true);
		return;
	}
	l->head = l->canon_head;
	if (has_lflag(l, ECHO)) {
		ldisc_echo_char(l, l->tio.cc[VKILL]);
		if (has_lflag(l, ECHOK)) {
			ldisc_echo_byte(l, '\n');
		}
	}
}

static void reprint(struct ldisc *l)
{
	ldisc_echo_char(l, l->tio.cc[VREPRINT]);
	ldisc_echo_byte(l, '\n');
	for (uint32_t i = l->canon_head; i != l->head; i++) {
		ldisc_echo_char(l, l->buf[i & MASK]);
	}
}

/* True when c was an editing character. */
static bool edit(struct ldisc *l, uint8_t c)
{
	if (is_cc(l, c, VERASE)) {
		erase_char(l);
		return true;
	}
	if (is_cc(l, c, VKILL)) {
		kill_line(l);
		return true;
	}
	if (!has_lflag(l, IEXTEN)) {
		return false;
	}
	if (is_cc(l, c, VWERASE)) {
		erase_back(l, false);
		return true;
	}
	if (is_cc(l, c, VREPRINT) && has_lflag(l, ECHO)) {
		reprint(l);
		return true;
	}
	if (is_cc(l, c, VLNEXT)) {
		l->lnext = true;
		if (has_lflag(l, ECHO) && has_lflag(l, ECHOCTL)) {
			ldisc_echo_raw(l, (const uint8_t *)"^\b", 2);
		}
		return true;
	}
	return false;
}

static void canonical(struct ldisc *l, uint8_t c)
{
	if (edit(l, c)) {
		return;
	}
	if (is_cc(l, c, VEOF)) {
		end_line(l, 0, true);
		return;
	}
	if (c == '\n' || is_cc(l, c, VEOL) || (is_cc(l, c, VEOL2) && has_lflag(l, IEXTEN))) {
		if (has_lflag(l, ECHO) || (c == '\n' && has_lflag(l, ECHONL))) {
			if (c == '\n') {
				ldisc_echo_byte(l, c);
			} else {
				ldisc_echo_char(l, c);
			}
		}
		end_line(l, c, false);
		return;
	}
	if (has_lflag(l, ECHO) && used(l) < LDISC_BUF - 1) {
		note_column(l);
		ldisc_echo_char(l, c);
	}
	put(l, c);
}

/* --- signals and flow control --- */

void ldisc_set_stopped(struct ldisc *l, bool stopped)
{
	if (l->stopped != stopped) {
		l->stopped = stopped;
		l->ops->event(l->ctx, stopped ? TIOCPKT_STOP : TIOCPKT_START);
		ldisc_flush_echo(l);
	}
}

static int signal_of(const struct ldisc *l, uint8_t c)
{
	if (is_cc(l, c, VINTR)) {
		return SIGINT;
	}
	if (is_cc(l, c, VQUIT)) {
		return SIGQUIT;
	}
	return is_cc(l, c, VSUSP) ? SIGTSTP : 0;
}

static bool signal_char(struct ldisc *l, uint8_t c)
{
	int sig = signal_of(l, c);

	if (!sig) {
		return false;
	}
	if (!has_lflag(l, NOFLSH)) {
		ldisc_flush_input(l);
		ldisc_flush_output(l);
	}
	if (has_iflag(l, IXON)) {
		ldisc_set_stopped(l, false);
	}
	if (has_lflag(l, ECHO)) {
		ldisc_echo_char(l, c);
	}
	l->ops->signal(l->ctx, sig);
	return true;
}

static bool flow_char(struct ldisc *l, uint8_t c)
{
	if (is_cc(l, c, VSTART) && is_cc(l, c, VSTOP)) {
		ldisc_set_stopped(l, !l->stopped);
		return true;
	}
	if (is_cc(l, c, VSTART)) {
		ldisc_set_stopped(l, false);
		return true;
	}
	if (is_cc(l, c, VSTOP)) {
		ldisc_set_stopped(l, true);
		return true;
	}
	return false;
}

/* ISTRIP, IUCLC */
static uint8_t fold(const struct ldisc *l, uint8_t c)
{
	if (has_iflag(l, ISTRIP)) {
		c &= 0x7f;
	}
	if (has_iflag(l, IUCLC) && has_lflag(l, IEXTEN) && is_upper(c)) {
		c = (uint8_t)(c + 32);
	}
	return c;
}

/* ICRNL, INLCR */
static uint8_t swap_cr_nl(const struct ldisc *l, uint8_t c)
{
	if (c == '\r') {
		return has_iflag(l, ICRNL) ? '\n' : c;
	}
	return c == '\n' && has_iflag(l, INLCR) ? '\r' : c;
}

/* typed: before CR and NL were swapped; a newline that was typed as one is a control character. */
static void raw(struct ldisc *l, uint8_t c, uint8_t typed)
{
	if (has_lflag(l, ECHO)) {
		if (c == '\n' && typed == '\r') {
			ldisc_echo_byte(l, c);
		} else {
			ldisc_echo_char(l, c);
		}
	}
	put(l, c);
}

static void literal(struct ldisc *l, uint8_t c)
{
	l->lnext = false;
	if (has_lflag(l, ECHO)) {
		note_column(l);
		ldisc_echo_char(l, c);
	}
	put(l, c);
}

static void receive(struct ldisc *l, uint8_t c)
{
	c = fold(l, c);
	if (l->lnext) {
		literal(l, c);
		return;
	}
	if (has_iflag(l, IXON) && flow_char(l, c)) {
		return;
	}
	if (has_lflag(l, ISIG) && signal_char(l, c)) {
		return;
	}
	if (has_iflag(l, IXON) && has_iflag(l, IXANY) && l->stopped) {
		ldisc_set_stopped(l, false);
	}
	if (c == '\r' && has_iflag(l, IGNCR)) {
		return;
	}
	if (has_lflag(l, ICANON)) {
		canonical(l, swap_cr_nl(l, c));
	} else {
		raw(l, swap_cr_nl(l, c), c);
	}
}

size_t ldisc_input(struct ldisc *l, const uint8_t *buf, size_t n)
{
	size_t done = 0;

	while (done < n && ldisc_room(l)) {
		receive(l, buf[done++]);
	}
	return done;
}

/* --- reading --- */

bool ldisc_readable(const struct ldisc *l, size_t min)
{
	if (l->eof_pending) {
		return true;
	}
	return has_lflag(l, ICANON) ? l->canon_head != l->tail : used(l) >= MAX(min, (size_t)1);
}

size_t ldisc_available(const struct ldisc *l)
{
	size_t n = 0;

	if (!has_lflag(l, ICANON)) {
		return used(l);
	}
	for (uint32_t i = l->tail; i != l->canon_head; i++) {
		n += !bitmap_test(l->eof, i & MASK);
	}
	return n;
}

static size_t read_line(struct ldisc *l, uint8_t *buf, size_t n, bool *eof, bool *more)
{
	size_t done = 0;

	while (l->tail != l->canon_head) {
		uint32_t i = l->tail & MASK;
		bool ends = bitmap_test(l->delim, i);

		if (ends && bitmap_test(l->eof, i)) {
			l->tail++;
			*eof = !done;
			return done;
		}
		if (done == n) {
			*more = true;
			return done;
		}
		buf[done++] = l->buf[i];
		l->tail++;
		if (ends) {
			return done;
		}
	}
	return done;
}

size_t ldisc_read(struct ldisc *l, uint8_t *buf, size_t n, bool *eof, bool *more)
{
	size_t done = 0;

	*eof = *more = false;
	if (l->eof_pending) {
		l->eof_pending = false;
		*eof = true;
		return 0;
	}
	if (has_lflag(l, ICANON)) {
		return read_line(l, buf, n, eof, more);
	}
	while (done < n && l->tail != l->head) {
		buf[done++] = l->buf[l->tail++ & MASK];
	}
	l->canon_head = l->tail;
	return done;
}

/* --- termios --- */

/* What is there can be read as it is: its last byte ends a line. */
static void enter_canonical(struct ldisc *l)
{
	for (uint32_t i = l->tail; i != l->head; i++) {
		bitmap_clear(l->delim, i & MASK);
		bitmap_clear(l->eof, i & MASK);
	}
	if (used(l)) {
		bitmap_set(l->delim, (l->head - 1) & MASK);
	}
	l->canon_head = l->head;
}

/* Do ^S and ^Q stop the output? */
static bool usual_flow(const struct ldisc *l)
{
	return has_iflag(l, IXON) && l->tio.cc[VSTOP] == CTRL('S') &&
	       l->tio.cc[VSTART] == CTRL('Q');
}

void ldisc_set_termios(struct ldisc *l, const struct linux_termios2 *t)
{
	bool was_canonical = has_lflag(l, ICANON), had_flow = usual_flow(l);

	l->tio = *t;
	if (has_lflag(l, ICANON) != was_canonical) {
		l->lnext = false;
		if (was_canonical) {
			l->canon_head = l->tail; /* an EOF that was not read is a byte of 0 now */
		} else {
			enter_canonical(l);
		}
	}
	if (!has_iflag(l, IXON)) {
		ldisc_set_stopped(l, false);
	}
	if (usual_flow(l) != had_flow) {
		l->ops->event(l->ctx, had_flow ? TIOCPKT_NOSTOP : TIOCPKT_DOSTOP);
	}
}
