/* SPDX-License-Identifier: MIT */
/*
 * What is due before a return to user mode (arch/upcalls.h).
 *
 * The entry code calls this until it has seen no flag with interrupts off.  Each cause clears its
 * flag before it looks at what caused it, so that a new cause sets it again and is not lost.
 */
#include <arch/upcalls.h>
#include <mm/phys.h>
#include <mm/usercopy.h>
#include <signal/signal.h>
#include "proc_internal.h"

static void notify(struct trap_frame *f)
{
	struct task *t = task_current();

	/* Before anything is looked at, so that a new cause sets it again. */
	atomic_fetch_and(&t->thread.arch.work, ~(uint32_t)WORK_NOTIFY);
	mem_balance();
	if (t->set_child_tid.addr) {
		int err = put_user_u32(t->set_child_tid, (uint32_t)task_tid(t));

		(void)err; /* Linux does not care either */
		t->set_child_tid.addr = 0;
	}
	if (t->rseq_addr) {
		rseq_notify_return(f);
	}
}

void upcall_return_to_user(struct trap_frame *f, uint32_t work)
{
	if (work & WORK_RESCHED) {
		sched_resched();
	}
	if (work & WORK_SIGNAL) {
		signal_deliver(f);
	}
	if (work & WORK_NOTIFY) {
		notify(f);
	}
	if (work & WORK_TRACE) {
		atomic_fetch_and(&thread_current()->arch.work, ~(uint32_t)WORK_TRACE);
	}
}
