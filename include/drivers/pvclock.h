/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/msr.rst): a page that KVM
 * fills with the factors from TSC to nanoseconds.  We take the factors and the wall clock
 * once; from then on the TSC alone tells the time, which is what the flag "stable" allows.
 */
#include <lib/util.h>

struct pvclock_time {
	uint32_t version; /* odd while it changes */
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time; /* ns at tsc_timestamp */
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
	uint8_t pad[2];
} PACKED;
_Static_assert(sizeof(struct pvclock_time) == 32, "pvclock ABI");
#define PVCLOCK_STABLE 1

struct pvclock_wall {
	uint32_t version, sec, nsec;
} PACKED;

/* ns at `tsc` by factors that were read whole.  Pure. */
uint64_t pvclock_ns(const struct pvclock_time *t, uint64_t tsc);

/* True when KVM offers it and rate and wall clock are set from it. */
bool pvclock_init(void);
