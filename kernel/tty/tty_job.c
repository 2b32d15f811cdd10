/* SPDX-License-Identifier: MIT */
/*
 * Terminals and job control: sessions, foreground groups, signals.
 *
 * All of it is under proctree_lock.  A session and its tty name each other or neither does; the
 * session's side counts the tty.  A tty is put only after the lock is dropped, as the last put
 * calls the driver.
 */
#include <fs/cred.h>
#include <linux/errno.h>
#include <proc/lifecycle.h>
#include <proc/tree.h>
#include <signal/signal.h>
#include <tty/tty.h>
#include "tty_internal.h"

struct tty *tty_get_current(void)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	struct session *s = process_current()->session;
	struct tty *tty = s ? s->tty : NULL;

	if (tty) {
		tty_get(tty);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	return tty;
}

void tty_check_unused(struct tty *tty)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);

	ASSERT(!tty->session && !tty->foreground);
	spin_unlock_irqrestore(&proctree_lock, flags);
}

bool tty_is_current(struct tty *tty)
{
	/* Not without the lock: another thread's setsid(2) may free the session. */
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	bool own = process_current()->session->tty == tty;

	spin_unlock_irqrestore(&proctree_lock, flags);
	return own;
}

static void set_foreground_locked(struct tty *tty, struct pid *group) REQUIRES(proctree_role)
{
	ASSERT(spin_held(&proctree_lock));
	if (group) {
		pid_get(group);
	}
	pid_put(tty->foreground);
	tty->foreground = group;
}

static void describe(const struct tty *tty, int *dev, int *foreground)
{
	spin_assert_held(&proctree_lock);
	*dev = (int)tty->dev;
	*foreground = tty->foreground ? tty->foreground->nr : -1;
}

static void disassociate(struct process *p);

static const struct session_tty_ops session_ops = {
	.leader_exit = disassociate,
	.describe = describe,
};

static void attach_locked(struct tty *tty, struct process *p) REQUIRES(proctree_role)
{
	ASSERT(spin_held(&proctree_lock));
	ASSERT(!tty->session && !p->session->tty);
	tty->session = p->session;
	p->session->tty = tty;
	p->session->tty_ops = &session_ops;
	tty_get(tty);
	set_foreground_locked(tty, p->group);
}

/* Returns the tty for the caller to put. */
static struct tty *detach_locked(struct session *s) REQUIRES(proctree_role)
{
	struct tty *tty = s->tty;

	ASSERT(spin_held(&proctree_lock));
	s->tty = NULL;
	s->tty_ops = NULL;
	if (tty) {
		tty->session = NULL;
		set_foreground_locked(tty, NULL);
	}
	return tty;
}

