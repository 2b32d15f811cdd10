/* SPDX-License-Identifier: MIT */
/*
 * A CLONE_VFORK parent sleeps until the child lets go of the address space.
 *
 * Either may die first: the parent by a signal while the child runs, the child at once.  Hence an
 * object of its own, counted by both, that outlives neither by more than its lock.
 */
#include "vfork.h"

#include <lib/refcount.h>
#include <mm/slab.h>
#include <proc/lifecycle.h>

struct vfork_wait {
	struct refcount refs;
	SPINLOCK(vfork) lock;
	struct waitq waitq;
	bool done GUARDED_BY(vfork_role);
};

struct vfork_wait *vfork_wait_alloc(void)
{
	struct vfork_wait *v = kzalloc(sizeof(*v));

	if (v) {
		refcount_init(&v->refs, 1);
		spin_init(&v->lock, RANK_FS_LEAF, "vfork");
		waitq_init(&v->waitq);
	}
	return v;
}

struct vfork_wait *vfork_wait_get(struct vfork_wait *v)
{
	refcount_get(&v->refs);
	return v;
}

static void vfork_wait_put(struct vfork_wait *v)
{
	if (refcount_put(&v->refs)) {
		kfree(v);
	}
}

void vfork_wait(struct vfork_wait *v)
{
	int err = 0;

	spin_lock(&v->lock);
	while (!v->done && !err) {
		err = waitq_wait(&v->waitq, &v->lock, WAIT_KILLABLE, DEADLINE_NONE);
	}
	spin_unlock(&v->lock);
	vfork_wait_put(v);
}

void vfork_release(struct task *t)
{
	struct vfork_wait *v = t->vfork;

	if (!v) {
		return;
	}
	t->vfork = NULL;
	spin_lock(&v->lock);
	v->done = true;
	waitq_wake_all(&v->waitq);
	spin_unlock(&v->lock);
	vfork_wait_put(v);
}
