/* SPDX-License-Identifier: MIT */
#pragma once
/* The MC146818 clock: where wall time comes from when pvclock does not tell. */
#include <lib/util.h>

struct rtc_regs {
	uint8_t second, minute, hour, day, month, year, century, status_b;
};
/* Seconds since 1970 from the registers (BCD or binary, 12 or 24 hours); false when they
 * make no date.  Pure. */
bool rtc_to_unix(const struct rtc_regs *r, int64_t *seconds);

/* Sets the wall clock from the RTC. */
void rtc_init(void);
