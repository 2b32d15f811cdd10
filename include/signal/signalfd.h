/* SPDX-License-Identifier: MIT */
#pragma once
/* signalfd(2): reading takes signals of a set off the reader's queues. */
#include <linux/signal.h>

/* fd -1: a new descriptor; else changes the set of that one.  Descriptor or -errno. */
long signalfd_set(int fd, uint64_t mask, int flags);
