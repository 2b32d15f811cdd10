/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "streams.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "report.h"
#include "terminal.h"

#define CHUNK (128 * 1024)

static void post(struct streams *s, unsigned event)
{
	uint64_t one = 1;

	atomic_fetch_or(&s->events, event);
	(void)write(s->wakeup, &one, sizeof(one));
}

unsigned streams_take_events(struct streams *s)
{
	uint64_t n;

	(void)read(s->wakeup, &n, sizeof(n));
	return atomic_exchange(&s->events, 0);
}

/* Reads the user's stdin, whatever its state: > 0, 0 at the end of the file or
 * on an error, which for a program is the end too. */
static ssize_t read_stdin(char *buf, size_t len)
{
	const struct timespec pause = { .tv_nsec = 200 * 1000 * 1000 };

	for (;;) {
		ssize_t n = read(0, buf, len);

		if (n >= 0) {
			return n;
		}
		if (errno == EAGAIN) {
			struct pollfd pfd = { .fd = 0, .events = POLLIN };

			(void)poll(&pfd, 1, -1);
		} else if (errno == EIO && terminal_in_background()) {
			/* SIGTTIN is blocked in this thread, so a job in the background waits
			 * here for its turn at the terminal instead of being stopped. */
			(void)nanosleep(&pause, NULL);
		} else if (errno != EINTR) {
			return 0;
		}
	}
}

static void *copy_stdin(void *cookie)
{
	static char buf[CHUNK];
	struct streams *s = cookie;
	bool open = true;

	while (open) {
		ssize_t n = read_stdin(buf, sizeof(buf));

		for (ssize_t at = 0; at < n;) {
			ssize_t k = send(s->stdio, buf + at, (size_t)(n - at), MSG_NOSIGNAL);

			if (k < 0 && errno != EINTR) {
				return NULL; /* the VM is gone */
			}
			at += k > 0 ? k : 0;
		}
		atomic_fetch_add(&s->stdin_bytes, (uint64_t)n);
		open = n > 0;
	}
	post(s, STREAM_STDIN_EOF);
	return NULL;
}

/* True when the rest can only be dropped.  A reader that left wanted no more. */
static bool deliver(struct streams *s, int fd, const char *buf, size_t len)
{
	int err = fd == 2 ? report_passthrough(buf, len) : write_all(fd, buf, len);

	if (err && err != -EPIPE) {
		atomic_store(&s->lost, true);
		report("writing %s: %s; output is lost", fd == 2 ? "stderr" : "stdout",
		       strerror(-err));
	}
	return err != 0;
}

static void copy_out(struct streams *s, int from, int to, char *buf, unsigned closed_event)
{
	bool closed = false;

	for (;;) {
		ssize_t n = recv(from, buf, CHUNK, 0);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return;
		}
		atomic_fetch_add(&s->out_bytes, (uint64_t)n);
		if (!closed && deliver(s, to, buf, (size_t)n)) {
			closed = true;
			post(s, closed_event);
		}
	}
}

static void *copy_stdout(void *cookie)
{
	static char buf[CHUNK];
	struct streams *s = cookie;

	copy_out(s, s->stdio, 1, buf, STREAM_STDOUT_CLOSED);
	post(s, STREAM_STDOUT_DONE);
	return NULL;
}

static void *copy_stderr(void *cookie)
{
	static char buf[CHUNK];
	struct streams *s = cookie;

	copy_out(s, s->err, 2, buf, STREAM_STDERR_CLOSED);
	post(s, STREAM_STDERR_DONE);
	return NULL;
}

static void start_thread(void *(*body)(void *), struct streams *s)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	err = pthread_create(&thread, &attr, body, s);
	pthread_attr_destroy(&attr);
	if (err) {
		fail("thread: %s", strerror(err));
	}
}

void streams_start(struct streams *s, int stdio, int err)
{
	sigset_t all, before;

	s->stdio = stdio;
	s->err = err;
	s->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wakeup < 0) {
		fail("eventfd: %s", strerror(errno));
	}
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	start_thread(copy_stdin, s);
	start_thread(copy_stdout, s);
	start_thread(copy_stderr, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void streams_drain(struct streams *s)
{
	/* What is queued stays readable; then recv() returns 0. */
	(void)shutdown(s->stdio, SHUT_RD);
	(void)shutdown(s->err, SHUT_RD);
}
