/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lib/launch.h>

static pthread_mutex_t stderr_lock = PTHREAD_MUTEX_INITIALIZER;
static bool raw_terminal;	  /* under stderr_lock */
static bool at_line_start = true; /* under stderr_lock */

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
	pthread_mutex_lock(&stderr_lock);
	raw_terminal = raw;
	pthread_mutex_unlock(&stderr_lock);
}

/* A failed write to stderr has nowhere to be reported: ignored. */
static void put_line_locked(const char *prefix, const char *line, size_t len)
{
	char buf[4096];
	size_t n = 0, room;

	if (!at_line_start) {
		if (raw_terminal) {
			buf[n++] = '\r';
		}
		buf[n++] = '\n';
	}
	n += (size_t)snprintf(buf + n, 64, "%s", prefix);
	room = sizeof(buf) - 2 - n;
	while (len > room) {
		memcpy(buf + n, line, room);
		(void)write_all(2, buf, n + room);
		line += room;
		len -= room;
		n = 0;
		room = sizeof(buf) - 2;
	}
	memcpy(buf + n, line, len);
	n += len;
	if (raw_terminal) {
		buf[n++] = '\r';
	}
	buf[n++] = '\n';
	(void)write_all(2, buf, n);
	at_line_start = true;
}

static void report_va(const char *fmt, va_list ap)
{
	char line[8192];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n < 0) {
		return;
	}
	if ((size_t)n >= sizeof(line)) {
		n = sizeof(line) - 1;
	}
	pthread_mutex_lock(&stderr_lock);
	put_line_locked("corrida: ", line, (size_t)n);
	pthread_mutex_unlock(&stderr_lock);
}

void report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_va(fmt, ap);
	va_end(ap);
}

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_va(fmt, ap);
	va_end(ap);
	exit(LAUNCH_STATUS_FAULT);
}

void report_text(const char *prefix, const char *text, size_t len)
{
	char line[1024];
	size_t n = 0;

	pthread_mutex_lock(&stderr_lock);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n') {
			put_line_locked(prefix, line, n);
			n = 0;
			continue;
		}
		if (n == sizeof(line)) {
			put_line_locked(prefix, line, n);
			n = 0;
		}
		line[n++] = (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c;
	}
	if (n > 0) {
		put_line_locked(prefix, line, n);
	}
	pthread_mutex_unlock(&stderr_lock);
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
