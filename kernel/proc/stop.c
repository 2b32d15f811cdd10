/* SPDX-License-Identifier: MIT */
/*
 * Stopping and continuing a process, see proc/stop.h.
 *
 * A stop signal that takes its default action sets stop_active and interrupts all threads; each
 * counts itself when it gets to signal_deliver() and sleeps there.  The last to arrive makes the
 * process "stopped", which the parent hears of.  SIGCONT (when it is sent, whether blocked or
 * ignored or not) and SIGKILL end the stop.
 *
 * Stop against continue: all state is under the siglock.  The thread that takes a stop signal has to
 * drop it to ask whether its group is orphaned; a SIGCONT in between would be undone by the stop that
 * follows.  So it compares cont_count with what it was when the signal was taken.  A report to the
 * parent is sent without the siglock (proctree_lock comes first): a stop may be over when the parent
 * looks, which is why wait looks at stop_report and not at the signal.
 */
#include <proc/stop.h>

#include <lib/assert.h>
#include <linux/errno.h>
#include <signal/signal.h>
#include "proc_internal.h"

void process_stop_begin_locked(struct process *p, int sig)
{
	struct task *t;

	ASSERT(spin_held(&p->siglock));
	if (atomic_load(&p->stop_active)) {
		return;
	}
	atomic_store(&p->stop_active, true);
	p->is_stopped = false;
	p->stop_count = 0;
	p->stop_signal = (uint32_t)sig;
	list_for_each_entry(t, &p->threads, thread_link) {
		t->stopped = false;
		if (!t->exiting && t != task_current()) {
			signal_wake_task_locked(t, false);
		}
	}
}

static unsigned threads_to_stop_locked(struct process *p) REQUIRES(siglock_role)
{
	struct task *t;
	unsigned n = 0;

	ASSERT(spin_held(&p->siglock));
	list_for_each_entry(t, &p->threads, thread_link) {
		n += !t->exiting;
	}
	return n;
}

/* True when the process has just become stopped. */
static bool check_complete_locked(struct process *p) REQUIRES(siglock_role)
{
	ASSERT(spin_held(&p->siglock));
	if (!atomic_load(&p->stop_active) || p->is_stopped || p->stop_count == 0 ||
	    p->stop_count < threads_to_stop_locked(p)) {
		return false;
	}
	p->is_stopped = true;
	p->stop_report = true;
	p->cont_report = false;
	return true;
}

bool process_stop_thread_gone_locked(struct process *p)
{
	return check_complete_locked(p);
}

void process_report_stop(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);

	process_notify_parent_locked(p, CLD_STOPPED, (int)READ_ONCE(p->stop_signal));
	spin_unlock_irqrestore(&proctree_lock, flags);
}

void process_report_continue(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);

	process_notify_parent_locked(p, CLD_CONTINUED, SIGCONT);
	spin_unlock_irqrestore(&proctree_lock, flags);
}

void task_stop_locked(struct process *p, uint64_t *flags)
{
	struct task *t = task_current();

	ASSERT(spin_held(&p->siglock));
	while (atomic_load(&p->stop_active) && !atomic_load(&t->thread.killed)) {
		if (!t->stopped) {
			t->stopped = true;
			p->stop_count++;
			if (check_complete_locked(p)) {
				process_unlock(p, *flags);
				process_report_stop(p);
				*flags = process_lock(p);
				continue;
			}
		}
		(void)!waitq_wait_irq(&p->stop_waitq, &p->siglock, WAIT_KILLABLE, DEADLINE_NONE);
	}
	t->stopped = false;
}

/* SIGCONT was sent: the report to the parent is left to the continued process. */
void process_continue_locked(struct process *p)
{
	struct task *t;

	ASSERT(spin_held(&p->siglock));
	p->cont_count++;
	if (!atomic_load(&p->stop_active)) {
		return;
	}
	p->cont_pending = p->is_stopped;
	if (p->is_stopped) {
		p->cont_report = true;
		p->stop_report = false;
	}
	p->is_stopped = false;
	atomic_store(&p->stop_active, false);
	list_for_each_entry(t, &p->threads, thread_link) {
		t->stopped = false;
	}
	waitq_wake_all(&p->stop_waitq);
}
