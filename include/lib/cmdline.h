/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The kernel command line: words separated by blanks, "double quotes" keep blanks inside a
 * word (they are dropped), `key=value` or a bare `key`.  Pure; the text is untrusted.
 */
#include <lib/util.h>

/* Takes the next word: copies it without quotes (cut at size - 1, always terminated), moves
 * *pos past it.  False at the end. */
bool cmdline_next(const char **pos, char *word, size_t size);

/* The value of the last `key=value`, or "" for a bare `key`; false when absent. */
bool cmdline_get(const char *cmdline, const char *key, char *value, size_t size);

/* `<size>@<base>:<irq>[:<id>]` as in virtio_mmio.device=512@0xfeb00e00:12; size may end in K,
 * M or G.  False unless all of it parses, size and base are sane (no wrap, base 4-aligned,
 * size >= 0x100: virtio 1.2, 4.2.2) and irq < 1024. */
struct cmdline_mmio {
	uint64_t base;
	uint64_t size;
	unsigned irq;
};
bool cmdline_parse_mmio(const char *value, struct cmdline_mmio *out);
