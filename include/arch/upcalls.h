/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * All calls that go up from arch: declared here, implemented above, called from boot.c,
 * entry.S and trap.c.
 */
#include <arch/trap.h>

/* A system call: number in f->orig_rax, arguments in rdi rsi rdx r10 r8 r9; the
 * result goes to f->rax.  Interrupts on.  syscall/dispatch.c */
void upcall_syscall(struct trap_frame *f);

/* A page fault in user mode, or in the kernel inside a user copy.  Interrupts on.
 * True: resolved (or a signal was raised, user mode): continue.  False, only for the
 * kernel: make the copy fail.  addr is below the user limit, or any for user mode.
 * proc/fault.c */
bool upcall_page_fault(struct trap_frame *f, uintptr_t addr, uint64_t error);

/* Any other exception in user mode (vector 0, 1, 3..7, 9..13, 16, 17, 19, 21): raises the
 * signal.  Interrupts on.  proc/fault.c */
void upcall_user_exception(struct trap_frame *f, unsigned vector, uint64_t error);

/* Before a return to user mode with work bits set; interrupts on when called,
 * loops in the caller until no bit is left.  It must clear what it handles.
 * proc/return.c */
void upcall_return_to_user(struct trap_frame *f, uint32_t work);

/* The local timer fired; interrupts off.  sched/timer.c */
void upcall_timer(void);

/* Somebody called smp_kick() for this CPU; interrupts off.  sched/sched.c */
void upcall_kick(void);

/* The start of a new thread, first thing on its stack: finishes the switch to it; interrupts
 * off.  sched/sched.c */
void sched_finish_switch(void);

/* The end of a kernel thread, when its function has returned; interrupts on.  sched/sched.c */
NORETURN void sched_exit(void);

/* The boot CPU on its boot stack, with GDT, IDT and GS set up; interrupts off.  kernel/main.c */
NORETURN void kernel_main(void);

/* An NMI that nobody here has sent: somebody wants to know what hangs.  Tells what the CPUs and the
 * tasks are at and ends the VM, as a panic does.  kernel/debug/panic.c */
NORETURN void panic_state(const struct trap_frame *f);

/* A trap that the kernel cannot survive.  kernel/debug/panic.c */
NORETURN void panic_trap(const struct trap_frame *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
