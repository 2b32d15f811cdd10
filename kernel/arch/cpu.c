/* SPDX-License-Identifier: MIT */
/*
 * What the CPU can do, and each CPU's GDT, TSS and control registers.
 *
 * cpu_features is written once, by the boot CPU before all others start.  cpu_table[id] is set
 * before the CPU it stands for counts as online.
 */
#include <arch/cpu.h>
#include <lib/assert.h>
#include <lib/string.h>
#include "arch_internal.h"

struct cpu_features cpu_features;
struct cpu_private *cpu_table[MAX_CPUS];
bool arch_copy_string; /* uaccess.S: long copies by string instructions */
bool cpu_is_emulated;
struct cpu_area boot_cpu_area __attribute__((section(".bss.page"), aligned(4096)));

#define DEFAULT_PHYS_BITS 36u /* where CPUID does not say */
#define PTE_PHYS_BITS 52u

#define CR4_PGE (1ul << 7)
#define CR4_MCE (1ul << 6)
#define CR4_OSFXSR (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP (1ul << 11)
#define CR4_FSGSBASE (1ul << 16)
#define CR4_OSXSAVE (1ul << 18)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)

extern const int32_t smap_patch_start[], smap_patch_end[];

/* Turns each stac and clac into a 3-byte no-op.  Before W^X is in force. */
static void smap_patch_out(void)
{
	static const uint8_t nop3[3] = { 0x0f, 0x1f, 0x00 };

	for (const int32_t *p = smap_patch_start; p < smap_patch_end; p++) {
		memcpy((char *)(uintptr_t)p + *p, nop3, sizeof(nop3));
	}
}

static void detect_hypervisor(struct cpu_features *f)
{
	uint32_t r[4];
	char sig[13] = "";

	if (!(f->leaf1_ecx & (1u << 31))) {
		return;
	}
	cpuid(0x40000000, 0, r);
	memcpy(sig, &r[1], 4);
	memcpy(sig + 4, &r[2], 4);
	memcpy(sig + 8, &r[3], 4);
	f->hv_max_leaf = r[0];
	f->tcg = strcmp(sig, "TCGTCGTCGTCG") == 0;
	f->kvm = strcmp(sig, "KVMKVMKVM") == 0;
}

/* TCG (QEMU 7.2 to 10) takes CR4.OSXSAVE for a reserved bit on models whose leaf 0xd has none of
 * XSAVE's extensions (Opteron_G4 and G5), and then does not fault but stops making progress. */
static bool xsave_can_be_enabled(const struct cpu_features *f)
{
	uint32_t r[4];

	if (!f->tcg) {
		return true;
	}
	if (f->max_leaf < 0xd) {
		return false;
	}
	cpuid(0xd, 1, r);
	return r[0] != 0;
}

void cpu_detect(void)
{
	struct cpu_features *f = &cpu_features;
	uint32_t r[4];

	cpuid(0, 0, r);
	f->max_leaf = r[0];
	memcpy(f->vendor, &r[1], 4);
	memcpy(f->vendor + 4, &r[3], 4);
	memcpy(f->vendor + 8, &r[2], 4);
	cpuid(1, 0, r);
	f->leaf1_eax = r[0];
	f->leaf1_ebx = r[1];
	f->leaf1_ecx = r[2];
	f->leaf1_edx = r[3];
	f->x2apic = r[2] & (1u << 21);
	f->tsc_deadline = r[2] & (1u << 24);
	detect_hypervisor(f);
	f->xsave = (r[2] & (1u << 26)) && xsave_can_be_enabled(f);
	f->avx = f->xsave && (r[2] & (1u << 28));
	if (f->max_leaf >= 7) {
		cpuid(7, 0, r);
		f->leaf7_ebx = r[1];
		f->leaf7_ecx = r[2];
		f->leaf7_edx = r[3];
		f->fsgsbase = r[1] & (1u << 0);
		f->smep = r[1] & (1u << 7);
		f->erms = r[1] & (1u << 9);
		f->avx512 = f->avx && (r[1] & (1u << 16));
		f->smap = r[1] & (1u << 20);
		f->umip = r[2] & (1u << 2);
		f->fsrm = r[3] & (1u << 4);
	}
	cpuid(0x80000000, 0, r);
	f->max_ext_leaf = r[0];
	if (f->max_ext_leaf >= 0x80000001) {
		cpuid(0x80000001, 0, r);
		f->ext1_ecx = r[2];
		f->ext1_edx = r[3];
		f->gbpages = r[3] & (1u << 26);
		f->rdtscp = r[3] & (1u << 27);
	}
	f->phys_bits = DEFAULT_PHYS_BITS;
	if (f->max_ext_leaf >= 0x80000008) {
		cpuid(0x80000008, 0, r);
		f->phys_bits = MIN(MAX(r[0] & 255, DEFAULT_PHYS_BITS), PTE_PHYS_BITS);
	}
	arch_copy_string = f->erms && !f->tcg;
	cpu_is_emulated = f->tcg;
	if (!f->smap) {
		smap_patch_out();
	}
}

