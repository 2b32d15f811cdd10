/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of programs: page faults, the signals that the rest raises, and memory that ran out.
 *
 * A fault comes in with interrupts on and no lock held, in the thread that made it; so it may sleep
 * and may end the process.  When there is no page left, somebody has to go: whoever finds that kills,
 * unless a process is dying already, whose memory all then wait for.
 */
#include <arch/clock.h>
#include <arch/fpu.h>
#include <arch/upcalls.h>
#include <host/hostctl.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <proc/lifecycle.h>
#include <signal/signal.h>
#include "proc_internal.h"

#define TRAP_PF 14
#define OOM_PATIENCE (20 * NSEC_PER_MSEC)

/* --- out of memory --- */

static uint64_t oom_badness(struct process *p)
{
	struct mm *mm;
	uint64_t score;

	if (p->oom_score_adj <= -1000) {
		return 0;
	}
	mm = process_get_mm(p);
	if (!mm) {
		return 0;
	}
	score = mm_rss_pages(mm) + atomic_load_explicit(&mm->table_pages, memory_order_relaxed) + 1;
	mm_put(mm);
	if (process_pid(p) == 1) {
		score /= 8; /* all end with it: a bomb of small ones goes first */
	}
	if (p->oom_score_adj > 0) {
		score += score * (uint64_t)p->oom_score_adj / 100;
	}
	return score;
}

static bool is_dying(struct process *p)
{
	struct mm *mm;
	bool victim = false;

	mm = process_get_mm(p);
	if (mm) {
		victim = atomic_load(&p->group_exit) ||
			 __atomic_load_n(&mm->oom_victim, __ATOMIC_RELAXED);
		mm_put(mm);
	}
	return victim;
}

static void kill_for_memory(struct process *p)
{
	struct mm *mm = process_get_mm(p);
	struct task *t;
	uint64_t kib;

	if (!mm) {
		return;
	}
	kib = mm_rss_pages(mm) * (PAGE_SIZE / 1024);
	if (__atomic_exchange_n(&mm->oom_victim, true, __ATOMIC_RELAXED)) {
		mm_put(mm); /* another CPU was faster */
		return;
	}
	mm_put(mm);
	t = process_get_task(p);
	hostctl_warn("out of memory: killed process %d (%s), %lu KiB", process_pid(p),
		     t ? t->thread.name : "?", kib);
	log_warn("out of memory: killed process %d (%s), %lu KiB", process_pid(p),
		 t ? t->thread.name : "?", kib);
	task_put(t);
	signal_kernel(p, SIGKILL);
}

static _Atomic unsigned memory_returned; /* mms given up */
static struct waitq memory_waitq;

void oom_memory_returned(void)
{
	/* Pairs with came_back(): the count moves before the queue is looked at. */
	atomic_fetch_add_explicit(&memory_returned, 1, memory_order_release);
	waitq_wake_all(&memory_waitq);
}

static bool came_back(void *seen)
{
	return atomic_load_explicit(&memory_returned, memory_order_acquire) != *(unsigned *)seen;
}

/* Kills the process that has most, unless one is dying already: then its memory is on the way,
 * and the caller waits for it.  The count is read before the look at the processes: one that
 * gives its memory up in between is not waited for.  The deadline is for what else may free
 * memory (the page cache), and for a victim that is stuck. */
static void oom_kill(void)
{
	unsigned seen = atomic_load_explicit(&memory_returned, memory_order_acquire);
	struct process *p, *worst = NULL;
	uint64_t worst_score = 0;
	bool dying = false;

	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		uint64_t score;

		nr = process_pid(p) + 1;
		if (is_dying(p)) {
			dying = true;
			continue;
		}
		score = oom_badness(p);
		if (score > worst_score) {
			process_put(worst);
			process_get(p);
			worst = p;
			worst_score = score;
		}
	}
	if (worst && !dying) {
		kill_for_memory(worst);
	} else if (dying) {
		(void)!waitq_wait_until(&memory_waitq, came_back, &seen, WAIT_KILLABLE,
					clock_mono_ns() + OOM_PATIENCE);
	}
	process_put(worst);
}

void fault_subsystem_init(void)
{
	waitq_init(&memory_waitq);
}

/* --- page faults --- */

