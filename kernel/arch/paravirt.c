/* SPDX-License-Identifier: MIT */
/*
 * KVM's paravirtual interfaces; arch/paravirt.h has the theory.
 *
 * KVM writes records[] and eoi_words[] at any time while the CPU they belong to does not run; the
 * `preempted` byte changes under others, hence only by atomic operations.  `version` is odd while
 * the stolen time changes.
 */
#include <arch/paravirt.h>
#include <arch/paging.h>
#include <debug/log.h>
#include "arch_internal.h"

#define MSR_STEAL_TIME 0x4b564d03
#define MSR_PV_EOI 0x4b564d04
#define MSR_ENABLED 1ul

#define FEATURE_STEAL_TIME (1u << 5)
#define FEATURE_PV_EOI (1u << 6)
#define FEATURE_TLB_FLUSH (1u << 9)
#define FEATURE_SCHED_YIELD (1u << 13)
#define CALL_SCHED_YIELD 11

#define PREEMPTED 1u
#define FLUSH_TLB 2u

struct steal_record {
	_Atomic uint64_t steal;
	_Atomic uint32_t version;
	uint32_t flags;
	_Atomic uint8_t preempted;
	uint8_t unused[47];
};
_Static_assert(sizeof(struct steal_record) == 64, "KVM's struct kvm_steal_time");

/* KVM sets bit 0 when a plain store may do for the EOI. */
struct eoi_word {
	uint32_t pending;
	uint32_t unused[15];
};

static struct steal_record records[MAX_CPUS] ALIGNED(64);
static struct eoi_word eoi_words[MAX_CPUS] ALIGNED(64);
/* written before other CPUs start */
static bool have_record, have_eoi, have_flush, have_yield, is_amd;

static void detect(void)
{
	uint32_t r[4];

	if (!cpu_features.kvm || cpu_features.hv_max_leaf < 0x40000001) {
		return;
	}
	cpuid(0x40000001, 0, r);
	have_record = r[0] & FEATURE_STEAL_TIME;
	have_eoi = r[0] & FEATURE_PV_EOI;
	have_flush = have_record && (r[0] & FEATURE_TLB_FLUSH);
	have_yield = have_record && (r[0] & FEATURE_SCHED_YIELD);
	log_info("kvm: features %#x%s%s%s%s", r[0], have_record ? ", steal time" : "",
		 have_eoi ? ", EOI" : "", have_flush ? ", TLB flush" : "",
		 have_yield ? ", yield" : "");
	is_amd = cpu_features.vendor[0] == 'A' || cpu_features.vendor[0] == 'H';
}

void paravirt_init_cpu(void)
{
	unsigned id = cpu_id();

	if (id == 0) {
		detect();
	}
	if (have_record) {
		wrmsr(MSR_STEAL_TIME, virt_to_phys(&records[id]) | MSR_ENABLED);
	}
	if (have_eoi) {
		wrmsr(MSR_PV_EOI, virt_to_phys(&eoi_words[id]) | MSR_ENABLED);
	}
}

bool paravirt_eoi(void)
{
	bool done;

	if (!have_eoi) {
		return false;
	}
	/* One instruction: KVM looks when this CPU has left the guest, so not in the middle of it. */
	__asm__ volatile("btrl $0, %0"
			 : "+m"(eoi_words[cpu_id()].pending), "=@ccc"(done)::"memory");
	return done;
}

uint64_t paravirt_defer_flush(uint64_t mask)
{
	if (!have_flush) {
		return mask;
	}
	for (uint64_t m = mask; m; m &= m - 1) {
		unsigned id = (unsigned)__builtin_ctzll(m);
		uint8_t state = atomic_load_explicit(&records[id].preempted, memory_order_seq_cst);

		/* KVM takes the byte away by an exchange when the CPU goes on: it sees our bit, or we
		 * see that it runs. */
		if (state & PREEMPTED && atomic_compare_exchange_strong_explicit(
						 &records[id].preempted, &state, state | FLUSH_TLB,
						 memory_order_seq_cst, memory_order_relaxed)) {
			mask &= ~(1ull << id);
		}
	}
	return mask;
}

void paravirt_yield_to(unsigned cpu)
{
	uint64_t call = CALL_SCHED_YIELD;

	if (!have_yield || cpu >= MAX_CPUS || !cpu_table[cpu] ||
	    !(atomic_load_explicit(&records[cpu].preempted, memory_order_relaxed) & PREEMPTED)) {
		return;
	}
	if (is_amd) {
		__asm__ volatile("vmmcall"
				 : "+a"(call)
				 : "b"((uint64_t)cpu_table[cpu]->pub.apic_id)
				 : "memory");
	} else {
		__asm__ volatile("vmcall"
				 : "+a"(call)
				 : "b"((uint64_t)cpu_table[cpu]->pub.apic_id)
				 : "memory");
	}
}

uint64_t paravirt_stolen_ns(unsigned cpu)
{
	const struct steal_record *r = &records[cpu];

	for (unsigned tries = 0; tries < 1000; tries++) {
		uint32_t version = atomic_load_explicit(&r->version, memory_order_acquire);
		uint64_t steal = atomic_load_explicit(&r->steal, memory_order_relaxed);

		atomic_thread_fence(memory_order_acquire);
		if (!(version & 1) &&
		    atomic_load_explicit(&r->version, memory_order_relaxed) == version) {
			return steal;
		}
		cpu_pause();
	}
	return 0;
}