static void setup_gdt(struct cpu_private *c)
{
	uint64_t tss = (uint64_t)&c->tss;
	uint64_t limit = sizeof(c->tss) - 1;

	c->gdt[SEL_KERNEL_CODE / 8] = 0x00af9b000000ffff;
	c->gdt[SEL_KERNEL_DATA / 8] = 0x00cf93000000ffff;
	c->gdt[GDT_TSS / 8] = limit | (tss & 0xffffff) << 16 | 0x89ull << 40 |
			      (tss >> 24 & 0xff) << 56;
	c->gdt[GDT_TSS / 8 + 1] = tss >> 32;
	c->gdt[SEL_USER_DATA / 8] = 0x00cff3000000ffff;
	c->gdt[SEL_USER_CODE / 8] = 0x00affb000000ffff;
	/* LSL of this selector tells a program its CPU (vDSO without RDTSCP). */
	c->gdt[GDT_CPU_NODE] = 0x0040f50000000000 | c->pub.id;
}

/* The IST entry code finds struct cpu at the top of its stack. */
static uint64_t ist_top(char *stack, size_t size, struct cpu_private *c)
{
	uint64_t *top = (uint64_t *)(stack + size) - 2;

	*top = (uint64_t)c;
	return (uint64_t)top;
}

void cpu_setup(struct cpu_private *c, struct cpu_area *area, unsigned id)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} PACKED gdtr = { sizeof(c->gdt) - 1, (uint64_t)c->gdt };

	c->pub.self = &c->pub;
	c->pub.id = id;
	c->space = &kernel_space;
	c->timer_deadline = UINT64_MAX;
	c->tss.ist[IST_NMI - 1] = ist_top(area->nmi_stack, sizeof(area->nmi_stack), c);
	c->tss.ist[IST_FATAL - 1] = ist_top(area->fatal_stack, sizeof(area->fatal_stack), c);
	c->tss.rsp[0] = (uint64_t)area->guard1;
	c->tss.iomap = sizeof(c->tss);
	setup_gdt(c);
	cpu_table[id] = c;

	__asm__ volatile("lgdt %0" ::"m"(gdtr));
	__asm__ volatile("pushq %0\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:" ::"i"(SEL_KERNEL_CODE)
			 : "rax", "memory");
	__asm__ volatile("ltr %w0" ::"r"(GDT_TSS));
	wrmsr(MSR_GS_BASE, (uint64_t)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
}

void cpu_setup_features(void)
{
	const struct cpu_features *f = &cpu_features;
	uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cr4 |= f->umip ? CR4_UMIP : 0;
	cr4 |= f->fsgsbase ? CR4_FSGSBASE : 0;
	cr4 |= f->xsave ? CR4_OSXSAVE : 0;
	cr4 |= f->smep ? CR4_SMEP : 0;
	cr4 |= f->smap ? CR4_SMAP : 0;
	write_cr4(cr4);

	/* SYSRET takes CS = STAR[63:48] + 16 and SS = STAR[63:48] + 8, RPL 3. */
	_Static_assert(SEL_USER_CODE == 0x23 + 16 && SEL_USER_DATA == 0x23 + 8, "SYSRET");
	wrmsr(MSR_STAR, 0x23ull << 48 | (uint64_t)SEL_KERNEL_CODE << 32);
	wrmsr(MSR_LSTAR, (uint64_t)entry_syscall);
	wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | 0x3000);
	if (f->rdtscp) {
		wrmsr(MSR_TSC_AUX, cpu_id());
	}
}

uint32_t cpu_hwcap(void)
{
	return cpu_features.leaf1_edx;
}

bool cpu_has_fsgsbase(void)
{
	return cpu_features.fsgsbase;
}

bool cpu_has_pvclock(void)
{
	uint32_t r[4];

	if (!cpu_features.kvm || cpu_features.hv_max_leaf < 0x40000001) {
		return false;
	}
	cpuid(0x40000001, 0, r);
	return r[0] & (1u << 3); /* the second generation of MSRs */
}

void cpu_write_msr(uint32_t msr, uint64_t value)
{
	wrmsr(msr, value);
}
