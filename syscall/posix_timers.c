/* SPDX-License-Identifier: MIT */
/* Sleeping, POSIX timers, interval timers, timerfds. */
#include <syscall/syscalls.h>

#include <linux/errno.h>
#include <mm/usercopy.h>
#include <time/posix_timers_api.h>

long sys_nanosleep(user_ptr req, user_ptr rem)
{
	struct timespec64 ts;
	int err = copy_from_user(&ts, req, sizeof(ts));

	return err ? err : clock_sleep(CLOCK_MONOTONIC, false, &ts, rem);
}

long sys_clock_nanosleep(int clock, int flags, user_ptr req, user_ptr rem)
{
	struct timespec64 ts, unused;
	int err;

	switch (clock) {
	case CLOCK_THREAD_CPUTIME_ID:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
	default: err = clock_read(clock, &unused);
	}
	if (!err) {
		err = copy_from_user(&ts, req, sizeof(ts));
	}
	return err ? err : clock_sleep(clock, flags & TIMER_ABSTIME, &ts, rem);
}

/* --- POSIX timers --- */

long sys_timer_create(int clock, user_ptr uevent, user_ptr uid)
{
	struct linux_sigevent event;
	bool given = !user_ptr_is_null(uevent);
	int err = 0, id;

	if (given) {
		err = copy_from_user(&event, uevent, sizeof(event));
	}
	if (!err) {
		err = posix_timer_create(clock, given ? &event : NULL, &id);
	}
	if (err) {
		return err;
	}
	err = put_user_u32(uid, (uint32_t)id);
	if (err && posix_timer_delete(id)) {
		return -EFAULT;
	}
	return err;
}

long sys_timer_settime(int id, int flags, user_ptr uvalue, user_ptr uold)
{
	struct linux_itimerspec s, old;
	int err;

	if (user_ptr_is_null(uvalue)) {
		return -EINVAL;
	}
	err = copy_from_user(&s, uvalue, sizeof(s));
	if (!err) {
		err = posix_timer_set(id, flags, &s, &old);
	}
	if (!err && !user_ptr_is_null(uold)) {
		err = copy_to_user(uold, &old, sizeof(old));
	}
	return err;
}

long sys_timer_gettime(int id, user_ptr value)
{
	struct linux_itimerspec s;
	int err = posix_timer_get(id, &s);

	return err ? err : copy_to_user(value, &s, sizeof(s));
}

long sys_timer_getoverrun(int id)
{
	return posix_timer_overrun(id);
}

long sys_timer_delete(int id)
{
	return posix_timer_delete(id);
}

/* --- setitimer, alarm --- */

static bool timeval_to_ns(const struct linux_timeval *tv, uint64_t *ns)
{
	struct timespec64 ts;

	if (tv->sec < 0 || tv->usec < 0 || tv->usec >= 1000000) {
		return false;
	}
	ts = (struct timespec64){ tv->sec, tv->usec * 1000 };
	*ns = timespec_to_ns(&ts);
	return true;
}

static long get_itimer(int which, user_ptr to)
{
	struct linux_itimerval v;
	uint64_t left, interval;
	int err = itimer_get(which, &left, &interval);

	if (err) {
		return err;
	}
	v = (struct linux_itimerval){ ns_to_timeval(interval), ns_to_timeval(left) };
	return copy_to_user(to, &v, sizeof(v));
}

long sys_getitimer(int which, user_ptr value)
{
	return get_itimer(which, value);
}

long sys_setitimer(int which, user_ptr uvalue, user_ptr uold)
{
	struct linux_itimerval v = { 0 }, old;
	uint64_t left = 0, interval = 0, old_left, old_interval;
	int err = 0;

	if (!user_ptr_is_null(uvalue)) {
		err = copy_from_user(&v, uvalue, sizeof(v));
	}
	if (!err && (!timeval_to_ns(&v.value, &left) || !timeval_to_ns(&v.interval, &interval))) {
		err = -EINVAL;
	}
	if (!err) {
		err = itimer_get(which, &old_left, &old_interval);
	}
	if (!err) {
		err = itimer_set(which, left, interval);
	}
	if (err || user_ptr_is_null(uold)) {
		return err;
	}
	old = (struct linux_itimerval){ ns_to_timeval(old_interval), ns_to_timeval(old_left) };
	return copy_to_user(uold, &old, sizeof(old));
}

long sys_alarm(unsigned seconds)
{
	uint64_t left, interval, s;
	int err = itimer_get(ITIMER_REAL, &left, &interval);

	if (!err) {
		err = itimer_set(ITIMER_REAL, seconds * NSEC_PER_SEC, 0);
	}
	if (err) {
		return err;
	}
	/* Rounded, but what is left is never called nothing. */
	s = (left + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
	return left && !s ? 1 : (long)s;
}

/* --- timerfd --- */

long sys_timerfd_create(int clock, int flags)
{
	return timerfd_create_fd(clock, flags);
}

long sys_timerfd_settime(int fd, int flags, user_ptr uvalue, user_ptr uold)
{
	struct linux_itimerspec s, old;
	int err = copy_from_user(&s, uvalue, sizeof(s));

	if (!err) {
		err = timerfd_set(fd, flags, &s, &old);
	}
	if (!err && !user_ptr_is_null(uold)) {
		err = copy_to_user(uold, &old, sizeof(old));
	}
	return err;
}

long sys_timerfd_gettime(int fd, user_ptr value)
{
	struct linux_itimerspec s;
	int err = timerfd_get(fd, &s);

	return err ? err : copy_to_user(value, &s, sizeof(s));
}
