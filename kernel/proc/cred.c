/* SPDX-License-Identifier: MIT */
/* Changes of credentials, see proc/limits.h. */
#include <fs/cred.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include "proc_internal.h"
#include <proc/limits.h>

void cred_init_root(struct cred *c, uint32_t uid, uint32_t gid)
{
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	c->cap_bounding = CAP_FULL_SET;
	if (uid == 0) {
		c->cap_permitted = c->cap_effective = CAP_FULL_SET;
	} else {
		c->cap_permitted = c->cap_effective = 0;
	}
}

/* Threads count against the account of their process's real uid. */
static void move_account(struct process *p, uint32_t uid)
{
	struct user_account *to = user_account_get(uid);
	struct user_account *from;
	uint64_t flags;

	if (!to) {
		return; /* out of memory: the old account keeps counting */
	}
	flags = process_lock(p);
	from = p->user;
	p->user = to;
	if (from) {
		atomic_fetch_sub_explicit(&from->threads, (int32_t)p->nthreads,
					  memory_order_relaxed);
	}
	atomic_fetch_add_explicit(&to->threads, (int32_t)p->nthreads, memory_order_relaxed);
	process_unlock(p, flags);
	user_account_put(from);
}

void cred_commit(struct cred *c)
{
	struct task *t = task_current();
	struct cred *old = t->thread.cred;
	uint64_t flags;

	if (old && (old->euid != c->euid || old->egid != c->egid || old->fsuid != c->fsuid ||
		    old->fsgid != c->fsgid)) {
		if (t->thread.mm) {
			t->thread.mm->dumpable = false;
		}
		atomic_store(&t->pdeath_signal, 0);
	}
	/* The first thread's real uid decides whom the process is charged to. */
	if (!t->process->user || (t->process->user->uid != c->uid)) {
		move_account(t->process, c->uid);
	}
	flags = process_lock(t->process);
	t->thread.cred = c;
	process_unlock(t->process, flags);
	cred_put(old);
}
