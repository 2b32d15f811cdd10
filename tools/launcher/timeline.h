/* SPDX-License-Identifier: MIT */
#pragma once
/* When the steps of a run happened, for --timing. */
#include <stdint.h>

#define NSEC_PER_SEC 1000000000ull

enum timeline_step {
	TIME_BEGIN,   /* main() of the launcher */
	TIME_FORKED,  /* QEMU and virtiofsd are processes */
	TIME_STARTED, /* CTL_STARTED arrived */
	TIME_EXITED,  /* CTL_EXIT arrived */
	TIME_END,     /* both helpers are reaped */
	N_TIMELINE_STEPS,
};

struct timeline {
	uint64_t at[N_TIMELINE_STEPS]; /* 0 = has not happened */
	uint64_t boot_ns;	       /* by the guest's clock: kernel entry to program */
};

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t timeline_now(void);
void timeline_mark(struct timeline *t, enum timeline_step step);
void timeline_print(const struct timeline *t);
