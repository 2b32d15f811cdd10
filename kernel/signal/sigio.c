/* SPDX-License-Identifier: MIT */
/*
 * F_SETOWN, and the signals of O_ASYNC, see signal/sigio.h.
 *
 * owner_lock covers the owners of all files: they are set rarely, and the one kernel thread that
 * sends takes a copy.
 */
#include <signal/sigio.h>

#include <fs/cred.h>
#include <fs/event/poll.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <proc/task.h>
#include <signal/signal.h>

static SPINLOCK(file_owner) owner_lock = SPINLOCK_INIT(RANK_FS_LEAF, "file owner");

int sigio_set_owner(struct file *f, int type, int nr)
{
	const struct cred *c = thread_current()->cred;
	struct file_owner fresh = { .type = type, .uid = c->u.real, .euid = c->u.eff }, old;

	if (nr) {
		fresh.pid = pid_find(nr);
		if (!fresh.pid) {
			return -ESRCH;
		}
	}
	spin_lock(&owner_lock);
	old = f->owner;
	f->owner = fresh;
	spin_unlock(&owner_lock);
	pid_put(old.pid);
	return 0;
}

/* The owner as it is now, its pid counted. */
static struct file_owner get_owner(struct file *f)
{
	struct file_owner o;

	spin_lock(&owner_lock);
	o = f->owner;
	if (o.pid) {
		pid_get(o.pid);
	}
	spin_unlock(&owner_lock);
	return o;
}

void sigio_drop_owner(struct file *f)
{
	struct file_owner o;

	spin_lock(&owner_lock);
	o = f->owner;
	f->owner.pid = NULL;
	spin_unlock(&owner_lock);
	pid_put(o.pid);
}

static bool names_somebody(const struct file_owner *o)
{
	uint64_t flags;
	bool any;

	if (!o->pid) {
		return false;
	}
	flags = spin_lock_irqsave(&proctree_lock);
	if (o->type == F_OWNER_PGRP) {
		any = !list_empty(&o->pid->group);
	} else {
		any = o->pid->process || (o->type == F_OWNER_TID && READ_ONCE(o->pid->task));
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	return any;
}

int sigio_get_owner(struct file *f, int *type)
{
	struct file_owner o = get_owner(f);
	int nr = names_somebody(&o) ? o.pid->nr : 0;

	*type = o.pid ? o.type : F_OWNER_PID;
	pid_put(o.pid);
	return nr;
}

/* --- sending --- */

static bool may_signal(const struct file_owner *o, struct process *p)
{
	struct cred *c = process_get_cred(p);
	bool may = c && (o->euid == 0 || o->euid == c->u.real || o->euid == c->u.saved ||
			 o->uid == c->u.real || o->uid == c->u.saved);

	cred_put(c);
	return may;
}

/* To t, or to the process (NULL).  A chosen signal that can't be queued becomes a SIGIO. */
static void send_one(const struct file_owner *o, struct process *p, struct task *t,
		     const struct siginfo *chosen)
{
	struct siginfo plain;
	int err;

	if (!may_signal(o, p)) {
		return;
	}
	if (signal_valid(chosen->signo)) {
		err = t ? signal_send_task(t, chosen) : signal_send_process(p, chosen);
		if (!err) {
			return;
		}
	}
	siginfo_init(&plain, SIGIO, SI_KERNEL);
	(void)!(t ? signal_send_task(t, &plain) : signal_send_process(p, &plain));
}

static void send_group(const struct file_owner *o, const struct siginfo *info)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	struct process *p;

	list_for_each_entry(p, &o->pid->group, group_link) {
		send_one(o, p, NULL, info);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
}

static int code_of(int band)
{
	if (band & POLLIN) {
		return POLL_IN;
	}
	return band & POLLOUT ? POLL_OUT : POLL_ERR;
}

/* F_SETSIG: SIGIO by default, with siginfo only for a chosen signal. */
void sigio_send(struct file *f, int band)
{
	struct file_owner o = get_owner(f);
	struct process *p = NULL;
	struct task *t = NULL;
	struct siginfo info;

	if (!o.pid) {
		return;
	}
	siginfo_init(&info, atomic_load(&f->owner_sig), code_of(band));
	info.poll.band = band;
	info.poll.fd = f->async_fd;
	switch (o.type) {
	case F_OWNER_TID:
		t = pid_get_task(o.pid);
		if (t) {
			send_one(&o, t->process, t, &info);
		}
		break;
	case F_OWNER_PID:
		p = pid_get_process(o.pid);
		if (p) {
			send_one(&o, p, NULL, &info);
		}
		break;
	default: send_group(&o, &info); break;
	}
	task_put(t);
	process_put(p);
	pid_put(o.pid);
}
