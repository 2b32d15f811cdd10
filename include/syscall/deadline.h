/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Timeouts of programs as deadlines: absolute times of clock_mono_ns(), DEADLINE_NONE for ever,
 * 0 for calls that don't wait at all.  Those too far away saturate.
 */
#include <lib/timespec.h>
#include <lib/util.h>
#include <mm/user_ptr.h>

/* A valid struct timespec: 0, -EFAULT, -EINVAL. */
MUST_USE int timespec_from_user(user_ptr user, struct timespec64 *ts);
/* The time from now in a struct timespec; a null pointer is for ever. */
MUST_USE int deadline_after_timespec(user_ptr user, uint64_t *deadline);
/* select(2): a struct timeval, whose microseconds may be more than a second. */
MUST_USE int deadline_after_timeval(user_ptr user, uint64_t *deadline);
/* The time on a clock in a struct timespec; a null pointer is for ever. */
MUST_USE int deadline_at_timespec(user_ptr user, int clock, uint64_t *deadline);
/* poll(2): negative is for ever. */
uint64_t deadline_after_ms(int ms);
/* Nanoseconds that are left; 0 when it has passed. */
uint64_t deadline_left(uint64_t deadline);
