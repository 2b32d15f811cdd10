/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Time.  The TSC, scaled by pvclock's factors under KVM or by a calibration
 * (CPUID 0x15/0x16, else against the LAPIC timer).  Monotonic across CPUs.
 */
#include <lib/util.h>
#include <stdatomic.h>

uint64_t clock_mono_ns(void); /* since kernel entry; any context */
/* CLOCK_REALTIME = clock_mono_ns() + this; settable (settimeofday). */
int64_t clock_wall_offset_ns(void);
void clock_set_wall_offset_ns(int64_t offset);

/* ns = ((tsc - base_tsc) * mult >> shift) + base_ns, pure, for vDSO and tests.  The
 * vDSO reads these from a shared page under a sequence count. */
struct clock_params {
	_Atomic uint32_t seq; /* odd while changing */
	uint32_t shift;
	uint64_t mult;
	uint64_t base_tsc;
	uint64_t base_ns;
	_Atomic int64_t wall_offset_ns;
};
/* The live parameters, on a page of their own that the vDSO maps read-only. */
extern struct clock_params clock_page;

/* Boot CPU, after apic_init(): a first rate.  Where nobody tells the TSC's frequency it
 * starts a measurement, which clock_calibrate() ends some 1.5 ms later: call that last,
 * when other work has used the time (before it clock_mono_ns() may be 1 % off).  A timer
 * that the boot CPU arms before that fires after it. */
void clock_init(void);
void clock_calibrate(void);
/* A better rate, ns = ticks * mult >> shift (drivers/pvclock.c).  0, or -1 when it makes
 * no sense. */
MUST_USE int clock_set_factors(uint64_t mult, unsigned shift);

/* Arms this CPU's one-shot timer for an absolute clock_mono_ns(); a time in the
 * past fires at once.  UINT64_MAX stops it.  Interrupts off. */
void clock_arm(uint64_t deadline_ns);
