/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Starting and reaching other CPUs.  Masks have a bit per cpu_id().
 */
#include <arch/cpu.h>

/* Reads the MP table and lays out the areas of the CPUs it lists, from boot_alloc(). */
void smp_init(void);

/* Starts every enabled CPU of the MP table in parallel; each calls `entry` (never returns)
 * on its own boot stack with GS, IDT, APIC and FPU set up.  In two steps: the CPUs come up and
 * enter while the boot CPU does other work; the second waits for those still missing and
 * spreads the device interrupts.  In between cpu_count() grows. */
void smp_start_begin(void (*entry)(void));
void smp_start_finish(void);

/* Makes a CPU leave halt or user mode and run upcall_kick().  Any context. */
void smp_kick(unsigned cpu);

/* Runs fn(arg) in interrupt context on each CPU of mask (not on the caller, whose
 * bit is ignored) and waits for all.  Interrupts must be on; two callers at once
 * are fine: a waiter serves others' requests.  Not from interrupt handlers. */
void smp_call(uint64_t mask, void (*fn)(void *arg), void *arg);

/* Panic: NMIs every other CPU into a halt, once. */
void smp_stop_others(void);
/* Afterwards: where a CPU was, NULL when it did not stop. */
struct trap_frame;
const struct trap_frame *smp_stopped_frame(unsigned cpu);
/* The thread that a CPU runs, which only a stopped one goes on doing; NULL when there is none. */
const void *smp_current(unsigned cpu);
