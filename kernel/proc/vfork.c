/* SPDX-License-Identifier: MIT */
#include "vfork.h"

#include <mm/slab.h>
#include <proc/lifecycle.h>

struct vfork_wait {
	_Atomic int32_t refs;
	SPINLOCK(vfork) lock;
	struct waitq waitq;
	bool done;
};

struct vfork_wait *vfork_wait_alloc(void)
{
	struct vfork_wait *v = kzalloc(sizeof(*v));

	if (v) {
		atomic_store_explicit(&v->refs, 1, memory_order_relaxed);
		spin_init(&v->lock, RANK_FS_LEAF, "vfork");
		waitq_init(&v->waitq);
	}
	return v;
}

struct vfork_wait *vfork_wait_get(struct vfork_wait *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

static void vfork_wait_put(struct vfork_wait *v)
{
	if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1) {
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
