/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lib/launch.h>

#include "outbox.h"
#include "printable.h"

static pthread_mutex_t stderr_lock = PTHREAD_MUTEX_INITIALIZER;
static bool at_line_start = true; /* under stderr_lock */
/* Not under it: whoever puts the terminal back must not wait for one that takes nothing. */
static _Atomic bool raw_terminal;

int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			(void)poll(&pfd, 1, -1);
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

void report_set_raw(bool raw)
{
	atomic_store(&raw_terminal, raw);
}

/* A failed write to stderr has nowhere to be reported: ignored.  Whatever the line is made of,
 * a terminal can be shown it. */
static void put_line_locked(const char *prefix, const char *line, size_t len)
{
	const bool raw = atomic_load(&raw_terminal);
	char buf[4096];
	size_t n = 0;

	if (!at_line_start) {
		if (raw) {
			buf[n++] = '\r';
		}
		buf[n++] = '\n';
	}
	n += (size_t)snprintf(buf + n, 64, "%s", prefix);
	while (len > 0) {
		size_t shown, taken = printable_next(line, len, &shown);

		/* the longest character and the line's end */
		if (n > sizeof(buf) - 6) {
			(void)write_all(2, buf, n);
			n = 0;
		}
		if (shown) {
			memcpy(buf + n, line, shown);
			n += shown;
		} else {
			buf[n++] = '?';
		}
		line += taken;
		len -= taken;
	}
	if (raw) {
		buf[n++] = '\r';
	}
	buf[n++] = '\n';
	(void)write_all(2, buf, n);
	at_line_start = true;
}

void report_line(const char *prefix, const char *line, size_t len)
{
	pthread_mutex_lock(&stderr_lock);
	put_line_locked(prefix, line, len);
	pthread_mutex_unlock(&stderr_lock);
}

/* Now, or when its turn comes. */
static void put_line(const char *prefix, const char *line, size_t len)
{
	if (!outbox_put(prefix, line, len)) {
		report_line(prefix, line, len);
	}
}

static size_t format_line(char *line, size_t room, const char *fmt, va_list ap)
{
	int n = vsnprintf(line, room, fmt, ap);

	if (n < 0) {
		return 0;
	}
	return (size_t)n < room ? (size_t)n : room - 1;
}

void report(const char *fmt, ...)
{
	char line[8192];
	va_list ap;

	va_start(ap, fmt);
	put_line("corrida: ", line, format_line(line, sizeof(line), fmt, ap));
	va_end(ap);
}

void fail(const char *fmt, ...)
{
	char line[8192];
	va_list ap;

	/* There is no time for it to wait for its turn. */
	va_start(ap, fmt);
	report_line("corrida: ", line, format_line(line, sizeof(line), fmt, ap));
	va_end(ap);
	exit(LAUNCH_STATUS_FAULT);
}

void report_text(const char *prefix, const char *text, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len;

		put_line(prefix, text, n);
		text += n;
		len -= n;
		if (newline) {
			text++;
			len--;
		}
	}
}

void report_name_to(FILE *f, const char *name)
{
	for (size_t n; *name; name += n) {
		n = strcspn(name, "\n");
		report_text_to(f, name, n);
		if (name[n]) {
			fputc('?', f);
			n++;
		}
	}
}

void report_text_to(FILE *f, const char *text, size_t len)
{
	while (len > 0) {
		size_t shown, taken = printable_next(text, len, &shown);

		if (*text == '\n') {
			fputc('\n', f);
		} else if (shown) {
			(void)fwrite(text, 1, shown, f);
		} else {
			fputc('?', f);
		}
		text += taken;
		len -= taken;
	}
}

int report_passthrough(const char *data, size_t len)
{
	int err;

	if (len == 0) {
		return 0;
	}
	pthread_mutex_lock(&stderr_lock);
	err = write_all(2, data, len);
	at_line_start = data[len - 1] == '\n';
	pthread_mutex_unlock(&stderr_lock);
	return err;
}
