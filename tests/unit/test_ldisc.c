/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/tty/ldisc.c kernel/tty/ldisc_output.c kernel/lib/bitmap.c tests/unit/shim/base.c */
#include "test.h"

#include <linux/signal.h>
#include <tty/ldisc.h>
#include <string.h>

static char sent[1 << 16];
static size_t nsent, room;
static int last_signal, flows;
static unsigned events;

static size_t output(void *ctx, const void *buf, size_t n)
{
	if (room < 8 && room < n) {
		return 0;
	}
	n = MIN(n, room);
	n = MIN(n, sizeof(sent) - nsent);
	memcpy(sent + nsent, buf, n);
	nsent += n;
	room -= n;
	return n;
}
static void on_signal(void *ctx, int sig)
{
	last_signal = sig;
}
static void on_event(void *ctx, unsigned e)
{
	flows += (e & (TIOCPKT_STOP | TIOCPKT_START)) != 0;
	events |= e;
}
static const struct ldisc_ops ops = { output, on_signal, on_event };
static struct ldisc l;

static void fresh(void)
{
	ldisc_init(&l, &ops, NULL);
	nsent = 0;
	room = 1 << 30;
	last_signal = flows = 0;
	events = 0;
}
static void type(const char *s)
{
	CHECK_EQ(ldisc_input(&l, (const uint8_t *)s, strlen(s)), strlen(s));
}
static const char *echoed(void)
{
	sent[nsent] = 0;
	nsent = 0;
	return sent;
}
static const char *line(void)
{
	static char buf[5000];
	bool eof, more;
	size_t n = ldisc_read(&l, (uint8_t *)buf, sizeof(buf) - 1, &eof, &more);

	buf[n] = 0;
	return eof ? "(eof)" : buf;
}
#define SAME(a, b) CHECK(!strcmp(a, b))

static void edits(void)
{
	fresh();
	type("abc\177d\r");
	SAME(echoed(), "abc\b \bd\r\n");
	SAME(line(), "abd\n");
	type("x\025ok\n");
	SAME(line(), "ok\n");
	echoed();
	type("foo bar  \027\027q\n");
	SAME(line(), "q\n");
	echoed();
	type("\003");
	CHECK_EQ(last_signal, SIGINT);
	SAME(echoed(), "^C");
	/* a tab is rubbed out to where it began */
	type("a\t\177b\n");
	SAME(line(), "ab\n");
}

static void utf8(void)
{
	fresh();
	l.tio.iflag |= IUTF8;
	type("a\xc3\xa4\177\n");
	SAME(echoed(), "a\xc3\xa4\b \b\r\n");
	SAME(line(), "a\n");
}

static void end_of_file(void)
{
	bool eof, more;
	uint8_t buf[8];

	fresh();
	type("ab\004cd\n");
	SAME(line(), "ab");
	SAME(line(), "cd\n");
	type("\004");
	CHECK(ldisc_readable(&l, 1));
	CHECK_EQ(ldisc_available(&l), 0);
	SAME(line(), "(eof)");
	/* a reader whose buffer the line just fills must not see an end of file next */
	type("abcd\004ef\n");
	CHECK_EQ(ldisc_read(&l, buf, 4, &eof, &more), 4);
	CHECK(!eof);
	(void)ldisc_read(&l, buf, 8, &eof, &more);
}

static void long_line(void)
{
	static char big[LDISC_BUF * 2];
	bool eof, more;
	static uint8_t buf[LDISC_BUF * 2];

	fresh();
	memset(big, 'x', sizeof(big));
	CHECK_EQ(ldisc_input(&l, (uint8_t *)big, sizeof(big)), sizeof(big));
	CHECK(!ldisc_readable(&l, 1));
	type("\n");
	CHECK_EQ(ldisc_read(&l, buf, sizeof(buf), &eof, &more), LDISC_BUF);
	CHECK_EQ(buf[LDISC_BUF - 1], '\n');
}

