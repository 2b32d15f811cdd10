/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * O_ASYNC: a signal to the file's owner (F_SETOWN) when I/O becomes possible.
 *
 * A file with O_ASYNC has entries in the wait queues that its poll op names, as an epoll item
 * has.  Wake functions may not send signals (they run under a wait queue's lock), so they
 * queue the file for a kernel thread, which does.
 */
#include <lib/util.h>

struct file;

/* Starts or ends it; the O_ASYNC flag is the caller's.  0, -ENOMEM, -ENOTTY: the file has no
 * poll op.  fd: what siginfo will call it. */
MUST_USE int file_set_async(struct file *f, int fd, bool on);
