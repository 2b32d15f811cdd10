/* SPDX-License-Identifier: MIT */
#pragma once
/* signalfd(2): reading takes signals of a set off the reader's queues. */
#include <lib/util.h>

#define SFD_CLOEXEC 02000000
#define SFD_NONBLOCK 04000

/* fd -1: a new descriptor; else changes the set of that one.  Descriptor or -errno. */
long signalfd_set(int fd, uint64_t mask, int flags);
