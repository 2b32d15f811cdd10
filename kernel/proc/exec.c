/* SPDX-License-Identifier: MIT */
/*
 * The process side of execve(2), see proc/exec.h.
 *
 * Exec against the other threads: p->exec_task says that one thread wants to be alone; all others
 * obey it like a group exit (obey_process_locked() in signal_deliver.c), and clone() refuses to add
 * threads.  Two execs at once: the second sees exec_task or group_exit under the siglock and gives up
 * with EAGAIN, to die on its way to user mode.  A group exit meanwhile kills the waiting exec, too.
 *
 * Exec against signals: handlers are shared with other processes only by CLONE_SIGHAND without
 * CLONE_THREAD, and unshared before they are reset.  What is pending stays pending.  Exec against
 * those who look in (proc/access.h): memory and credentials change in one section of the siglock, in
 * which they check and take; so nobody gets the new memory by the rights of the old program.
 */
#include <proc/exec.h>

#include <arch/fpu.h>
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <futex/futex.h>
#include <proc/lifecycle.h>
#include <proc/cred.h>
#include <proc/limits.h>
#include <time/posix_timers.h>
#include <signal/signal.h>
#include "proc_internal.h"

/* --- the other threads --- */

static int process_kill_other_threads(void)
{
	struct task *t = task_current(), *other;
	struct process *p = t->process;
	uint64_t flags = process_lock(p);
	int err = 0;

	if (atomic_load(&p->group_exit) || p->exec_task) {
		process_unlock(p, flags);
		return -EAGAIN;
	}
	p->exec_task = t;
	list_for_each_entry(other, &p->threads, thread_link) {
		if (other != t) {
			signal_wake_task_locked(other, true);
		}
	}
	while (p->nthreads > 1 && !err) {
		err = waitq_wait_irq(&p->thread_exit_waitq, &p->siglock, WAIT_KILLABLE,
				     DEADLINE_NONE);
	}
	p->exec_task = NULL;
	process_unlock(p, flags);
	return err ? -EINTR : 0;
}

/* The one thread left goes by the number of the process. */
static void take_over_leader(struct task *t)
{
	struct process *p = t->process;
	struct pid *old = t->pid;
	uint64_t flags;

	if (old == p->pid) {
		return;
	}
	pid_get(p->pid);
	pid_use(p->pid);
	flags = process_lock(p);
	t->pid = p->pid;
	p->leader = t;
	process_unlock(p, flags);
	pid_set_task(old, NULL);
	pid_set_task(p->pid, t);
	pid_unuse(old);
	pid_put(old);
}

static int unshare_sighand(struct process *p)
{
	struct sighand *fresh, *old = p->sighand;
	uint64_t flags;

	if (refcount_read(&old->refs) == 1) {
		return 0;
	}
	fresh = sighand_copy(old);
	if (!fresh) {
		return -ENOMEM;
	}
	flags = process_lock(p);
	p->sighand = fresh;
	process_unlock(p, flags);
	sighand_put(old);
	return 0;
}

int proc_exec_point_of_no_return(void)
{
	struct task *t = task_current();
	int err = fdtable_unshare_current();

	if (!err) {
		err = process_kill_other_threads();
	}
	if (!err) {
		err = unshare_sighand(t->process);
	}
	if (err) {
		return err;
	}
	take_over_leader(t);
	futex_exit(t);
	return 0;
}

/* --- the rest --- */

static void reset_thread(struct task *t)
{
	t->altstack_sp = t->altstack_size = 0;
	t->altstack_flags = SS_DISABLE;
	t->robust_list.addr = 0;
	t->clear_child_tid.addr = 0;
	t->set_child_tid.addr = 0;
	t->rseq_addr = 0;
	t->thread.notify_switch = false;
	t->restart.fn = NULL;
	t->pi_exited = false;
	fpu_init_area(t->thread.arch.fpu);
	fpu_load_current();
	arch_set_fs_base(&t->thread.arch, 0);
	arch_set_gs_base(&t->thread.arch, 0);
}

/* The step between two programs: whoever looks before it sees the old one, after it the new one
 * with its rights. */
static void become(struct task *t, const char *comm, struct mm *mm, struct cred *cred)
{
	struct process *p = t->process;
	struct cred *old_cred = t->thread.cred;
	struct mm *old_mm;
	uint64_t flags;

	if (old_cred->u.real != old_cred->u.eff || old_cred->g.real != old_cred->g.eff ||
	    cred_gains(old_cred, cred)) {
		mm->dumpable = false;
		atomic_store_explicit(&t->pdeath_signal, 0, memory_order_relaxed);
	}
	mm->no_huge = t->thread.mm && READ_ONCE(t->thread.mm->no_huge);
	flags = process_lock(p);
	t->thread.cred = cred;
	old_mm = mm_swap_current(mm);
	str_copy(t->thread.name, comm, sizeof(t->thread.name));
	p->exit_signal = SIGCHLD;
	p->exec_count++;
	process_unlock(p, flags);
	cred_put(old_cred);
	mm_put(old_mm);
}

void proc_exec_commit(const char *comm, struct mm *mm, struct cred *cred)
{
	struct task *t = task_current();
	struct process *p = t->process;

	become(t, comm, mm, cred);
	p->did_exec = true;
	sighand_reset(p->sighand, false);
	timers_exec(p);
	reset_thread(t);
	fdtable_close_on_exec(t->thread.files);
	vfork_release(t);
}

void proc_exec_die(int signal)
{
	process_exit_group((uint32_t)signal);
}
