/* SPDX-License-Identifier: MIT */
#pragma once
/* timer_create(2) and its relatives on the current process, setitimer(2), timerfd(2): called by
 * the handlers of syscall/posix_timers.c. */
#include <time/posix_timers.h>

MUST_USE int posix_timer_create(int clock, const struct linux_sigevent *event, int *id);
MUST_USE int posix_timer_delete(int id);
MUST_USE int posix_timer_get(int id, struct linux_itimerspec *out);
MUST_USE int posix_timer_set(int id, int flags, const struct linux_itimerspec *s,
			     struct linux_itimerspec *old);
MUST_USE int posix_timer_overrun(int id); /* count or -EINVAL */

struct linux_itimerval {
	struct linux_timeval interval, value;
};
/* ns; s may be NULL. */
MUST_USE int itimer_get(int which, uint64_t *left, uint64_t *interval);
MUST_USE int itimer_set(int which, uint64_t left, uint64_t interval);

long timerfd_create_fd(int clock, int flags);
MUST_USE int timerfd_set(int fd, int flags, const struct linux_itimerspec *s,
			 struct linux_itimerspec *old);
MUST_USE int timerfd_get(int fd, struct linux_itimerspec *out);
