/* SPDX-License-Identifier: MIT */
/*
 * SEM_UNDO: what a thread's operations are to be undone by when it ends.  A list of adjustments
 * per set, shared by threads (CLONE_SYSVSEM); the last one to go applies it.
 */
#include "sem_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/slab.h>

struct sem_undo_list {
	_Atomic int32_t refs;
	SPINLOCK(sem_undo) lock; /* before the sets' */
	struct list undos;
};

static struct sem_undo_list *list_alloc(void)
{
	struct sem_undo_list *l = kzalloc(sizeof(*l));

	if (l) {
		atomic_store_explicit(&l->refs, 1, memory_order_relaxed);
		spin_init(&l->lock, RANK_IPC_TABLE, "sem undo list");
		list_init(&l->undos);
	}
	return l;
}

int sem_undo_copy(struct task *t, bool share)
{
	struct task *cur = task_current();

	if (!share) {
		return 0;
	}
	/* Made now, so that both have the same one. */
	if (!cur->sem_undo) {
		cur->sem_undo = list_alloc();
		if (!cur->sem_undo) {
			return -ENOMEM;
		}
	}
	atomic_fetch_add_explicit(&cur->sem_undo->refs, 1, memory_order_relaxed);
	t->sem_undo = cur->sem_undo;
	return 0;
}

static struct sem_undo *find_locked(struct sem_undo_list *l, struct sem_set *s)
{
	struct sem_undo *u;

	list_for_each_entry(u, &l->undos, list_link) {
		if (u->set == s) {
			return u;
		}
	}
	return NULL;
}

int sem_undo_get(struct sem_set *s, struct sem_undo **out)
{
	struct task *t = task_current();
	struct sem_undo_list *l = t->sem_undo;
	struct sem_undo *u, *fresh;

	if (!l) {
		l = t->sem_undo = list_alloc();
		if (!l) {
			return -ENOMEM;
		}
	}
	fresh = kzalloc(sizeof(*fresh) + s->n * sizeof(fresh->adj[0]));
	spin_lock(&l->lock);
	u = find_locked(l, s);
	if (!u && fresh) {
		u = fresh;
		fresh = NULL;
		u->set = s;
		atomic_fetch_add_explicit(&s->ipc.refs, 1, memory_order_relaxed);
		list_push_back(&l->undos, &u->list_link);
		spin_lock(&s->ipc.lock);
		list_push_back(&s->undos, &u->set_link);
		spin_unlock(&s->ipc.lock);
	}
	spin_unlock(&l->lock);
	kfree(fresh);
	*out = u;
	return u ? 0 : -ENOMEM;
}

void sem_undo_clear_locked(struct sem_set *s, int num)
{
	struct sem_undo *u;

	list_for_each_entry(u, &s->undos, set_link) {
		for (unsigned i = 0; i < s->n; i++) {
			if (num < 0 || (unsigned)num == i) {
				u->adj[i] = 0;
			}
		}
	}
}

static void apply(struct sem_undo *u)
{
	struct sem_set *s = u->set;

	spin_lock(&s->ipc.lock);
	list_remove(&u->set_link);
	for (unsigned i = 0; i < s->n && !s->ipc.removed; i++) {
		int val = s->sems[i].val + u->adj[i];

		if (u->adj[i]) {
			s->sems[i].val = (int16_t)MAX(0, MIN(val, SEMVMX));
			s->sems[i].pid = process_pid(process_current());
		}
	}
	if (!s->ipc.removed) {
		sem_wake_waiters_locked(s);
	}
	spin_unlock(&s->ipc.lock);
	sem_set_put(s);
	kfree(u);
}

void sem_undo_exit(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	t->sem_undo = NULL;
	if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	while (!list_empty(&l->undos)) {
		struct sem_undo *u = list_first_entry(&l->undos, struct sem_undo, list_link);

		list_remove(&u->list_link);
		apply(u);
	}
	kfree(l);
}