static void modes(void)
{
	struct linux_termios2 t;

	fresh();
	type("kept");
	t = l.tio;
	t.lflag &= ~(uint32_t)(ICANON | ECHO);
	ldisc_set_termios(&l, &t);
	CHECK(ldisc_readable(&l, 4));
	CHECK(!ldisc_readable(&l, 5));
	SAME(line(), "kept");
	type("raw\r");
	SAME(line(), "raw\n");
	type("tail");
	t.lflag |= ICANON;
	ldisc_set_termios(&l, &t);
	SAME(line(), "tail");
}

static void flow(void)
{
	fresh();
	type("\023");
	CHECK_EQ(flows, 1);
	CHECK_EQ(ldisc_write(&l, (const uint8_t *)"x", 1), 0);
	type("\021");
	CHECK_EQ(ldisc_write(&l, (const uint8_t *)"x", 1), 1);
	SAME(echoed(), "x");
	/* a full device keeps the order of echo and output */
	room = 0;
	type("ab");
	CHECK_EQ(ldisc_write(&l, (const uint8_t *)"out", 3), 0);
	room = 100;
	CHECK_EQ(ldisc_write(&l, (const uint8_t *)"out\n", 4), 4);
	SAME(echoed(), "about\r\n");
}

/* What a master in packet mode is told. */
static void packet_events(void)
{
	struct linux_termios2 t;

	fresh();
	type("\003");
	CHECK_EQ(events, TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
	fresh();
	l.tio.lflag |= NOFLSH;
	type("\003");
	CHECK_EQ(events, 0);
	ldisc_set_stopped(&l, true);
	CHECK_EQ(events, TIOCPKT_STOP);
	ldisc_set_stopped(&l, true);
	CHECK_EQ(flows, 1);
	fresh();
	t = l.tio;
	t.iflag &= ~(uint32_t)IXON;
	ldisc_set_termios(&l, &t);
	CHECK_EQ(events, TIOCPKT_NOSTOP);
	t.iflag |= IXON;
	ldisc_set_termios(&l, &t);
	CHECK_EQ(events, TIOCPKT_NOSTOP | TIOCPKT_DOSTOP);
}

static void returns(void)
{
	fresh();
	l.tio.oflag = OPOST | ONOCR | OCRNL;
	ldisc_write(&l, (const uint8_t *)"\ra\rb", 4);
	SAME(echoed(), "a\nb");
	CHECK_EQ(l.column, 2);
	l.tio.oflag |= ONLRET;
	ldisc_write(&l, (const uint8_t *)"\rc\n", 3);
	SAME(echoed(), "\nc\n");
	CHECK_EQ(l.column, 0);
	l.tio.oflag = OPOST | OLCUC;
	ldisc_write(&l, (const uint8_t *)"ab\bz", 4);
	SAME(echoed(), "AB\bZ");
	CHECK_EQ(l.column, 2);
}

static void marks(void)
{
	fresh();
	l.tio.iflag |= PARMRK;
	type("\377a\n");
	SAME(line(), "\377\377a\n");
	l.tio.iflag |= ISTRIP;
	type("\377a\n");
	l.tio.iflag &= ~(uint32_t)(ISTRIP | PARMRK);
	type("\026\003x\n");
	CHECK_EQ(last_signal, 0);
}

/* What Linux does, found by comparing the two with random input. */
static void corners(void)
{
	struct linux_termios2 t;

	/* without ECHOE a character is "erased" by the echo of ^?, a word is wiped all the same */
	fresh();
	l.tio.lflag &= ~(uint32_t)ECHOE;
	type("ab\177");
	SAME(echoed(), "ab^?");
	type("cd\027");
	SAME(echoed(), "cd\b \b\b \b\b \b");
	/* without ECHOK there is no new line after ^U */
	type("x\025");
	SAME(echoed(), "x^U\r\n");
	l.tio.lflag &= ~(uint32_t)ECHOK;
	type("x\025y\n");
	SAME(echoed(), "x^Uy\r\n");
	SAME(line(), "y\n");
	/* words are of Latin-1 letters; a lone rest of a character cannot be erased */
	fresh();
	type("\344\366 \244\027");
	SAME(echoed(), "\344\366 \244\b \b\b \b\b \b\b \b");
	l.tio.iflag |= IUTF8;
	type("\244\177\n");
	SAME(line(), "\244\n");
	/* letters of Latin-1 change their case, too, but not in the echo of 0xff */
	fresh();
	l.tio.iflag |= IUCLC;
	l.tio.oflag |= OLCUC;
	type("\304\327\377\n");
	SAME(echoed(), "\304\327\377\r\n");
	SAME(line(), "\344\327\377\n");
	/* a tab goes back to where the line began after the program's prompt */
	fresh();
	ldisc_write(&l, (const uint8_t *)"$ ", 2);
	type("a\t\177");
	SAME(echoed(), "$ a\t\b\b\b\b\b");
	/* raw: a newline that was typed is a control character, one from ICRNL is not */
	t = l.tio;
	t.lflag &= ~(uint32_t)ICANON;
	ldisc_set_termios(&l, &t);
	type("\n\r");
	SAME(echoed(), "^J\r\n");
	/* an EOF that was not read becomes a byte of 0; ^V survives all but a change of ICANON */
	fresh();
	type("\004\026");
	t = l.tio;
	t.iflag |= IMAXBEL;
	ldisc_set_termios(&l, &t);
	type("\003");
	CHECK_EQ(last_signal, 0);
	t.lflag &= ~(uint32_t)ICANON;
	ldisc_set_termios(&l, &t);
	CHECK_EQ(ldisc_available(&l), 2);
}

static void tabs(void)
{
	fresh();
	l.tio.oflag |= XTABS;
	ldisc_write(&l, (const uint8_t *)"ab\tc\n\t|", 7);
	SAME(echoed(), "ab      c\r\n        |");
}

/* Whatever is typed in whatever mode, nothing is read that was not typed, and no bound breaks. */
static void random_use(void)
{
	static uint8_t in[600], out[LDISC_BUF];
	unsigned seed = 1;

	fresh();
	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)(rand_r(&seed) % 600), got;
		bool eof, more;

		for (size_t k = 0; k < n; k++) {
			in[k] = (uint8_t)(rand_r(&seed) % 4 ? rand_r(&seed) % 32 : rand_r(&seed));
		}
		room = (size_t)(rand_r(&seed) % 4 ? 10000 : rand_r(&seed) % 20);
		nsent = 0;
		ldisc_input(&l, in, n);
		if (rand_r(&seed) % 3 == 0) {
			ldisc_write(&l, in, n);
		}
		got = ldisc_read(&l, out, (size_t)(rand_r(&seed) % LDISC_BUF), &eof, &more);
		CHECK(got <= LDISC_BUF);
		CHECK(l.head - l.tail <= LDISC_BUF);
		CHECK(l.canon_head - l.tail <= l.head - l.tail);
		if (rand_r(&seed) % 7 == 0) {
			struct linux_termios2 t = l.tio;

			t.iflag = (uint32_t)rand_r(&seed) & 0x7fff;
			t.oflag = (uint32_t)rand_r(&seed) & 0x183f;
			t.lflag = (uint32_t)rand_r(&seed) & 0xffff;
			t.cc[rand_r(&seed) % LINUX_NCCS] = (uint8_t)(rand_r(&seed) % 40);
			ldisc_set_termios(&l, &t);
		}
		if (test_failed_here) {
			return;
		}
	}
}

int main(void)
{
	RUN(edits);
	RUN(utf8);
	RUN(end_of_file);
	RUN(long_line);
	RUN(modes);
	RUN(flow);
	RUN(packet_events);
	RUN(returns);
	RUN(marks);
	RUN(corners);
	RUN(tabs);
	RUN(random_use);
	return test_done();
}
