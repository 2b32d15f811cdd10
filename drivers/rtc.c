/* SPDX-License-Identifier: MIT */
/* The CMOS clock, read once on the boot CPU: the wall clock's start where pvclock gives none. */
#include <drivers/rtc.h>

enum {
	SECOND = 0x00,
	MINUTE = 0x02,
	HOUR = 0x04,
	DAY = 0x07,
	MONTH = 0x08,
	YEAR = 0x09,
	STATUS_A = 0x0a,
	STATUS_B = 0x0b,
	CENTURY = 0x32,
};
#define B_24_HOURS 0x02
#define B_BINARY 0x04
#define HOUR_PM 0x80

static int digits(uint8_t v, bool binary)
{
	if (binary) {
		return v;
	}
	return (v & 15) > 9 || v >> 4 > 9 ? -1 : (v >> 4) * 10 + (v & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, March being month 0. */
static int64_t days_of(int64_t y, int m, int d)
{
	m -= 3;
	if (m < 0) {
		m += 12;
		y--;
	}
	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + d - 1 - 719468;
}

bool rtc_to_unix(const struct rtc_regs *r, int64_t *seconds)
{
	bool binary = r->status_b & B_BINARY;
	bool pm = !(r->status_b & B_24_HOURS) && (r->hour & HOUR_PM);
	int s = digits(r->second, binary), min = digits(r->minute, binary);
	int h = digits(r->status_b & B_24_HOURS ? r->hour : r->hour & ~HOUR_PM, binary);
	int d = digits(r->day, binary), m = digits(r->month, binary);
	int y = digits(r->year, binary), c = digits(r->century, binary);

	if (!(r->status_b & B_24_HOURS)) {
		if (h < 1 || h > 12) {
			return false;
		}
		h = h % 12 + (pm ? 12 : 0);
	}
	if (s < 0 || s > 60 || min < 0 || min > 59 || h < 0 || h > 23 || d < 1 || d > 31 || m < 1 ||
	    m > 12 || y < 0 || y > 99) {
		return false;
	}
	if (c < 19 || c > 99) {
		c = y >= 70 ? 19 : 20;
	}
	*seconds = days_of(c * 100 + y, m, d) * 86400 + h * 3600 + min * 60 + s;
	return true;
}

#ifndef CORRIDA_HOST_TEST
#include <arch/clock.h>
#include <arch/port.h>
#include <debug/log.h>
#include <lib/string.h>

static uint8_t cmos(uint8_t reg)
{
	port_out8(0x70, 0x80 | reg);
	return port_in8(0x71);
}

static void read_regs(struct rtc_regs *r)
{
	r->second = cmos(SECOND);
	r->minute = cmos(MINUTE);
	r->hour = cmos(HOUR);
	r->day = cmos(DAY);
	r->month = cmos(MONTH);
	r->year = cmos(YEAR);
	r->century = cmos(CENTURY);
	r->status_b = cmos(STATUS_B);
}

void rtc_init(void)
{
	struct rtc_regs a, b;
	int64_t seconds;

	/* An update between the reads shows as a difference; the update flag is not waited
	 * for, as a second one follows only a second later. */
	read_regs(&a);
	for (int i = 0; i < 4; i++) {
		read_regs(&b);
		if (memcmp(&a, &b, sizeof(a)) == 0) {
			break;
		}
		a = b;
	}
	if (!rtc_to_unix(&a, &seconds)) {
		log_warn("rtc: no clock, wall time starts at 1970");
		return;
	}
	clock_set_wall_offset_ns(seconds * (int64_t)NSEC_PER_SEC - (int64_t)clock_mono_ns());
}
#endif
