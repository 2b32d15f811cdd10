/* SPDX-License-Identifier: MIT */
#include <drivers/pvclock.h>

uint64_t pvclock_ns(const struct pvclock_time *t, uint64_t tsc)
{
	/* Another CPU's TSC may be a little behind. */
	uint64_t delta = tsc > t->tsc_timestamp ? tsc - t->tsc_timestamp : 0;
	int shift = 32 - t->shift;

	if (shift < 0 || shift > 63) {
		return t->system_time;
	}
	return t->system_time + (uint64_t)(((unsigned __int128)delta * t->mul) >> shift);
}

#ifndef CORRIDA_HOST_TEST
#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/paging.h>
#include <debug/log.h>

#define MSR_WALL_CLOCK 0x4b564d00
#define MSR_SYSTEM_TIME 0x4b564d01

static volatile struct pvclock_time time_page ALIGNED(64);
static volatile struct pvclock_wall wall_page ALIGNED(16);

/* A whole set of factors: the version is even and the same before and after. */
static bool read_time(struct pvclock_time *t)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		uint32_t version = time_page.version;

		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		t->tsc_timestamp = time_page.tsc_timestamp;
		t->system_time = time_page.system_time;
		t->mul = time_page.mul;
		t->shift = time_page.shift;
		t->flags = time_page.flags;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (version && !(version & 1) && time_page.version == version) {
			return true;
		}
		cpu_pause();
	}
	return false;
}

static bool read_wall(uint64_t *ns)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		uint32_t version = wall_page.version;

		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		*ns = wall_page.sec * NSEC_PER_SEC + wall_page.nsec;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (version && !(version & 1) && wall_page.version == version) {
			return true;
		}
		cpu_pause();
	}
	return false;
}

bool pvclock_init(void)
{
	struct pvclock_time t;
	uint64_t wall;

	if (!cpu_has_pvclock()) {
		return false;
	}
	cpu_write_msr(MSR_SYSTEM_TIME, virt_to_phys((const void *)(uintptr_t)&time_page) | 1);
	if (!read_time(&t) || clock_set_factors(t.mul, (unsigned)(32 - t.shift)) != 0) {
		log_error("pvclock: KVM gives no time");
		return false;
	}
	if (!(t.flags & PVCLOCK_STABLE)) {
		log_warn("pvclock: the host's TSC is not stable, time may drift");
	}
	cpu_write_msr(MSR_WALL_CLOCK, virt_to_phys((const void *)(uintptr_t)&wall_page));
	if (!read_wall(&wall)) {
		return false;
	}
	/* The wall page holds the wall time at which the system time was 0. */
	clock_set_wall_offset_ns((int64_t)(wall + pvclock_ns(&t, cpu_tsc()) - clock_mono_ns()));
	/* The factors are ours now: KVM need not update the page. */
	cpu_write_msr(MSR_SYSTEM_TIME, 0);
	return true;
}
#endif
