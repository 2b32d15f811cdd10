/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/host/ctl_parser.c tests/unit/shim/base.c */
#include "test.h"
#include <host/ctl_parser.h>
#include <string.h>

static uint64_t seen; /* digest of the calls */

static void on_signal(uint32_t signo)
{
	seen = seen * 31 + signo;
}
static void on_winsize(uint16_t rows, uint16_t cols)
{
	seen = seen * 31 + rows * 1000u + cols;
}
static void on_stdin_eof(uint64_t total)
{
	seen = seen * 31 + total;
}
static void on_out_closed(uint32_t fd)
{
	seen = seen * 31 + fd;
}
static const struct ctl_handlers h = { on_signal, on_winsize, on_stdin_eof, on_out_closed };

static uint8_t stream[200000];
static size_t len;

static void put(uint32_t type, uint32_t n, const void *payload, size_t real)
{
	struct ctl_msg m = { type, n };

	memcpy(stream + len, &m, sizeof(m));
	memcpy(stream + len + sizeof(m), payload, real);
	len += sizeof(m) + real;
}

static const char *feed(size_t step)
{
	static struct ctl_parser p;

	memset(&p, 0, sizeof(p));
	seen = 1;
	for (size_t at = 0; at < len; at += step) {
		size_t n = MIN(step, len - at);
		uint8_t *copy = malloc(n); /* exact, for ASan */

		memcpy(copy, stream + at, n);
		ctl_parser_feed(&p, copy, n, &h);
		free(copy);
	}
	return p.error;
}

static void good(void)
{
	uint32_t signo = 15, fd = 2;
	uint16_t size[2] = { 50, 132 };
	uint64_t total = 1ull << 40, want;
	static uint8_t junk[65536];

	len = 0;
	put(CTL_WINSIZE, 4, size, 4);
	put(1000, 65536, junk, 65536); /* unknown: skipped */
	put(1001, 0, junk, 0);
	put(CTL_SIGNAL, 4, &signo, 4);
	put(CTL_STDIN_EOF, 8, &total, 8);
	put(CTL_OUT_CLOSED, 4, &fd, 4);
	want = ((((uint64_t)31 + 50132) * 31 + 15) * 31 + total) * 31 + 2;
	for (size_t step = 1; step < 70000; step = step * 3 + 1) {
		CHECK(feed(step) == NULL);
		CHECK_EQ(seen, want);
	}
}

static void bad(void)
{
	uint32_t word = 15, zero = 0, big = 65, fd = 0;

	len = 0;
	put(CTL_SIGNAL, 5, &word, 4);
	CHECK(feed(1) != NULL);
	len = 0;
	put(CTL_STDIN_EOF, 0xffffffff, &word, 4);
	CHECK(feed(3) != NULL);
	len = 0;
	put(77, CTL_MAX_PAYLOAD + 1, &word, 4);
	CHECK(feed(100) != NULL);
	len = 0;
	put(CTL_SIGNAL, 4, &zero, 4);
	put(CTL_SIGNAL, 4, &word, 4); /* ignored after an error */
	CHECK(feed(100) != NULL);
	CHECK_EQ(seen, 1);
	len = 0;
	put(CTL_SIGNAL, 4, &big, 4);
	CHECK(feed(100) != NULL);
	len = 0;
	put(CTL_OUT_CLOSED, 4, &fd, 4);
	CHECK(feed(100) != NULL);
}

int main(void)
{
	RUN(good);
	RUN(bad);
	return test_done();
}
