/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * epoll: a set of files whose wake functions put them on a ready list.
 *
 * An item hangs in its epoll's tree (by file and descriptor), in its file's list, and with
 * one entry in each wait queue that the file's poll op named.  A wake queues the item; epoll_wait
 * takes items off one at a time and asks each file what is true now, so that a stale wake
 * costs a look and a fresh one is never lost.
 *
 * An epoll inside an epoll is linked straight to its parents (no wait queue between), so
 * that a wake climbs without nesting locks of one rank; loops and depth over 4 give ELOOP, too
 * many ways from a file to those who wait EINVAL.
 *
 * Locks: epoll_gate (mutex, outermost): tear-down of files and epolls, nesting.  ep->mutex: tree,
 * harvest.  nest lock (irq): links from epolls to their parents.  ep->ready_lock (irq).
 */
#include <lib/util.h>

#include <linux/epoll.h>

struct file;

MUST_USE int epoll_create_file(struct file **out);
/* What epoll_ctl(2) does; event NULL for DEL. */
MUST_USE int epoll_control(struct file *ep_file, int op, int fd, struct file *target,
			   const struct linux_epoll_event *event);
/* Fills events (kernel memory): count, 0 at the deadline (0 = do not wait), -EINTR. */
long epoll_wait_events(struct file *ep_file, struct linux_epoll_event *events, unsigned max,
		       uint64_t deadline);
uint64_t epoll_max_watches(void); /* items that a user may have: 4 % of the memory */
bool file_is_epoll(const struct file *f);
