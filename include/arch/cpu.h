/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Per-CPU data through GS, and the instructions that C cannot say.  Modules of
 * higher layers keep their own per-CPU data in arrays indexed by cpu_id().
 */
#include <arch/trap.h>
#include <lib/launch.h>
#include <lib/util.h>
#include <stdatomic.h>

#define MAX_CPUS LAUNCH_MAX_CPUS

/* What is private to kernel/arch follows it in struct cpu_private. */
struct cpu {
	struct cpu *self;    /*  0 gs:0 */
	uint64_t kernel_rsp; /*  8 stack for system calls: kstack_top of current */
	uint64_t user_rsp;   /* 16 scratch of the system call entry */
	void *current;	     /* 24 struct thread * */
	uint32_t id;	     /* 32 dense, 0 = boot CPU */
	uint32_t apic_id;    /* 36 */
	uint32_t irq_depth;  /* 40 > 0 inside an interrupt handler */
};

static inline unsigned cpu_id(void)
{
	uint32_t id;
	__asm__ volatile("movl %%gs:32, %0" : "=r"(id));
	return id;
}
static inline bool cpu_in_irq(void)
{
	uint32_t d;
	__asm__ volatile("movl %%gs:40, %0" : "=r"(d));
	return d != 0;
}
unsigned cpu_count(void); /* CPUs online; ids are 0..cpu_count()-1 */
static inline void cpu_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}
static inline uint64_t irq_save(void)
{
#ifdef CORRIDA_HOST_TEST
	return 0;
#else
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
	return flags;
#endif
}
static inline void irq_restore(uint64_t flags)
{
	if (flags & RFLAGS_IF) {
		__asm__ volatile("sti" ::: "memory");
	}
}
static inline bool irq_enabled(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	return flags & RFLAGS_IF;
}
static inline void irq_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}
static inline void irq_off(void)
{
	__asm__ volatile("cli" ::: "memory");
}
/* With interrupts off: enables them and halts without a window between. */
static inline void cpu_halt_until_irq(void)
{
	__asm__ volatile("sti; hlt" ::: "memory");
}
static inline uint64_t cpu_tsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}
/* Model name and feature flags for /proc/cpuinfo and AT_HWCAP. */
uint32_t cpu_hwcap(void);     /* CPUID.1:EDX */
extern bool arch_copy_string; /* long runs: string instructions are the quickest */
extern bool cpu_is_emulated;  /* by QEMU's TCG: instructions are translated, see mm/phys.h */
bool cpu_has_fsgsbase(void);  /* AT_HWCAP2 bit 1; enabled in CR4 when present */
bool cpu_has_pvclock(void);   /* KVM's clock MSRs */
void cpu_write_msr(uint32_t msr, uint64_t value); /* for paravirtual drivers */
uint32_t cpu_tsc_khz(void);
bool cpu_in_nmi(void);
void cpu_info_text(unsigned cpu, char *buf, size_t size); /* one /proc/cpuinfo block */
