/* SPDX-License-Identifier: MIT */
/*
 * FPU state: areas in memory and the registers of this CPU.
 *
 * The registers hold the state of cpu_private.regs_owner if that thread's fpu_cpu says so, too:
 * both are needed, as the thread may have run elsewhere since.  Whatever moves between registers
 * and an area does so with interrupts off, so that no switch comes in between.  An area that came
 * from a program passes fpu_check_area() before XRSTOR sees it, which would fault in the kernel.
 */
#include <arch/fpu.h>
#include <lib/assert.h>
#include <lib/string.h>
#include "arch_internal.h"
#include "xstate.h"

#define FCW_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_OFFSET 24
#define MXCSR_MASK_OFFSET 28

struct xsave_header {
	uint64_t xstate_bv, xcomp_bv, reserved[6];
};

static size_t area_size = XSAVE_LEGACY_SIZE;
static uint64_t xcr0;
static uint32_t mxcsr_mask = 0xffbf;

static void xsetbv(uint64_t v)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

void fpu_init_boot(void)
{
	static uint8_t probe[XSAVE_LEGACY_SIZE] ALIGNED(64);
	uint32_t r[4], mask;

	if (cpu_features.xsave) {
		struct xstate x = xstate_choose(cpuid, cpu_features.avx, cpu_features.avx512);

		xcr0 = x.xcr0;
		area_size = x.area_size;
		xsetbv(xcr0);
		cpuid(0xd, 0, r); /* what the CPU itself says of what XCR0 enables */
		ASSERT(r[1] == area_size);
		/* /proc/cpuinfo shows what programs can use */
		cpu_features.avx = xcr0 & XCR0_AVX;
		cpu_features.avx512 = xcr0 & XCR0_AVX512;
	}
	__asm__ volatile("fninit; fxsave64 %0" : "=m"(probe));
	memcpy(&mask, probe + MXCSR_MASK_OFFSET, 4);
	mxcsr_mask = mask ? mask : mxcsr_mask;
}

void fpu_init_cpu(void)
{
	/* The registers themselves: each program's thread brings its own. */
	if (cpu_features.xsave) {
		xsetbv(xcr0);
	}
}

size_t fpu_area_size(void)
{
	return area_size;
}

uint64_t fpu_features(void)
{
	return cpu_features.xsave ? xcr0 : XCR0_X87 | XCR0_SSE;
}

void fpu_init_area(void *area)
{
	uint16_t fcw = FCW_DEFAULT;
	uint32_t mxcsr = MXCSR_DEFAULT;

	memset(area, 0, area_size);
	memcpy(area, &fcw, sizeof(fcw));
	memcpy((char *)area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	memcpy((char *)area + MXCSR_MASK_OFFSET, &mxcsr_mask, sizeof(mxcsr_mask));
	if (cpu_features.xsave) {
		struct xsave_header *h = (struct xsave_header *)((char *)area + XSAVE_LEGACY_SIZE);

		h->xstate_bv = XCR0_X87 | XCR0_SSE;
	}
}

void fpu_save_area(void *area)
{
	if (cpu_features.xsave) {
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
	} else {
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
	}
}

void fpu_load_area(const void *area)
{
	if (cpu_features.xsave) {
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0u), "d"(~0u) : "memory");
	} else {
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
	}
}

void fpu_save_current(void)
{
	struct arch_thread *t = arch_current();
	uint64_t flags = irq_save();

	ASSERT(t->fpu);
	fpu_save_area(t->fpu);
	irq_restore(flags);
}

void fpu_load_current(void)
{
	struct arch_thread *t = arch_current();
	uint64_t flags = irq_save();

	ASSERT(t->fpu);
	fpu_load_area(t->fpu);
	/* A kernel thread that becomes a program takes the registers over here. */
	this_cpu()->regs_owner = t;
	t->fpu_cpu = (int32_t)cpu_id();
	irq_restore(flags);
}

void fpu_reset_current(void)
{
	static uint8_t fresh[XSTATE_AREA_MAX] ALIGNED(64);
	static _Atomic bool ready;
	struct arch_thread *t = arch_current();
	uint64_t flags = irq_save();

	if (!atomic_load_explicit(&ready, memory_order_acquire)) {
		fpu_init_area(fresh); /* whoever races with us writes the same */
		atomic_store_explicit(&ready, true, memory_order_release);
	}
	fpu_load_area(fresh);
	this_cpu()->regs_owner = t;
	t->fpu_cpu = (int32_t)cpu_id();
	irq_restore(flags);
}

bool fpu_check_area(void *area)
{
	uint32_t mxcsr;

	memcpy(&mxcsr, (char *)area + MXCSR_OFFSET, sizeof(mxcsr));
	if (mxcsr & ~mxcsr_mask) {
		return false;
	}
	if (cpu_features.xsave) {
		struct xsave_header *h = (struct xsave_header *)((char *)area + XSAVE_LEGACY_SIZE);

		/* SDM 1, 13.8.1: what makes the standard form of XRSTOR fault: also
		 * bytes 16 to 23, and no later ones. */
		if (h->xcomp_bv || (h->xstate_bv & ~xcr0)) {
			return false;
		}
		if (h->reserved[0]) {
			return false;
		}
		/* Not looked at today; nor by a processor that gives them a meaning. */
		memset(&h->reserved[1], 0, sizeof(h->reserved) - sizeof(h->reserved[0]));
	}
	return true;
}
