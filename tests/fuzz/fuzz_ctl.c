/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: kernel/host/ctl_parser.c tests/unit/shim/base.c */
/* The control channel: cut at random into pieces, the same bytes must give the same calls. */
#include "fuzz.h"
#include <host/ctl_parser.h>
#include <lib/util.h>
#include <string.h>

static uint64_t seen;

static void on_signal(uint32_t signo)
{
	CLAIM(signo >= 1 && signo <= 64);
	seen = seen * 31 + signo;
}
static void on_winsize(uint16_t rows, uint16_t cols)
{
	seen = seen * 33 + rows * 65536u + cols;
}
static void on_stdin_eof(uint64_t total)
{
	seen = seen * 37 + total;
}
static void on_out_closed(uint32_t fd)
{
	CLAIM(fd == 1 || fd == 2);
	seen = seen * 41 + fd;
}
static const struct ctl_handlers h = { on_signal, on_winsize, on_stdin_eof, on_out_closed };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t step = size ? data[0] % 23 + 1 : 1;
	struct ctl_parser p = { 0 }, q = { 0 };
	uint64_t whole;

	seen = 1;
	ctl_parser_feed(&p, data, size, &h);
	whole = seen;
	seen = 1;
	for (size_t at = 0; at < size; at += step)
		ctl_parser_feed(&q, data + at, MIN((size_t)step, size - at), &h);
	CLAIM(seen == whole);
	CLAIM(!p.error == !q.error);
	CLAIM(p.error || (p.have == q.have && p.skip == q.skip));
	return 0;
}
