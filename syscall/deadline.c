/* SPDX-License-Identifier: MIT */
/* The one place where timeouts of programs become deadlines. */
#include <syscall/deadline.h>

#include <arch/clock.h>
#include <linux/errno.h>
#include <linux/time.h>
#include <mm/usercopy.h>
#include <sync/waitq.h>
#include <time/posix_timers.h>

int timespec_from_user(user_ptr user, struct timespec64 *ts)
{
	int err = copy_from_user(ts, user, sizeof(*ts));

	if (!err && !timespec_valid(ts)) {
		err = -EINVAL;
	}
	return err;
}

static uint64_t deadline_after(const struct timespec64 *ts)
{
	return ts->sec || ts->nsec ? clock_deadline(CLOCK_MONOTONIC, ts, false) : 0;
}

int deadline_after_timespec(user_ptr user, uint64_t *deadline)
{
	struct timespec64 ts;
	int err;

	*deadline = DEADLINE_NONE;
	if (user_ptr_is_null(user)) {
		return 0;
	}
	err = timespec_from_user(user, &ts);
	if (!err) {
		*deadline = deadline_after(&ts);
	}
	return err;
}

int deadline_after_timeval(user_ptr user, uint64_t *deadline)
{
	struct linux_timeval tv;
	struct timespec64 ts;

	*deadline = DEADLINE_NONE;
	if (user_ptr_is_null(user)) {
		return 0;
	}
	if (copy_from_user(&tv, user, sizeof(tv))) {
		return -EFAULT;
	}
	if (tv.sec < 0 || tv.usec < 0) {
		return -EINVAL;
	}
	ts.sec = MIN(tv.sec, INT64_MAX / 2) + tv.usec / 1000000;
	ts.nsec = tv.usec % 1000000 * 1000;
	*deadline = deadline_after(&ts);
	return 0;
}

int deadline_at_timespec(user_ptr user, int clock, uint64_t *deadline)
{
	struct timespec64 ts;
	int err;

	*deadline = DEADLINE_NONE;
	if (user_ptr_is_null(user)) {
		return 0;
	}
	err = timespec_from_user(user, &ts);
	if (!err) {
		*deadline = clock_deadline(clock, &ts, true);
	}
	return err;
}

uint64_t deadline_after_ms(int ms)
{
	if (ms < 0) {
		return DEADLINE_NONE;
	}
	return ms ? clock_mono_ns() + (uint64_t)ms * NSEC_PER_MSEC : 0;
}

uint64_t deadline_left(uint64_t deadline)
{
	uint64_t now = clock_mono_ns();

	return deadline > now ? deadline - now : 0;
}