void tty_become_controlling(struct tty *tty)
{
	struct process *p = process_current();
	uint64_t flags = spin_lock_irqsave(&proctree_lock);

	if (p->session->leader == p && !p->session->tty && !tty->session) {
		attach_locked(tty, p);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
}

/* TIOCSCTTY */
int tty_steal_controlling(struct tty *tty, bool force)
{
	struct process *p = process_current();
	struct tty *old = NULL;
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	int err = 0;

	if (p->session->leader == p && p->session == tty->session) {
		err = 0;
	} else if (p->session->leader != p || p->session->tty) {
		err = -EPERM;
	} else if (tty->session && !(force && cred_capable(CAP_SYS_ADMIN))) {
		err = -EPERM;
	} else {
		if (tty->session) {
			old = detach_locked(tty->session);
		}
		attach_locked(tty, p);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	tty_put(old);
	return err;
}

/* When p leads its session it gives the terminal up: foreground jobs lose it. */
static void disassociate(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	struct tty *tty = NULL;

	if (p->session && p->session->leader == p && p->session->tty) {
		if (p->session->tty->foreground) {
			signal_kernel_group(p->session->tty->foreground, SIGHUP);
			signal_kernel_group(p->session->tty->foreground, SIGCONT);
		}
		tty = detach_locked(p->session);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	tty_put(tty);
}

int tty_give_up(struct tty *tty)
{
	if (!tty_is_current(tty)) {
		return -ENOTTY;
	}
	/* Others of the session only lose it with the leader: one tty per session here. */
	disassociate(process_current());
	return 0;
}

static bool ignores(struct process *p, int sig)
{
	return task_current()->blocked & SIGBIT(sig) ||
	       READ_ONCE(p->sighand->action[sig - 1].handler) == SIG_IGN;
}

int tty_job_control(struct tty *tty, int sig)
{
	struct process *p = process_current();
	struct pid *group = NULL;
	uint64_t flags;
	int err = 0;

	if (!thread_current()->task) {
		return 0;
	}
	flags = spin_lock_irqsave(&proctree_lock);
	if (p->session->tty != tty || !tty->foreground || tty->foreground == p->group) {
		err = 0;
	} else if (ignores(p, sig)) {
		err = sig == SIGTTIN ? -EIO : 0;
	} else if (tree_group_orphaned_locked(p->group, NULL)) {
		err = -EIO;
	} else {
		group = p->group;
		signal_kernel_group(group, sig);
		err = -ERESTARTSYS;
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	if (err == -ERESTARTSYS) {
		/* Another thread may take the signal; this one's call starts over all the same.
		 * Relaxed: it is for this thread, on its way back to the program. */
		atomic_fetch_or_explicit(&thread_current()->arch.work, WORK_SIGNAL,
					 memory_order_relaxed);
	}
	return err;
}

void tty_signal_keyboard(struct tty *tty, int sig)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);

	if (tty->foreground) {
		signal_kernel_group(tty->foreground, sig);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
}

bool tty_signal_foreground(struct tty *tty, const struct siginfo *info)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	bool any = tty->foreground && signal_send_members(tty->foreground, info);

	spin_unlock_irqrestore(&proctree_lock, flags);
	return any;
}

void tty_signal_hangup(struct tty *tty)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	struct session *s = tty->session;
	struct tty *detached = NULL;

	if (s) {
		if (s->leader) {
			signal_kernel(s->leader, SIGHUP);
			signal_kernel(s->leader, SIGCONT);
		}
		if (tty->foreground) {
			signal_kernel_group(tty->foreground, SIGHUP);
			signal_kernel_group(tty->foreground, SIGCONT);
		}
		detached = detach_locked(s);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	tty_put(detached);
}

/* TIOCGPGRP, TIOCGSID: from the slave only for one's own terminal. */
long tty_get_ids(struct tty *tty, bool any_session, bool want_session)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	long id;

	if (!any_session && process_current()->session->tty != tty) {
		id = -ENOTTY;
	} else if (want_session) {
		id = tty->session ? tty->session->sid->nr : -ENOTTY;
	} else {
		id = tty->foreground ? tty->foreground->nr : 0;
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	return id;
}

int tty_set_foreground(struct tty *tty, int pgid, bool any_session)
{
	struct process *self = process_current(), *p;
	struct pid *group;
	uint64_t flags;
	int err = tty_job_control(tty, SIGTTOU);

	if (err == -EIO) {
		return -ENOTTY;
	}
	if (err) {
		return err;
	}
	if (pgid < 0) {
		return -EINVAL;
	}
	group = pid_find(pgid);
	if (!group) {
		return -ESRCH;
	}
	flags = spin_lock_irqsave(&proctree_lock);
	if (self->session->tty != tty && !(any_session && tty->session)) {
		err = -ENOTTY;
	} else if (list_empty(&group->group)) {
		err = -ESRCH;
	} else {
		p = list_first_entry(&group->group, struct process, group_link);
		err = p->session != tty->session ? -EPERM : 0;
	}
	if (!err) {
		set_foreground_locked(tty, group);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	pid_put(group);
	return err;
}
