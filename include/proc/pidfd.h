/* SPDX-License-Identifier: MIT */
#pragma once
/* pidfd_open(2): a descriptor that refers to a process (or thread) and becomes readable when
 * it has ended. */
#include <lib/util.h>

struct file;
struct pid;

MUST_USE int pidfd_create(struct pid *pid, int flags, bool thread, struct file **out);
/* The counted pid behind a pidfd: -EBADF when f is something else. */
MUST_USE int pidfd_get_pid(struct file *f, struct pid **out);
