/* SPDX-License-Identifier: MIT */
/*
 * membarrier(2): makes other threads' CPUs pass a full barrier.
 *
 * Only CPUs that run the mm now are interrupted.  One that loads it later has passed a barrier by
 * that, and is seen here if it did so before the caller's own barrier (active_cpus comes first).
 */
#include <arch/smp.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <mm/mm.h>
#include <proc/rseq.h>
#include <proc/task.h>

static void barrier_here(void *arg)
{
	atomic_thread_fence(memory_order_seq_cst);
}

/* Restarts what runs there. */
static void restart_rseq(void *arg)
{
	struct thread *t = thread_current();

	atomic_thread_fence(memory_order_seq_cst);
	if (t->task && t->mm == arg && t->notify_switch) {
		atomic_fetch_or(&t->arch.work, WORK_NOTIFY);
	}
}

static void everywhere(uint64_t mask, void (*fn)(void *), void *arg)
{
	atomic_thread_fence(memory_order_seq_cst);
	smp_call(mask, fn, arg);
	atomic_thread_fence(memory_order_seq_cst);
}

static long run_private(int registered, uint64_t cpus, void (*fn)(void *))
{
	struct mm *mm = thread_current()->mm;

	if (!(atomic_load(&mm->membarrier_state) & (unsigned)registered)) {
		return -EPERM;
	}
	everywhere(cpus & atomic_load(&mm->space.active_cpus), fn, mm);
	return 0;
}

long membarrier_run(int cmd, unsigned flags, int cpu)
{
	struct mm *mm = thread_current()->mm;
	uint64_t all = sched_online_mask();

	if (cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ ? flags & ~MEMBARRIER_CMD_FLAG_CPU
							 : flags) {
		return -EINVAL;
	}
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY: return MEMBARRIER_CMD_ALL;
	case MEMBARRIER_CMD_GET_REGISTRATIONS: return (long)atomic_load(&mm->membarrier_state);
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
		atomic_fetch_or(&mm->membarrier_state, (unsigned)cmd);
		return 0;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED: everywhere(all, barrier_here, NULL); return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		return run_private(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, all, barrier_here);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: /* the interrupt's IRET serialises */
		return run_private(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, all,
				   barrier_here);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
		if (flags & MEMBARRIER_CMD_FLAG_CPU) {
			if (cpu < 0 || cpu >= MAX_CPUS || !(all >> cpu & 1)) {
				return -EINVAL;
			}
			all = 1ull << cpu;
		}
		return run_private(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, all,
				   restart_rseq);
	default: return -EINVAL;
	}
}
