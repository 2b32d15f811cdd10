/* SPDX-License-Identifier: MIT */
/*
 * wait4(2) and waitid(2): the core, see proc/lifecycle.h.
 *
 * All is looked at under proctree_lock, which is also what a child holds when it changes state and
 * wakes child_waitq: looking and going to sleep are one step to it.  The stop and continue reports
 * are the child's own ([S]), so its siglock is taken inside: each report is taken by one waiter.
 */
#include <proc/lifecycle.h>

#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <proc/limits.h>
#include <proc/tree.h>
#include <signal/signal.h>

static bool eligible_locked(const struct wait_request *r, const struct process *child)
	REQUIRES(proctree_role)
{
	bool clone_child = child->exit_signal != SIGCHLD;

	ASSERT(spin_held(&proctree_lock));
	if ((r->type == P_PID && process_pid(child) != r->id) ||
	    (r->type == P_PIDFD && child->pid != r->target) ||
	    (r->type == P_PGID && child->group->nr != r->id)) {
		return false;
	}
	if (r->options & WNOTHREAD && child->creator_tid != task_tid(task_current())) {
		return false;
	}
	return r->options & WALL || clone_child == !!(r->options & WCLONE);
}

/* What the child and those it waited for have used. */
static struct usage usage_of_locked(struct process *child) REQUIRES(proctree_role)
{
	struct usage u;

	ASSERT(spin_held(&proctree_lock));
	spin_lock(&child->siglock);
	u = child->dead_threads;
	u.maxrss_kib = MAX(u.maxrss_kib, child->vm_hiwater_kib);
	usage_add(&u, &child->children_usage);
	spin_unlock(&child->siglock);
	return u;
}

static void fill_locked(struct wait_request *r, struct process *child, int cause, uint32_t status)
	REQUIRES(proctree_role)
{
	struct usage u = usage_of_locked(child);

	usage_to_rusage(&u, &r->usage);
	r->pid = process_pid(child);
	spin_lock(&child->siglock); /* it may only have stopped, and one of its threads setuid() */
	r->uid = child->user->uid;
	spin_unlock(&child->siglock);
	r->cause = cause;
	r->status = status;
}

/* It becomes the waiter's children's. */
static void inherit_usage_locked(struct process *child) REQUIRES(proctree_role)
{
	struct process *p = process_current();
	struct usage u = usage_of_locked(child);

	ASSERT(spin_held(&proctree_lock));
	spin_lock(&p->siglock);
	usage_add(&p->children_usage, &u);
	spin_unlock(&p->siglock);
}

static bool take_zombie_locked(struct wait_request *r, struct process *child,
			       struct process **reaped) REQUIRES(proctree_role)
{
	ASSERT(spin_held(&proctree_lock));
	if (!(r->options & WEXITED) || child->state != PROCESS_ZOMBIE) {
		return false;
	}
	fill_locked(r, child, wait_status_cause(child->wait_status), child->wait_status);
	if (!(r->options & WNOWAIT)) {
		inherit_usage_locked(child);
		child->state = PROCESS_DEAD;
		tree_unlink_locked(child);
		*reaped = child;
	}
	return true;
}

static bool take_stop_locked(struct wait_request *r, struct process *child) REQUIRES(proctree_role)
{
	bool keep = r->options & WNOWAIT;
	int cause = 0;
	uint32_t status = 0;

	ASSERT(spin_held(&proctree_lock));
	spin_lock(&child->siglock);
	if (r->options & WSTOPPED && child->stop_report) {
		cause = CLD_STOPPED;
		status = child->stop_signal << 8 | 0x7f;
		child->stop_report = keep;
	} else if (r->options & WCONTINUED && child->cont_report) {
		cause = CLD_CONTINUED;
		status = 0xffff;
		child->cont_report = keep;
	}
	spin_unlock(&child->siglock);
	if (cause) {
		fill_locked(r, child, cause, status);
	}
	return cause != 0;
}

/* 1: r is filled; 0: the child is to be waited for; -ECHILD: it is not. */
static int look_at_locked(struct wait_request *r, struct process *child, struct process **reaped)
	REQUIRES(proctree_role)
{
	if (!eligible_locked(r, child)) {
		return -ECHILD;
	}
	if (take_zombie_locked(r, child, reaped) || take_stop_locked(r, child)) {
		return 1;
	}
	/* Somebody who waits only for stops is not kept waiting by zombies. */
	return child->state == PROCESS_ALIVE || r->options & WEXITED ? 0 : -ECHILD;
}

/* The same of all children, or of one, which may be anybody's. */
static int look_locked(struct wait_request *r, const struct process *p, struct process *one,
		       struct process **reaped) REQUIRES(proctree_role)
{
	struct process *child;
	int result = -ECHILD;

	ASSERT(spin_held(&proctree_lock));
	if (one) {
		return one->parent == p ? look_at_locked(r, one, reaped) : -ECHILD;
	}
	list_for_each_entry(child, &p->children, sibling_link) {
		int found = look_at_locked(r, child, reaped);

		if (found > 0) {
			return found;
		}
		result = found ? result : 0;
	}
	return result;
}

int process_wait(struct wait_request *r)
{
	struct process *p = process_current(), *one = NULL, *reaped = NULL;
	uint64_t flags;
	int result, err = 0;

	r->pid = 0;
	if (r->type == P_PID || r->type == P_PIDFD) {
		one = process_find(r->type == P_PID ? r->id : r->target->nr);
		if (!one) {
			return -ECHILD;
		}
	}
	flags = spin_lock_irqsave(&proctree_lock);
	for (;;) {
		result = look_locked(r, p, one, &reaped);
		if (result || r->options & WNOHANG) {
			break;
		}
		if (err) {
			result = err;
			break;
		}
		err = waitq_wait_irq(&p->child_waitq, &proctree_lock, WAIT_INTR, DEADLINE_NONE);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	process_put(reaped);
	process_put(one);
	return result < 0 ? result : 0;
}
