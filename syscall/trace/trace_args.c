/* SPDX-License-Identifier: MIT */
/*
 * Arguments that point into the program's memory, for --strace.  What can't be read is shown as an
 * address.  The memory may change meanwhile: each thing is copied once and shown from the copy.
 */
#include "trace_internal.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <lib/string.h>
#include <mm/uio.h>
#include <mm/usercopy.h>

#define SHOWN_BYTES 32
#define SHOWN_PATH 128
#define SHOWN_STRINGS 16
#define SHOWN_SEGMENTS 3

static void show_address(struct trace_text *t, uint64_t addr)
{
	if (addr) {
		trace_print(t, "%#lx", (unsigned long)addr);
	} else {
		trace_print(t, "NULL");
	}
}

static void show_string(struct trace_text *t, uint64_t addr)
{
	char text[SHOWN_PATH + 1];
	long n;

	memset(text, 0, sizeof(text));
	n = addr ? copy_string_from_user(text, (user_ptr){ addr }, sizeof(text)) : -EFAULT;
	if (n >= 0) {
		trace_quote(t, text, (size_t)n, false);
	} else if (n == -ENAMETOOLONG) {
		trace_quote(t, text, strnlen(text, SHOWN_PATH), true);
	} else {
		show_address(t, addr);
	}
}

static void show_strings(struct trace_text *t, uint64_t addr)
{
	uint64_t s;

	if (!addr || get_user_u64(&s, (user_ptr){ addr })) {
		show_address(t, addr);
		return;
	}
	trace_print(t, "[");
	for (unsigned i = 0; s; i++) {
		if (i == SHOWN_STRINGS) {
			trace_print(t, ", ...");
			break;
		}
		if (i) {
			trace_print(t, ", ");
		}
		show_string(t, s);
		if (get_user_u64(&s, (user_ptr){ addr + (i + 1) * 8 })) {
			break;
		}
	}
	trace_print(t, "]");
}

static void show_bytes(struct trace_text *t, uint64_t addr, uint64_t n)
{
	char bytes[SHOWN_BYTES];
	size_t shown = MIN(n, (uint64_t)SHOWN_BYTES);

	if (!addr || copy_from_user(bytes, (user_ptr){ addr }, shown)) {
		show_address(t, addr);
	} else {
		trace_quote(t, bytes, shown, n > shown);
	}
}

/* limit: bytes that the segments really hold. */
static void show_segments(struct trace_text *t, uint64_t addr, uint64_t count, uint64_t limit)
{
	struct uio_seg seg;

	trace_print(t, "[");
	for (uint64_t i = 0; i < count; i++) {
		if (i == SHOWN_SEGMENTS) {
			trace_print(t, ", ...");
			break;
		}
		if (copy_from_user(&seg, (user_ptr){ addr + i * sizeof(seg) }, sizeof(seg))) {
			show_address(t, addr);
			break;
		}
		trace_print(t, "%s{", i ? ", " : "");
		show_bytes(t, seg.base, MIN(seg.len, limit));
		trace_print(t, ", %lu}", (unsigned long)seg.len);
		limit -= MIN(seg.len, limit);
	}
	trace_print(t, "]");
}

static void show_timespec(struct trace_text *t, uint64_t addr)
{
	int64_t ts[2];

	if (!addr || copy_from_user(ts, (user_ptr){ addr }, sizeof(ts))) {
		show_address(t, addr);
	} else {
		trace_print(t, "{%ld.%09ld}", (long)ts[0], (long)ts[1]);
	}
}

static bool has_most_bits(uint64_t set)
{
	unsigned missing = 0;

	for (set = ~set; set; set &= set - 1) {
		missing++;
	}
	return missing < 32;
}

static void show_sigset(struct trace_text *t, uint64_t addr)
{
	uint64_t set;
	const char *space = "";

	if (!addr || get_user_u64(&set, (user_ptr){ addr })) {
		show_address(t, addr);
		return;
	}
	if (has_most_bits(set)) {
		trace_print(t, "~");
		set = ~set;
	}
	trace_print(t, "[");
	for (unsigned sig = 1; sig <= 64; sig++) {
		if (set >> (sig - 1) & 1) {
			trace_print(t, "%s", space);
			trace_show_symbol(t, SHOW_SIGNO, sig);
			space = " ";
		}
	}
	trace_print(t, "]");
}

