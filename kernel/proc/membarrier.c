/* SPDX-License-Identifier: MIT */
/* membarrier(2): makes other threads' CPUs pass a full barrier. */
#include <arch/smp.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <proc/rseq.h>
#include <proc/task.h>

enum {
	CMD_QUERY = 0,
	CMD_GLOBAL = 1 << 0,
	CMD_GLOBAL_EXPEDITED = 1 << 1,
	CMD_REGISTER_GLOBAL_EXPEDITED = 1 << 2,
	CMD_PRIVATE_EXPEDITED = 1 << 3,
	CMD_REGISTER_PRIVATE_EXPEDITED = 1 << 4,
	CMD_PRIVATE_EXPEDITED_SYNC_CORE = 1 << 5,
	CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 1 << 6,
	CMD_PRIVATE_EXPEDITED_RSEQ = 1 << 7,
	CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ = 1 << 8,
	CMD_GET_REGISTRATIONS = 1 << 9,
	CMD_ALL = (1 << 10) - 1,
};
#define FLAG_CPU 1u

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

	if (cmd == CMD_PRIVATE_EXPEDITED_RSEQ ? flags & ~FLAG_CPU : flags) {
		return -EINVAL;
	}
	switch (cmd) {
	case CMD_QUERY: return CMD_ALL;
	case CMD_GET_REGISTRATIONS: return (long)atomic_load(&mm->membarrier_state);
	case CMD_REGISTER_GLOBAL_EXPEDITED:
	case CMD_REGISTER_PRIVATE_EXPEDITED:
	case CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
	case CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
		atomic_fetch_or(&mm->membarrier_state, (unsigned)cmd);
		return 0;
	case CMD_GLOBAL:
	case CMD_GLOBAL_EXPEDITED: everywhere(all, barrier_here, NULL); return 0;
	case CMD_PRIVATE_EXPEDITED:
		return run_private(CMD_REGISTER_PRIVATE_EXPEDITED, all, barrier_here);
	case CMD_PRIVATE_EXPEDITED_SYNC_CORE: /* the interrupt's IRET serialises */
		return run_private(CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, all, barrier_here);
	case CMD_PRIVATE_EXPEDITED_RSEQ:
		if (flags & FLAG_CPU) {
			if (cpu < 0 || cpu >= MAX_CPUS || !(all >> cpu & 1)) {
				return -EINVAL;
			}
			all = 1ull << cpu;
		}
		return run_private(CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, all, restart_rseq);
	default: return -EINVAL;
	}
}
