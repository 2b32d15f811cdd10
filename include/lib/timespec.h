/* SPDX-License-Identifier: MIT */
#pragma once
/* Seconds and nanoseconds, as programs give and see them. */
#include <stdint.h>

struct timespec64 {
	int64_t sec;
	int64_t nsec; /* 0..999999999 */
};