static void show_ints(struct trace_text *t, uint64_t addr, unsigned count)
{
	int32_t v[2];

	if (!addr || copy_from_user(v, (user_ptr){ addr }, count * sizeof(v[0]))) {
		show_address(t, addr);
	} else if (count == 1) {
		trace_print(t, "[%d]", v[0]);
	} else {
		trace_print(t, "[%d, %d]", v[0], v[1]);
	}
}

static void show_stat(struct trace_text *t, uint64_t addr)
{
	struct linux_stat st;

	if (!addr || copy_from_user(&st, (user_ptr){ addr }, sizeof(st))) {
		show_address(t, addr);
	} else {
		trace_print(t, "{st_mode=%#o, st_size=%ld, ...}", st.st_mode, (long)st.st_size);
	}
}

static void show_pollfds(struct trace_text *t, uint64_t addr, uint64_t count)
{
	struct {
		int32_t fd;
		uint16_t events, revents;
	} p;

	trace_print(t, "[");
	for (uint64_t i = 0; i < count; i++) {
		if (i == 2 * SHOWN_SEGMENTS) {
			trace_print(t, ", ...");
			break;
		}
		if (copy_from_user(&p, (user_ptr){ addr + i * sizeof(p) }, sizeof(p))) {
			show_address(t, addr);
			break;
		}
		trace_print(t, "%s{fd=%d, events=%#x}", i ? ", " : "", p.fd, p.events);
	}
	trace_print(t, "]");
}

static void show_number(struct trace_text *t, enum trace_show s, uint64_t v)
{
	switch (s) {
	case SHOW_UDEC: trace_print(t, "%u", (unsigned)v); break;
	case SHOW_LDEC: trace_print(t, "%ld", (long)v); break;
	case SHOW_LUDEC:
		/* addresses are often passed as numbers */
		trace_print(t, v > 1ull << 40 ? "%#lx" : "%lu", (unsigned long)v);
		break;
	case SHOW_HEX: trace_print(t, (uint32_t)v ? "%#x" : "%u", (unsigned)v); break;
	case SHOW_LHEX: trace_print(t, v ? "%#lx" : "%lu", (unsigned long)v); break;
	case SHOW_OCT: trace_print(t, "%#o", (unsigned)v); break;
	case SHOW_DIRFD:
		if ((int)v == AT_FDCWD) {
			trace_print(t, "AT_FDCWD");
		} else {
			trace_print(t, "%d", (int)v);
		}
		break;
	default: trace_print(t, "%d", (int)v); break;
	}
}

/* After a call that failed an output argument holds nothing. */
static bool show_output(struct trace_text *t, enum trace_show s, uint64_t v, uint64_t next,
			long result)
{
	if (!trace_shown_after(s)) {
		return false;
	}
	if (result < 0) {
		show_address(t, v);
		return true;
	}
	switch (s) {
	case SHOW_OUTBUF: show_bytes(t, v, (uint64_t)result); break;
	case SHOW_OUTSTR: show_string(t, v); break;
	case SHOW_OUTIOV: show_segments(t, v, next, (uint64_t)result); break;
	case SHOW_OUTTIMESPEC: show_timespec(t, v); break;
	case SHOW_OUTINT: show_ints(t, v, 1); break;
	case SHOW_OUTPAIR: show_ints(t, v, 2); break;
	case SHOW_OUTSTAT: show_stat(t, v); break;
	default: show_address(t, v); break;
	}
	return true;
}

void trace_show_arg(struct trace_text *t, enum trace_show s, const uint64_t arg[6], unsigned i,
		    long result)
{
	uint64_t v = arg[i], next = i + 1 < 6 ? arg[i + 1] : 0;

	if (trace_show_symbol(t, s, v) || show_output(t, s, v, next, result)) {
		return;
	}
	switch (s) {
	case SHOW_PTR: show_address(t, v); break;
	case SHOW_STRING: show_string(t, v); break;
	case SHOW_STRINGS: show_strings(t, v); break;
	case SHOW_INBUF: show_bytes(t, v, next); break;
	case SHOW_INIOV: show_segments(t, v, next, UINT64_MAX); break;
	case SHOW_TIMESPEC: show_timespec(t, v); break;
	case SHOW_SIGSET: show_sigset(t, v); break;
	case SHOW_POLLFDS: show_pollfds(t, v, next); break;
	default: show_number(t, s, v); break;
	}
}