static void raise(int sig, int code, uintptr_t addr, uint32_t trapno, uint64_t error)
{
	struct task *t = task_current();
	struct siginfo info;

	t->fault_trapno = trapno;
	t->fault_error = (uint32_t)error;
	siginfo_init(&info, sig, code);
	info.fault.addr = addr;
	signal_force_current(&info);
}

static bool user_fault_failed(uintptr_t addr, uint64_t error, enum fault_result r)
{
	task_current()->fault_addr = addr;
	switch (r) {
	case FAULT_SEGV_MAPERR: raise(SIGSEGV, SEGV_MAPERR, addr, TRAP_PF, error); break;
	case FAULT_SEGV_ACCERR: raise(SIGSEGV, SEGV_ACCERR, addr, TRAP_PF, error); break;
	case FAULT_BUS_ADRERR: raise(SIGBUS, BUS_ADRERR, addr, TRAP_PF, error); break;
	default: break;
	}
	return true;
}

bool upcall_page_fault(struct trap_frame *f, uintptr_t addr, uint64_t error)
{
	struct thread *t = thread_current();
	enum fault_result r;
	uint64_t began = 0;
	bool sampled;

	if (!t->mm) {
		return false;
	}
	sampled = task_sample_due();
	if (unlikely(sampled)) {
		began = task_current_cpu_ns();
	}
	for (;;) {
		r = mm_fault(t->mm, addr, error);
		if (likely(r == FAULT_OK)) {
			t->task->minflt++;
			if (unlikely(sampled)) {
				task_sample_end(began);
			}
			return true;
		}
		if (r != FAULT_OOM) {
			break;
		}
		oom_kill();
		if (atomic_load(&t->killed)) {
			break;
		}
	}
	return trap_from_user(f) ? user_fault_failed(addr, error, r) : false;
}

/* --- the others --- */

struct exception {
	uint8_t sig, code;
	bool has_addr; /* si_addr is the instruction */
};
static const struct exception exceptions[32] = {
	[0] = { SIGFPE, FPE_INTDIV, true },   [1] = { SIGTRAP, TRAP_TRACE, true },
	[3] = { SIGTRAP, 0, false }, /* code SI_KERNEL */
	[4] = { SIGSEGV, 0, false },	      [5] = { SIGSEGV, 0, false },
	[6] = { SIGILL, ILL_ILLOPN, true },   [7] = { SIGSEGV, 0, false },
	[9] = { SIGFPE, 0, false },	      [10] = { SIGSEGV, 0, false },
	[11] = { SIGBUS, 0, false },	      [12] = { SIGBUS, 0, false },
	[13] = { SIGSEGV, 0, false },	      [16] = { SIGFPE, FPE_FLTINV, true },
	[17] = { SIGBUS, BUS_ADRALN, false }, [19] = { SIGFPE, FPE_FLTINV, true },
	[21] = { SIGSEGV, 0, false },
};

/* The first unmasked exception in the order of the status word. */
static int fpe_code(uint32_t flags)
{
	if (flags & 0x01) {
		return FPE_FLTINV;
	}
	if (flags & 0x04) {
		return FPE_FLTDIV;
	}
	if (flags & 0x08) {
		return FPE_FLTOVF;
	}
	if (flags & 0x12) {
		return FPE_FLTUND;
	}
	return flags & 0x20 ? FPE_FLTRES : 0;
}

static int math_code(unsigned vector)
{
	const uint8_t *area = thread_current()->arch.fpu;
	uint16_t cwd, swd;
	uint32_t mxcsr;

	fpu_save_current();
	if (vector == 16) {
		memcpy(&cwd, area, 2);
		memcpy(&swd, area + 2, 2);
		return fpe_code(swd & ~(uint32_t)cwd & 0x3f);
	}
	memcpy(&mxcsr, area + 24, 4);
	return fpe_code(~(mxcsr >> 7) & mxcsr & 0x3f);
}

void upcall_user_exception(struct trap_frame *f, unsigned vector, uint64_t error)
{
	struct exception e = { SIGSEGV, 0, false };
	int code;

	if (vector < ARRAY_SIZE(exceptions) && exceptions[vector].sig) {
		e = exceptions[vector];
	}
	code = e.code ? e.code : SI_KERNEL;
	if (vector == 16 || vector == 19) {
		code = math_code(vector);
		if (!code) {
			return; /* cleared meanwhile: as Linux */
		}
	}
	raise(e.sig, code, e.has_addr ? f->rip : 0, vector, error);
}
