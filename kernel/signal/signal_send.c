/* SPDX-License-Identifier: MIT */
/*
 * Sending signals: who may, what becomes pending, who is woken.
 *
 * A signal and the end of the thread that is to take it: a sender chooses among threads that are not
 * `exiting`, under the siglock; one that sets it (task_exit()) or blocks the signal hands on what is
 * pending for the process in the same hold of the lock (signal_retarget_locked()).  So what is pending
 * and not blocked by all always has a thread that is on its way to look.
 *
 * A fatal signal without a core ends the process when it is sent, not when it is taken, so that threads
 * in killable waits end, too.
 */
#include <signal/signal.h>

#include <fs/cred.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <proc/lifecycle.h>
#include <proc/limits.h>
#include <proc/stop.h>
#include <proc/tree.h>
#include "signal_internal.h"

#define STOP_SIGNALS (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))

void signal_wake_task_locked(struct task *t, bool killed)
{
	ASSERT(spin_held(&t->process->siglock));
	if (!t->exiting) {
		sched_interrupt(&t->thread, killed);
	}
}

/* --- choosing a thread --- */

static bool wants(const struct task *t, int sig) REQUIRES(siglock_role)
{
	if (t->exiting || t->blocked & SIGBIT(sig)) {
		return false;
	}
	if (sig == SIGKILL) {
		return true;
	}
	return !t->stopped && !atomic_load_explicit(&t->thread.interrupted, memory_order_relaxed);
}

static struct task *choose(struct process *p, int sig) REQUIRES(siglock_role)
{
	struct task *t, *busy = NULL;

	if (p->leader && wants(p->leader, sig)) {
		return p->leader;
	}
	list_for_each_entry(t, &p->threads, thread_link) {
		if (wants(t, sig)) {
			return t;
		}
		/* Already on its way to look at its signals. */
		if (!busy && !t->exiting && !t->stopped && !(t->blocked & SIGBIT(sig))) {
			busy = t;
		}
	}
	return busy;
}

static uint64_t handler_of(struct process *p, int sig)
{
	return READ_ONCE(p->sighand->action[sig - 1].handler);
}

static bool is_fatal(struct process *p, int sig)
{
	return sig == SIGKILL || (handler_of(p, sig) == SIG_DFL && !signal_default_ignored(sig) &&
				  !signal_default_stops(sig));
}

/* A pending signal wakes whoever takes it.  One that ends the process without a core does so
 * now, so that threads in killable waits end, too. */
static void complete(struct process *p, struct task *t, int sig) REQUIRES(siglock_role)
{
	if (t && !wants(t, sig)) {
		if (t->exiting || t->blocked & SIGBIT(sig)) {
			return;
		}
	} else if (!t) {
		t = choose(p, sig);
	}
	if (!t) {
		return;
	}
	if (is_fatal(p, sig) && (sig == SIGKILL || !signal_default_dumps(sig)) &&
	    !(t->real_blocked & SIGBIT(sig))) {
		process_kill_threads_locked(p, (uint32_t)sig);
		return;
	}
	signal_wake_task_locked(t, sig == SIGKILL);
}

void signal_retarget_locked(struct process *p, struct task *gone, uint64_t set)
{
	struct task *t;

	ASSERT(spin_held(&p->siglock));
	set &= p->shared.set;
	if (!set) {
		return;
	}
	list_for_each_entry(t, &p->threads, thread_link) {
		if (t == gone || t->exiting || !(set & ~t->blocked)) {
			continue;
		}
		set &= t->blocked;
		signal_wake_task_locked(t, false);
		if (!set) {
			break;
		}
	}
}

/* --- becoming pending --- */

static bool is_ignored(struct process *p, struct task *t, int sig) REQUIRES(siglock_role)
{
	uint64_t handler = handler_of(p, sig);

	if (!t) {
		t = p->leader;
		if (!t && !list_empty(&p->threads)) {
			t = list_first_entry(&p->threads, struct task, thread_link);
		}
	}
	/* A blocked one is kept: the action may change before it is unblocked. */
	if (t && (t->blocked | t->real_blocked) & SIGBIT(sig)) {
		return false;
	}
	return handler == SIG_IGN || (handler == SIG_DFL && signal_default_ignored(sig));
}

/* Side effects of generating a signal; false: it has no further effect. */
static bool prepare(struct process *p, struct task *t, int sig) REQUIRES(siglock_role)
{
	if (atomic_load(&p->group_exit)) {
		if (sig == SIGKILL && p->core_dumper) { /* a dump is as long as memory is large */
			signal_wake_task_locked(p->core_dumper, true);
		}
		return false;
	}
	if (SIGBIT(sig) & STOP_SIGNALS) {
		signal_flush_locked(p, SIGBIT(SIGCONT));
	} else if (sig == SIGCONT) {
		signal_flush_locked(p, STOP_SIGNALS);
		process_continue_locked(p);
	} else if (sig == SIGKILL) {
		atomic_store(&p->stop_active, false);
	}
	return !is_ignored(p, t, sig);
}

static bool charged_despite_limit(int sig, const struct siginfo *info)
{
	return sig < SIGRTMIN && info->code >= 0;
}

int signal_send_locked(struct process *p, struct task *t, const struct siginfo *info,
		       struct sigqueue *own)
{
	struct sigpending *pending = t ? &t->pending : &p->shared;
	int sig = info->signo;
	struct sigqueue *q = own;

