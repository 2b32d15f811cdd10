/* SPDX-License-Identifier: MIT */
#pragma once
/* What the files of kernel/arch share; nobody else includes it. */
#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/thread.h>
#include "asm.h"

#define GDT_TSS 0x18
#define GDT_CPU_NODE 15 /* selector SEL_CPU_NODE: limit = CPU number */

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* IST n is ist[n - 1] */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap; /* beyond the limit: no port for the program */
} PACKED;
_Static_assert(sizeof(struct tss) == 104, "64-bit TSS");

enum { IST_NMI = 1, IST_FATAL = 2 };

/* The fields after `pub` are private to kernel/arch; all are touched by their own
 * CPU only, except the atomics. */
struct cpu_private {
	struct cpu pub;
	struct arch_space *space;	/* loaded in CR3 */
	bool lazy;			/* nobody uses its user half now */
	struct arch_thread *regs_owner; /* whose FPU state and bases are in the registers */
	uint64_t timer_deadline;	/* ns, UINT64_MAX = stopped */
	bool timer_running;
	bool in_nmi;
	_Atomic bool kick_pending;  /* a kick was sent and not taken yet */
	_Atomic uint32_t state;	    /* enum cpu_state, smp.c */
	_Atomic uint64_t call_from; /* bit per CPU whose smp_call waits for us */
	void (*call_fn)(void *arg); /* our own smp_call */
	void *call_arg;
	_Atomic uint64_t call_waits_for;	  /* bit per CPU that has not run it yet */
	_Atomic bool call_halted;		  /* our smp_call sleeps: the last one wakes us */
	const struct trap_frame *_Atomic stopped; /* panic: where the stop NMI hit */
	uint64_t gdt[16];
	struct tss tss;
};
_Static_assert(sizeof(struct cpu_private) <= PAGE_SIZE, "one page");

/* The pages of one CPU; the guards are not mapped. */
struct cpu_area {
	char guard0[PAGE_SIZE];
	char stack[4 * PAGE_SIZE]; /* boot, then idle thread */
	char guard1[PAGE_SIZE];
	char nmi_stack[PAGE_SIZE];
	char fatal_stack[2 * PAGE_SIZE]; /* #DF, #MC, #DB of the kernel */
	struct cpu_private cpu ALIGNED(PAGE_SIZE);
};
_Static_assert(sizeof(struct cpu_area) <= 1ul << CPU_AREA_SHIFT, "areas do not overlap");
_Static_assert(offsetof(struct cpu_area, guard1) == CPU_AREA_STACK_TOP, "asm.h");
_Static_assert(offsetof(struct cpu_area, cpu) == CPU_AREA_CPU, "asm.h");
extern struct cpu_area boot_cpu_area;

extern struct cpu_private *cpu_table[MAX_CPUS]; /* by cpu_id(); NULL = no such CPU */

static inline struct cpu_private *this_cpu(void)
{
	struct cpu_private *c;
	__asm__ volatile("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/* Features that the boot CPU found; the others have the same. */
struct cpu_features {
	bool smep, smap, umip, fsgsbase, xsave, avx, avx512, x2apic, tsc_deadline, gbpages, rdtscp,
		erms, fsrm;
	uint8_t phys_bits; /* of an address */
	bool tcg, kvm;
	uint32_t max_leaf, max_ext_leaf, hv_max_leaf;
	uint32_t leaf1_eax, leaf1_ebx, leaf1_ecx, leaf1_edx;
	uint32_t leaf7_ebx, leaf7_ecx, leaf7_edx, ext1_ecx, ext1_edx;
	char vendor[13];
};
extern struct cpu_features cpu_features;
extern bool arch_copy_string;

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			 : "a"(leaf), "c"(sub));
}
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline uint64_t read_cr2(void)
{
	uint64_t v;
	__asm__ volatile("movq %%cr2, %0" : "=r"(v));
	return v;
}
static inline uint64_t read_cr3(void)
{
	uint64_t v;
	__asm__ volatile("movq %%cr3, %0" : "=r"(v));
	return v;
}
static inline void write_cr3(uint64_t v)
{
	__asm__ volatile("movq %0, %%cr3" ::"r"(v) : "memory");
}
static inline void write_cr4(uint64_t v)
{
	__asm__ volatile("movq %0, %%cr4" ::"r"(v) : "memory");
}

#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define MSR_FS_BASE 0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102
#define MSR_TSC_AUX 0xc0000103

/* Vectors.  Higher = more urgent for the local APIC. */
enum {
	VECTOR_NMI = 2,
	VECTOR_IRQ_FIRST = 0x30, /* IOAPIC pin n: VECTOR_IRQ_FIRST + n */
	VECTOR_IRQ_LAST = 0x9f,
	VECTOR_TIMER = 0xf0,
	VECTOR_KICK = 0xf1,
	VECTOR_CALL = 0xf2,
	VECTOR_SPURIOUS = 0xff,
};

/* linker symbols */
extern char image_start[], text_start[], text_end[], rodata_end[], data_start[], image_end[];

/* boot.c */
void boot_entry(uint32_t start_info);

/* cpu.c */
void cpu_detect(void);
void cpu_setup(struct cpu_private *c, struct cpu_area *area, unsigned id);
void cpu_setup_features(void);

/* trap.c */
void idt_init(void);
void idt_load(void);
void trap_entry(struct trap_frame *f, unsigned vector, uint64_t error);
void trap_ist_entry(struct trap_frame *f, unsigned vector, uint64_t error);
void trap_bad_user_rip(struct trap_frame *f);

/* fpu.c */
void fpu_init_boot(void);
void fpu_init_cpu(void);
void fpu_save_area(void *area);
void fpu_load_area(const void *area);

/* apic.c */
void apic_init_cpu(void);
void apic_eoi(void);
void apic_send_ipi(uint32_t target_apic, uint32_t vector);
void apic_send_nmi(uint32_t target_apic);
void apic_send_init(uint32_t target_apic);
void apic_send_startup(uint32_t target_apic, uint32_t phys);
void apic_timer_oneshot(uint32_t count); /* 0 stops */
uint32_t apic_timer_count(void);
void apic_timer_mode(bool deadline);

/* ioapic.c */
void ioapic_interrupt(unsigned vector);
void ioapic_spread(void);

/* clock.c */
void clock_interrupt(void);
void clock_init_cpu(void);

/* smp.c */
void smp_ap_main(struct cpu_private *c);
void smp_call_interrupt(void);
bool smp_stop_nmi(const struct trap_frame *f);
extern _Atomic uint64_t cpus_online;

/* paging.c */
extern uint64_t boot_pml4[512], direct_pdpt[512], direct_pd[512], image_pdpt[512];

/* entry.S */
void entry_syscall(void);
extern char entry_stubs[];
void switch_stacks(uint64_t *save_sp, uint64_t load_sp);
void thread_start_kernel(void);
void thread_start_user(void);
NORETURN void enter_user(struct trap_frame *f);
