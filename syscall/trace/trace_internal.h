/* SPDX-License-Identifier: MIT */
#pragma once
/* Private to the trace: text that is cut when it does not fit, and names of numbers. */
#include <lib/util.h>

struct trace_text {
	char *buf; /* always NUL-terminated */
	size_t len, cap;
};
void trace_print(struct trace_text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Bytes as a C string literal, with "..." when `more` follow. */
void trace_quote(struct trace_text *t, const char *bytes, size_t n, bool more);

/* How an argument is shown: third column of syscall/args.def. */
enum trace_show {
	SHOW_NOTHING,
	/* numbers */
	SHOW_DEC,
	SHOW_UDEC,
	SHOW_LDEC,
	SHOW_LUDEC,
	SHOW_HEX,
	SHOW_LHEX,
	SHOW_OCT,
	SHOW_DIRFD,
	/* numbers with names */
	SHOW_OFLAGS,
	SHOW_ATFLAGS,
	SHOW_AMODE,
	SHOW_PROT,
	SHOW_MAPFLAGS,
	SHOW_CLONE,
	SHOW_WAITFLAGS,
	SHOW_WHENCE,
	SHOW_SIGNO,
	SHOW_SIGHOW,
	SHOW_CLOCK,
	SHOW_FUTEXOP,
	SHOW_ADVICE,
	SHOW_RESOURCE,
	SHOW_FCNTL,
	SHOW_IOCTL,
	SHOW_EPOLLOP,
	SHOW_DOMAIN,
	SHOW_ARCHOP,
	/* pointers, read before the call */
	SHOW_PTR,
	SHOW_STRING,
	SHOW_STRINGS,
	SHOW_INBUF,
	SHOW_INIOV,
	SHOW_TIMESPEC,
	SHOW_SIGSET,
	SHOW_POLLFDS,
	/* pointers, read after it */
	SHOW_OUTBUF,
	SHOW_OUTSTR,
	SHOW_OUTIOV,
	SHOW_OUTTIMESPEC,
	SHOW_OUTINT,
	SHOW_OUTPAIR,
	SHOW_OUTSTAT,
};
static inline bool trace_shown_after(enum trace_show s)
{
	return s >= SHOW_OUTBUF;
}

/* Prints a number that has a name; false when s is not of that sort.  Pure. */
bool trace_show_symbol(struct trace_text *t, enum trace_show s, uint64_t value);
/* Prints an argument (of a call with these six registers); result: of the call, for what is
 * shown after it. */
void trace_show_arg(struct trace_text *t, enum trace_show s, const uint64_t arg[6], unsigned i,
		    long result);
