/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Readiness.  A file's poll op calls poll_wait() for each wait queue that will be woken when
 * its answer changes, then returns what is ready now.  The queue's waker passes the events
 * (EPOLLIN ...) so that epoll can skip what nobody asked for.
 */
#include <sync/waitq.h>

#define POLLIN 0x1
#define POLLPRI 0x2
#define POLLOUT 0x4
#define POLLERR 0x8
#define POLLHUP 0x10
#define POLLNVAL 0x20
#define POLLRDNORM 0x40
#define POLLRDBAND 0x80
#define POLLWRNORM 0x100
#define POLLWRBAND 0x200
#define POLLRDHUP 0x2000

struct poll_table {
	/* Called once per queue; select/poll and epoll have their own. */
	void (*queue)(struct poll_table *pt, struct waitq *q);
	uint32_t events; /* wanted */
};
static inline void poll_wait(struct poll_table *pt, struct waitq *q)
{
	if (pt && pt->queue) {
		pt->queue(pt, q);
	}
}

/* Events that every poller gets, asked for or not. */
#define POLL_ALWAYS (POLLERR | POLLHUP)
/* what can be written to, of sockets other than TCP's */
#define POLL_SOCKET_OUT (POLLOUT | POLLWRNORM | POLLWRBAND)
#define POLL_DEFAULT (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

struct file;
uint32_t file_poll(struct file *f, struct poll_table *pt);

/* Waiting for one of several queues; the entries live in the poller (on the stack) as long as
 * they are few.
 *     poller_init(&p);
 *     for (;;) { scan all files with &p.pt (first pass) or NULL; if (ready) break;
 *                err = poller_wait(&p, deadline); if (err) break; }
 *     poller_end(&p);
 */
#define POLLER_INLINE 8
struct poller_entry {
	struct waitq_entry wait;
	struct poller *poller;
	uint32_t events;
};
struct poller_chunk {
	struct poller_chunk *next;
	unsigned used;
	struct poller_entry entries[56];
};
struct poller {
	struct poll_table pt;
	_Atomic bool triggered;
	bool no_memory;
	unsigned used;
	struct poller_chunk *chunks;
	struct poller_entry entries[POLLER_INLINE];
};
void poller_init(struct poller *p);
/* 0: look again; -ERESTARTSYS; -ETIMEDOUT; -ENOMEM. */
MUST_USE int poller_wait(struct poller *p, uint64_t deadline);
void poller_end(struct poller *p);

/* poll(2) over n pollfds in kernel memory: number of ready ones, 0 at the deadline, -errno. */
struct linux_pollfd {
	int32_t fd;
	int16_t events, revents;
};
long fs_poll(struct linux_pollfd *fds, unsigned n, uint64_t deadline);
/* select(2): bit sets of nfds bits; in and out.  Counts set bits. */
long fs_select(int nfds, uint64_t *in, uint64_t *out, uint64_t *except, uint64_t deadline);
