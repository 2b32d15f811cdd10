/* SPDX-License-Identifier: MIT */
#pragma once
/* adjtimex(2), gettimeofday(2). */
#include <stdint.h>

#define ADJ_OFFSET_SS_READ 0xa001u
#define STA_UNSYNC 0x0040
#define STA_NANO 0x2000
#define TIME_ERROR 5

struct linux_timezone {
	int32_t minuteswest, dsttime;
};
struct linux_timex {
	uint32_t modes, pad0;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad1;
	int64_t constant, precision, tolerance;
	int64_t time_sec, time_usec;
	int64_t tick, ppsfreq, jitter;
	int32_t shift, pad2;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai;
	int32_t unused[11];
};
_Static_assert(sizeof(struct linux_timex) == 208, "struct timex");
