/* SPDX-License-Identifier: MIT */
/*
 * SEM_UNDO: what a thread's operations are to be undone by when it ends.  A list of adjustments
 * per set, shared by threads (CLONE_SYSVSEM); the last one to go applies it.
 *
 * An entry is in its list and in its set, and counts the set.  Its adjustments are changed under
 * the set's lock and only while the set is not removed; so the entry of a removed set is nobody's,
 * even when a thread still has its address, and those who add entries free it: each looks at a few.
 *
 * Locks: the list's, then a set's.
 */
#include "sem_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/slab.h>

#define LOOK_AT 4

struct sem_undo_list {
	struct refcount refs; /* tasks that have it */
	SPINLOCK(sem_undo) lock;
	struct list undos GUARDED_BY(sem_undo_role);
	struct rb_tree by_set GUARDED_BY(sem_undo_role); /* the same, by address of the set */
};

static struct sem_undo_list *list_alloc(void)
{
	struct sem_undo_list *l = kzalloc(sizeof(*l));

	if (l) {
		refcount_init(&l->refs, 1);
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
	refcount_get(&cur->sem_undo->refs);
	t->sem_undo = cur->sem_undo;
	return 0;
}

/* The place of the set in the tree: *link is NULL when there is no entry for it. */
static struct rb_node **find_place_locked(struct sem_undo_list *l, const struct sem_set *s,
					  struct rb_node **parent) REQUIRES(sem_undo_role)
{
	struct rb_node **link = &l->by_set.root;

	ASSERT(spin_held(&l->lock));
	*parent = NULL;
	while (*link) {
		const struct sem_set *other = rb_entry(*link, struct sem_undo, node)->set;

		if (other == s) {
			break;
		}
		*parent = *link;
		link = (uintptr_t)s < (uintptr_t)other ? &(*parent)->left : &(*parent)->right;
	}
	return link;
}

static struct sem_undo *find_locked(struct sem_undo_list *l, const struct sem_set *s)
	REQUIRES(sem_undo_role)
{
	struct rb_node *parent, *n = *find_place_locked(l, s, &parent);

	return n ? rb_entry(n, struct sem_undo, node) : NULL;
}

/* Moves some entries of sets that are gone to `gone`: at LOOK_AT, the oldest first, and then those
 * come last.  So there are never many more than there are sets. */
static void take_removed_locked(struct sem_undo_list *l, struct list *gone) REQUIRES(sem_undo_role)
{
	ASSERT(spin_held(&l->lock));
	for (unsigned i = 0; i < LOOK_AT && !list_empty(&l->undos); i++) {
		struct sem_undo *u = list_first_entry(&l->undos, struct sem_undo, list_link);
		struct ipc_object *o = &u->set->ipc;
		bool removed;

		spin_lock(&o->lock);
		removed = o->removed;
		if (removed) {
			list_remove(&u->set_link);
		}
		spin_unlock(&o->lock);
		list_remove(&u->list_link);
		list_push_back(removed ? gone : &l->undos, &u->list_link);
		if (removed) {
			rb_remove(&l->by_set, &u->node);
		}
	}
}

/* Entries that are in no other list any more, and what they count. */
static void free_entries(struct list *gone)
{
	struct list *n;

	while ((n = list_pop_front(gone))) {
		struct sem_undo *u = list_entry(n, struct sem_undo, list_link);

		ipc_put(&u->set->ipc);
		kfree(u);
	}
}

static void add_locked(struct sem_undo_list *l, struct sem_set *s, struct sem_undo *u)
	REQUIRES(sem_undo_role)
{
	struct rb_node *parent, **link = find_place_locked(l, s, &parent);

	u->set = s;
	ipc_object_get(&s->ipc);
	list_push_back(&l->undos, &u->list_link);
	rb_link(&u->node, parent, link);
	rb_insert_fix(&l->by_set, &u->node);
	spin_lock(&s->ipc.lock);
	list_push_back(&s->undos, &u->set_link);
	spin_unlock(&s->ipc.lock);
}

int sem_undo_get(struct sem_set *s, struct sem_undo **out)
{
	struct task *t = task_current();
	struct sem_undo_list *l = t->sem_undo;
	struct list gone = LIST_INIT(gone);
	struct sem_undo *fresh;

	if (!l) {
		l = t->sem_undo = list_alloc();
		if (!l) {
			return -ENOMEM;
		}
	}
	spin_lock(&l->lock);
	*out = find_locked(l, s);
	spin_unlock(&l->lock);
	if (*out) {
		return 0;
	}
	fresh = kzalloc(sizeof(*fresh) + s->n * sizeof(fresh->adj[0]));
	if (!fresh) {
		return -ENOMEM;
	}
	spin_lock(&l->lock);
	take_removed_locked(l, &gone); /* or they and their sets stay until the list ends */
	*out = find_locked(l, s);      /* another thread may have been first */
	if (!*out) {
		add_locked(l, s, fresh);
		*out = fresh;
		fresh = NULL;
	}
	spin_unlock(&l->lock);
	free_entries(&gone);
	kfree(fresh);
	return 0;
}

void sem_undo_clear_locked(struct sem_set *s, int num)
{
	struct sem_undo *u;

	ASSERT(spin_held(&s->ipc.lock));
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
	ipc_put(&s->ipc);
	kfree(u);
}

void sem_undo_exit(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;

	t->sem_undo = NULL;
	if (!l || !refcount_put(&l->refs)) {
		return;
	}
	spin_assert_unshared(&l->lock);
	while (!list_empty(&l->undos)) {
		struct sem_undo *u = list_first_entry(&l->undos, struct sem_undo, list_link);

		list_remove(&u->list_link);
		apply(u);
	}
	kfree(l);
}
