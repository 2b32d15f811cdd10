/* SPDX-License-Identifier: MIT */
/* Reading and setting clocks; sleeping and timers are in syscall/posix_timers.c. */
#include <syscall/deadline.h>
#include <syscall/syscalls.h>

#include <fs/cred.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/timex.h>
#include <mm/usercopy.h>
#include <time/posix_timers.h>

/* The kernel's clocks count 64-bit nanoseconds; as on Linux, what is set must leave room
 * for 30 years of uptime. */
#define WALL_SEC_MAX (INT64_MAX / (int64_t)NSEC_PER_SEC - 30 * 365 * 24 * 3600ll)
static int set_wall_clock(const struct timespec64 *ts)
{
	if (ts->sec < 0 || ts->sec >= WALL_SEC_MAX) {
		return -EINVAL;
	}
	if (!cred_capable(CAP_SYS_TIME)) {
		return -EPERM;
	}
	clock_set_realtime(ts->sec * (int64_t)NSEC_PER_SEC + ts->nsec);
	return 0;
}

long sys_time(user_ptr t)
{
	struct timespec64 now;
	int err = clock_read(CLOCK_REALTIME, &now);

	if (!err && !user_ptr_is_null(t)) {
		err = put_user_u64(t, (uint64_t)now.sec);
	}
	return err ? err : now.sec;
}

long sys_gettimeofday(user_ptr tv, user_ptr tz)
{
	static const struct linux_timezone utc;
	struct timespec64 now;
	struct linux_timeval v;
	int err = 0;

	if (!user_ptr_is_null(tv)) {
		err = clock_read(CLOCK_REALTIME, &now);
		v = (struct linux_timeval){ now.sec, now.nsec / 1000 };
		if (!err) {
			err = copy_to_user(tv, &v, sizeof(v));
		}
	}
	if (!err && !user_ptr_is_null(tz)) {
		err = copy_to_user(tz, &utc, sizeof(utc));
	}
	return err;
}

long sys_settimeofday(user_ptr tv, user_ptr tz)
{
	struct linux_timezone zone;
	struct linux_timeval v;
	struct timespec64 ts;
	int err = 0;

	if (!user_ptr_is_null(tv)) {
		err = copy_from_user(&v, tv, sizeof(v));
		if (!err && (v.usec < 0 || v.usec >= 1000000)) {
			err = -EINVAL;
		}
	}
	if (!err && !user_ptr_is_null(tz)) {
		err = copy_from_user(&zone, tz, sizeof(zone));
		if (!err && (zone.minuteswest > 15 * 60 || zone.minuteswest < -15 * 60)) {
			err = -EINVAL;
		}
		if (!err && !cred_capable(CAP_SYS_TIME)) {
			err = -EPERM;
		}
	}
	if (err || user_ptr_is_null(tv)) {
		return err;
	}
	ts = (struct timespec64){ v.sec, v.usec * 1000 };
	return set_wall_clock(&ts);
}

long sys_clock_gettime(int clock, user_ptr ts)
{
	struct timespec64 now;
	int err = clock_read(clock, &now);

	return err ? err : copy_to_user(ts, &now, sizeof(now));
}

long sys_clock_getres(int clock, user_ptr ts)
{
	struct timespec64 res;
	int err = clock_resolution(clock, &res);

	if (!err && !user_ptr_is_null(ts)) {
		err = copy_to_user(ts, &res, sizeof(res));
	}
	return err;
}

long sys_clock_settime(int clock, user_ptr uts)
{
	struct timespec64 ts, unused;
	int err;

	/* The clocks that can't be set are either unknown or say so by the same error. */
	if (clock != CLOCK_REALTIME) {
		err = clock_read(clock, &unused);
		if (!err) {
			err = clock < 0 ? -EPERM : -EINVAL;
		}
		return err;
	}
	err = timespec_from_user(uts, &ts);
	return err ? err : set_wall_clock(&ts);
}

/* adjtimex(2): the state of a clock that nobody disciplines in here. */
static long adjust(int clock, user_ptr buf)
{
	struct linux_timex tx;
	struct timespec64 now;
	uint32_t modes;
	int err = copy_from_user(&tx, buf, sizeof(tx));

	if (err) {
		return err;
	}
	modes = tx.modes;
	if (modes == ADJ_OFFSET_SS_READ) {
		modes = 0; /* adjtime(3) asks what is left to adjust: nothing */
	}
	if (modes) {
		return cred_capable(CAP_SYS_TIME) ? -EOPNOTSUPP : -EPERM;
	}
	err = clock_read(clock, &now);
	if (err) {
		return err;
	}
	tx = (struct linux_timex){
		.modes = tx.modes,
		.status = STA_UNSYNC | STA_NANO,
		.maxerror = 16000000,
		.esterror = 16000000,
		.constant = 2,
		.precision = 1,
		.tolerance = 32768000,
		.tick = 1000000 / USER_HZ,
		.time_sec = now.sec,
		.time_usec = now.nsec,
	};
	err = copy_to_user(buf, &tx, sizeof(tx));
	return err ? err : TIME_ERROR;
}

long sys_adjtimex(user_ptr buf)
{
	return adjust(CLOCK_REALTIME, buf);
}

long sys_clock_adjtime(int clock, user_ptr buf)
{
	struct timespec64 unused;
	int err;

	if (clock == CLOCK_REALTIME) {
		return adjust(clock, buf);
	}
	err = clock_read(clock, &unused);
	return err ? err : -EOPNOTSUPP;
}
