/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <time.h>

#include "report.h"

uint64_t timeline_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

void timeline_mark(struct timeline *t, enum timeline_step step)
{
	t->at[step] = timeline_now();
}

void timeline_print(const struct timeline *t)
{
	static const char *const names[N_TIMELINE_STEPS] = {
		[TIME_BEGIN] = "launcher begins",  [TIME_FORKED] = "QEMU and virtiofsd forked",
		[TIME_STARTED] = "program starts", [TIME_EXITED] = "program has ended",
		[TIME_END] = "all gone",
	};
	uint64_t before = t->at[TIME_BEGIN];

	for (int i = 0; i < N_TIMELINE_STEPS; i++) {
		if (t->at[i] == 0) {
			continue;
		}
		report("timing: %9.3f ms  (+%8.3f)  %s",
		       (double)(t->at[i] - t->at[TIME_BEGIN]) / 1e6,
		       (double)(t->at[i] - before) / 1e6, names[i]);
		before = t->at[i];
	}
	if (t->boot_ns) {
		report("timing: kernel entry to program: %.3f ms by the guest's clock",
		       (double)t->boot_ns / 1e6);
	}
}