	ASSERT(spin_held(&p->siglock));
	ASSERT(signal_valid(sig));
	if (p->nthreads == 0 || (t && t->exiting) || !prepare(p, t, sig)) {
		return 0;
	}
	if (sig < SIGRTMIN && pending->set & SIGBIT(sig)) {
		return 0; /* queued once */
	}
	if (sig == SIGKILL) {
		process_kill_threads_locked(p, SIGKILL);
		return 0;
	}
	if (!q) {
		q = sigqueue_alloc(p->user, process_rlimit(p, RLIMIT_SIGPENDING),
				   charged_despite_limit(sig, info));
		if (!q && sig >= SIGRTMIN && info->code != SI_USER && info->code != SI_KERNEL) {
			return -EAGAIN;
		}
	}
	if (q) {
		q->info = *info;
		q->on = pending;
		list_push_back(&pending->queue, &q->link);
	}
	pending->set |= SIGBIT(sig);
	waitq_wake_all(&p->signal_waitq);
	complete(p, t, sig);
	return 0;
}

int signal_send_task(struct task *t, const struct siginfo *info)
{
	uint64_t flags = process_lock(t->process);
	int err = signal_send_locked(t->process, t, info, NULL);

	process_unlock(t->process, flags);
	return err;
}

int signal_send_process(struct process *p, const struct siginfo *info)
{
	uint64_t flags = process_lock(p);
	int err = signal_send_locked(p, NULL, info, NULL);

	process_unlock(p, flags);
	return err;
}

void signal_kernel_locked(struct process *p, int sig)
{
	struct siginfo info;

	siginfo_init(&info, sig, SI_KERNEL);
	(void)!signal_send_locked(p, NULL, &info, NULL);
}

void signal_kernel(struct process *p, int sig)
{
	uint64_t flags = process_lock(p);

	signal_kernel_locked(p, sig);
	process_unlock(p, flags);
}

bool signal_send_members(struct pid *group, const struct siginfo *info)
{
	struct process *p;

	ASSERT(spin_held(&proctree_lock));
	list_for_each_entry(p, &group->group, group_link) {
		(void)!signal_send_process(p, info);
	}
	return !list_empty(&group->group);
}

void signal_kernel_group(struct pid *group, int sig)
{
	struct siginfo info;

	siginfo_init(&info, sig, SI_KERNEL);
	signal_send_members(group, &info);
}

/* --- to groups, with permission checks (kill(2)) --- */

static bool may_signal(const struct cred *me, const struct cred *target)
{
	return me->u.eff == target->u.real || me->u.eff == target->u.saved ||
	       me->u.real == target->u.real || me->u.real == target->u.saved;
}

int signal_check_permission(struct process *p, int sig)
{
	struct process *self = process_current();
	const struct session *session = READ_ONCE(p->session); /* only compared */
	struct cred *target;
	bool ok;

	if (p == self || cred_capable(CAP_KILL)) {
		return 0;
	}
	/* A zombie has no credentials left but its owner. */
	target = process_get_cred(p);
	if (!target) {
		const struct cred *me = thread_current()->cred;
		uint32_t uid = process_uid(p);

		return uid == me->u.real || uid == me->u.eff ? 0 : -EPERM;
	}
	ok = may_signal(thread_current()->cred, target) ||
	     (sig == SIGCONT && session && session == READ_ONCE(self->session));
	cred_put(target);
	return ok ? 0 : -EPERM;
}

static int send_checked(struct process *p, const struct siginfo *info)
{
	int err = signal_check_permission(p, info->signo);

	if (!err && info->signo) {
		err = signal_send_process(p, info);
	}
	return err;
}

int signal_send_group(int pgid, const struct siginfo *info)
{
	struct pid *group = pid_find(pgid);
	struct process *p;
	bool any = false, sent = false;
	uint64_t flags;
	int err = 0;

	if (!group) {
		return -ESRCH;
	}
	flags = spin_lock_irqsave(&proctree_lock);
	list_for_each_entry(p, &group->group, group_link) {
		int e = send_checked(p, info);

		any = true;
		sent |= !e;
		err = e ? e : err;
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	pid_put(group);
	if (!any) {
		return -ESRCH;
	}
	return sent ? 0 : err;
}

/* kill(-1): all but pid 1 and the caller. */
int signal_send_all(const struct siginfo *info)
{
	struct process *p, *self = process_current();
	bool any = false;
	int err = 0;

	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		nr = process_pid(p) + 1;
		if (!p->is_init && p != self) {
			int e = send_checked(p, info);

			any = true;
			err = e && e != -EPERM ? e : err;
		}
	}
	return any ? err : -ESRCH;
}

/* --- to oneself, for faults --- */

void signal_force_current(const struct siginfo *info)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct linux_sigaction *a = &p->sighand->action[info->signo - 1];
	uint64_t flags = process_lock(p), bit = SIGBIT(info->signo);

	spin_lock(&p->sighand->lock);
	if (t->blocked & bit || a->handler == SIG_IGN) {
		a->handler = SIG_DFL;
		t->blocked &= ~bit;
	}
	spin_unlock(&p->sighand->lock);
	(void)!signal_send_locked(p, t, info, NULL);
	signal_recalc_locked(t);
	process_unlock(p, flags);
}

void signal_force_fatal(int sig)
{
	struct process *p = process_current();
	struct siginfo info;
	uint64_t flags = spin_lock_irqsave(&p->sighand->lock);

	p->sighand->action[sig - 1].handler = SIG_DFL;
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	siginfo_init(&info, sig, SI_KERNEL);
	signal_force_current(&info);
}
