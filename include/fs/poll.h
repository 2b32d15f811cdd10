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
#define POLLMSG 0x400
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
