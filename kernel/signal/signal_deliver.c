/* SPDX-License-Identifier: MIT */
/*
 * Signals on the way to user mode: what each does, and what becomes of interrupted calls.
 *
 * WORK_SIGNAL is cleared first and `interrupted` recomputed last, under the siglock, so a signal that
 * comes in between is either taken by the loop or sets both again.
 *
 * What the process as a whole is told comes before any signal: to end, to make way for an exec, to
 * stop.  For a stop and for reports the siglock is dropped, hence a loop (must_obey()): when it is
 * left, none of them is due and the lock has not been dropped since.
 */
#include <signal/signal.h>

#include <arch/trap.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <proc/coredump.h>
#include <proc/lifecycle.h>
#include <proc/rseq.h>
#include <proc/stop.h>
#include <proc/tree.h>
#include "signal_internal.h"

#define SYSCALL_INSN_LEN 2

/* --- interrupted calls (signal(7)) --- */

static void restart(struct trap_frame *f, uint64_t nr)
{
	f->rax = nr;
	f->rip -= SYSCALL_INSN_LEN;
	f->orig_rax = ~0ull;
}

static void finish_call_with_handler(struct trap_frame *f, const struct linux_sigaction *act)
{
	if (f->orig_rax == ~0ull) {
		return;
	}
	switch (-(int64_t)f->rax) {
	case ERESTARTSYS:
		if (act->flags & SA_RESTART) {
			restart(f, f->orig_rax);
			return;
		}
		break;
	case ERESTARTNOINTR: restart(f, f->orig_rax); return;
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK: break;
	default: return;
	}
	f->rax = (uint64_t)-EINTR;
	f->orig_rax = ~0ull;
}

static void finish_call_without_handler(struct trap_frame *f)
{
	if (f->orig_rax == ~0ull) {
		return;
	}
	switch (-(int64_t)f->rax) {
	case ERESTARTSYS:
	case ERESTARTNOHAND:
	case ERESTARTNOINTR: restart(f, f->orig_rax); break;
	case ERESTART_RESTARTBLOCK: restart(f, NR_RESTART_SYSCALL); break;
	default: break;
	}
}

/* --- default actions --- */

static NORETURN void die(int sig, const struct siginfo *info)
{
	bool core = false;

	if (signal_default_dumps(sig)) {
		crash_report(sig, info);
		core = coredump_write(sig, info);
	}
	process_exit_group((uint32_t)sig | (core ? 0x80 : 0));
}

/* siglock held; dropped and taken again.  A terminal's stop signals do nothing to a group that
 * nobody could continue. */
static void stop_by_default(struct process *p, int sig, uint64_t *flags) REQUIRES(siglock_role)
{
	if (sig != SIGSTOP) {
		uint64_t tree_flags;
		bool orphaned;

		process_unlock(p, *flags);
		tree_flags = spin_lock_irqsave(&proctree_lock);
		orphaned = tree_group_orphaned_locked(p->group, NULL);
		spin_unlock_irqrestore(&proctree_lock, tree_flags);
		*flags = process_lock(p);
		/* SIGCONT came meanwhile: it undoes the stop. */
		if (orphaned || p->cont_count != task_current()->cont_seen) {
			return;
		}
	}
	process_stop_begin_locked(p, sig);
}

static struct linux_sigaction take_action(struct process *p, int sig) REQUIRES(siglock_role)
{
	struct sighand *h = p->sighand;
	struct linux_sigaction act;

	spin_lock(&h->lock);
	act = h->action[sig - 1];
	if (act.handler > SIG_IGN && act.flags & SA_RESETHAND) {
		h->action[sig - 1].handler = SIG_DFL;
	}
	spin_unlock(&h->lock);
	return act;
}

/* What the whole process is told to do comes before any signal.  siglock held. */
static void obey_process_locked(struct process *p, struct task *t, uint64_t *flags)
	REQUIRES(siglock_role)
{
	ASSERT(spin_held(&p->siglock));
	if (atomic_load(&p->group_exit)) {
		uint32_t status = p->exit_status;

		process_unlock(p, *flags);
		task_exit(status);
	}
	if (p->exec_task && p->exec_task != t) {
		process_unlock(p, *flags);
		task_exit(0);
	}
	if (atomic_load(&p->stop_active)) {
		task_stop_locked(p, flags);
	}
	if (p->cont_pending) {
		p->cont_pending = false;
		process_unlock(p, *flags);
		process_report_continue(p);
		*flags = process_lock(p);
	}
}

static bool must_obey(struct process *p, struct task *t) REQUIRES(siglock_role)
{
	return atomic_load(&p->group_exit) || (p->exec_task && p->exec_task != t) ||
	       atomic_load(&p->stop_active) || p->cont_pending;
}

/* Takes signals until one has a handler: its number, or 0. */
static int next_with_handler(struct task *t, struct siginfo *info, struct linux_sigaction *act)
{
	struct process *p = t->process;
	uint64_t flags = process_lock(p);
	int sig;

	for (;;) {
		while (must_obey(p, t)) {
			obey_process_locked(p, t, &flags);
		}
		t->cont_seen = p->cont_count;
		sig = signal_dequeue_locked(t, ~t->blocked, info);
		if (!sig) {
			break;
		}
		*act = take_action(p, sig);
		if (act->handler > SIG_IGN) {
			break;
		}
		if (act->handler == SIG_IGN || signal_default_ignored(sig)) {
			continue;
		}
		if (signal_default_stops(sig)) {
			stop_by_default(p, sig, &flags);
			continue;
		}
		process_unlock(p, flags);
		die(sig, info);
	}
	signal_recalc_locked(t);
	process_unlock(p, flags);
	return sig;
}

/* The frame can't be written: the thread has no stack to speak of. */
static void frame_failed(int sig)
{
	if (sig == SIGSEGV) {
		signal_force_fatal(SIGSEGV);
	} else {
		struct siginfo info;

		siginfo_init(&info, SIGSEGV, SI_KERNEL);
		signal_force_current(&info);
	}
}

void signal_deliver(struct trap_frame *f)
{
	struct task *t = task_current();
	struct linux_sigaction act;
	struct siginfo info;
	uint64_t mask;
	int sig;

	atomic_fetch_and(&t->thread.arch.work, ~(uint32_t)WORK_SIGNAL);
	sig = next_with_handler(t, &info, &act);
	if (!sig) {
		finish_call_without_handler(f);
		if (t->restore_blocked) {
			t->restore_blocked = false;
			signal_set_blocked(t->saved_blocked);
		}
		return;
	}
	if (t->rseq_addr) {
		rseq_signal_deliver(f);
	}
	finish_call_with_handler(f, &act);
	mask = t->restore_blocked ? t->saved_blocked : t->blocked;
	if (sigframe_setup(f, sig, &act, &info, mask)) {
		frame_failed(sig);
		return;
	}
	t->restore_blocked = false;
	signal_set_blocked(t->blocked | act.mask | (act.flags & SA_NODEFER ? 0 : SIGBIT(sig)));
}
