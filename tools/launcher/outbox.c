/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "outbox.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "report.h"

/* A full box still takes all that one read from the guest can bring. */
#define FULL (256u << 10)
#define PREFIX_SIZE 31

struct entry {
	uint32_t len; /* of the text behind it */
	bool to_log;
	char prefix[PREFIX_SIZE];
};

struct letters {
	char *data;
	size_t len, room;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static struct letters waiting; /* under lock */
static bool writing;	       /* under lock */
static bool has_thread;	       /* under lock */
static bool is_open;	       /* from before there was a second thread */
static int wakeup = -1;
static FILE *log_file;

static void deliver(const struct letters *l)
{
	struct entry e;

	for (size_t at = 0; at < l->len; at += sizeof(e) + e.len) {
		const char *text = l->data + at + sizeof(e);

		memcpy(&e, l->data + at, sizeof(e));
		if (e.to_log) {
			report_text_to(log_file, text, e.len);
		} else {
			report_line(e.prefix, text, e.len);
		}
	}
	if (log_file) {
		(void)fflush(log_file);
	}
}

static void *write_letters(void *unused)
{
	struct letters mine = { 0 };
	const uint64_t one = 1;

	(void)unused;
	for (;;) {
		struct letters next;

		pthread_mutex_lock(&lock);
		writing = false;
		(void)write(wakeup, &one, sizeof(one));
		while (waiting.len == 0) {
			pthread_cond_wait(&filled, &lock);
		}
		next = waiting;
		waiting = mine;
		waiting.len = 0;
		writing = true;
		pthread_mutex_unlock(&lock);
		deliver(&next);
		mine = next;
	}
	return NULL;
}

/* With the first letter: most programs have none. */
static bool start_thread_locked(void)
{
	sigset_t all, before;
	pthread_t thread;

	if (!has_thread) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		has_thread = pthread_create(&thread, NULL, write_letters, NULL) == 0;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	return has_thread;
}

void outbox_open(FILE *log)
{
	wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wakeup < 0) {
		fail("eventfd: %s", strerror(errno));
	}
	log_file = log;
	is_open = true;
}

static bool put(const struct entry *e, const char *text)
{
	const size_t size = sizeof(*e) + e->len;
	bool fits;

	if (!is_open) {
		return false;
	}
	pthread_mutex_lock(&lock);
	fits = start_thread_locked();
	if (fits && size > waiting.room - waiting.len) {
		const size_t room = 2 * (waiting.len + size);
		char *data = realloc(waiting.data, room);

		fits = data != NULL;
		if (fits) {
			waiting.data = data;
			waiting.room = room;
		}
	}
	if (fits) {
		memcpy(waiting.data + waiting.len, e, sizeof(*e));
		memcpy(waiting.data + waiting.len + sizeof(*e), text, e->len);
		waiting.len += size;
		pthread_cond_signal(&filled);
	}
	pthread_mutex_unlock(&lock);
	return fits;
}

bool outbox_put(const char *prefix, const char *line, size_t len)
{
	struct entry e = { .len = (uint32_t)len };

	snprintf(e.prefix, sizeof(e.prefix), "%s", prefix);
	return put(&e, line);
}

void outbox_put_log(const char *text, size_t len)
{
	const struct entry e = { .len = (uint32_t)len, .to_log = true };

	(void)put(&e, text);
}

bool outbox_is_full(void)
{
	bool full;

	pthread_mutex_lock(&lock);
	full = waiting.len > FULL;
	pthread_mutex_unlock(&lock);
	return full;
}

bool outbox_is_empty(void)
{
	bool empty;

	pthread_mutex_lock(&lock);
	empty = waiting.len == 0 && !writing;
	pthread_mutex_unlock(&lock);
	return empty;
}

int outbox_wakeup(void)
{
	return wakeup;
}

void outbox_take_wakeup(void)
{
	uint64_t n;

	(void)read(wakeup, &n, sizeof(n));
}
