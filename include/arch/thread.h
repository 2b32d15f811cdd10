/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The machine part of a thread, the first member of struct thread, and the
 * switch between two threads.  entry.S knows the offsets.
 */
#include <arch/trap.h>
#include <lib/util.h>
#include <stdatomic.h>

/* Bits of arch_thread.work: what to do before returning to user mode. */
enum thread_work {
	WORK_RESCHED = 1 << 0, /* sched */
	WORK_SIGNAL = 1 << 1,  /* proc: look for signals to deliver */
	WORK_NOTIFY = 1 << 2,  /* proc: rseq, seccomp-like notifications, stop, exit */
	WORK_TRACE = 1 << 3,   /* syscall exit tracing */
};

/*
 * A set of page tables.  Owned by an mm; the kernel has one of its own.
 *
 * A CPU that goes idle (or runs a kernel thread) keeps the tables loaded and sets its bit
 * in lazy_cpus: a shootdown of mere pages then sets its bit in stale_cpus instead of
 * interrupting it, and it flushes when it comes back.  Both sides write their word first
 * and read the other's after, so one of the two sees the other: see arch/thread.c and
 * mm/shootdown.c.
 */
struct arch_space {
	uint64_t root;		      /* physical address for CR3 */
	_Atomic uint64_t active_cpus; /* CPUs that have it loaded (also lazily) */
	_Atomic uint64_t lazy_cpus, stale_cpus;
};

struct arch_thread {
	uint64_t sp;		  /*  0 kernel stack pointer while switched out */
	uint64_t kstack_top;	  /*  8 */
	_Atomic uint32_t work;	  /* 16 enum thread_work; others set bits, then kick the CPU */
	uint32_t nofault;	  /* 20 > 0: user copies fail instead of faulting pages in */
	uint64_t fs_base;	  /* 24 valid while switched out; see arch_get_fs_base() */
	uint64_t gs_base;	  /* 32 */
	void *fpu;		  /* 40 XSAVE area, 64-byte aligned, fpu_area_size() bytes;
				   *    NULL = kernel thread */
	struct arch_space *space; /* 48 NULL = runs on whatever is loaded */
	int32_t fpu_cpu;	  /* 56 CPU whose registers hold its FPU state, or -1 */
	uint32_t in_user;	  /* 60 1 while in user mode (set and cleared by entry code);
				   *    a hint: not ordered against `work`, so who sets a work
				   *    bit kicks the CPU whatever this says */
};

static inline void *arch_current(void)
{
	void *t;
	/* not volatile: constant for the thread that asks */
	__asm__("movq %%gs:24, %0" : "=r"(t));
	return t;
}

/* Prepares the first switch to a kernel thread: it calls sched_finish_switch(),
 * then fn(arg), then sched_exit(). */
void arch_thread_init_kernel(struct arch_thread *t, void *stack_top, void (*fn)(void *arg),
			     void *arg);
/* The same for a thread that starts in user mode with these registers (copied to
 * the top of its stack): sched_finish_switch(), then the return-to-user path. */
void arch_thread_init_user(struct arch_thread *t, void *stack_top, const struct trap_frame *regs);
/* Makes the running boot stack of this CPU into thread t, a kernel thread: the idle
 * thread.  From then on arch_current() is t. */
void arch_thread_adopt(struct arch_thread *t);
/* The user registers of a thread that is in the kernel (top of its stack). */
static inline struct trap_frame *arch_user_frame(const struct arch_thread *t)
{
	return (struct trap_frame *)(t->kstack_top) - 1;
}
/* The frame pointer of a thread that is switched out, for a backtrace. */
uint64_t arch_thread_frame_pointer(const struct arch_thread *t);
/* Leaves the kernel with the registers in arch_user_frame(current): the first
 * program.  Interrupts on or off. */
NORETURN void arch_enter_user(void);

/* Switches stacks, FPU state, FS/GS bases, address space, TSS; returns when prev
 * runs again.  Interrupts off; run queue protocol is the caller's. */
void arch_switch(struct arch_thread *prev, struct arch_thread *next);

/* Loads next's page tables on this CPU now (exec, mm of a new process); keeps
 * active_cpus.  Current thread only. */
void arch_load_space(struct arch_space *s);
/* The kernel's own tables: loaded to let go of a dying space. */
extern struct arch_space kernel_space;

/* FS and GS base of the current thread (live in registers) or another, which is
 * switched out. */
uint64_t arch_get_fs_base(const struct arch_thread *t);
uint64_t arch_get_gs_base(const struct arch_thread *t);
void arch_set_fs_base(struct arch_thread *t, uint64_t base);
void arch_set_gs_base(struct arch_thread *t, uint64_t base);
