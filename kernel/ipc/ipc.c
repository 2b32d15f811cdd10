/* SPDX-License-Identifier: MIT */
/* Tables, ids and permissions of System V IPC, see proc/ipc.h. */
#include "ipc_internal.h"

#include <arch/clock.h>
#include <fs/cred.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

#define INDEX_BITS 15
#define INDEX_MASK ((1 << INDEX_BITS) - 1)
#define SEQ_MAX 0xffff

int64_t ipc_now(void)
{
	return (int64_t)(clock_mono_ns() + (uint64_t)clock_wall_offset_ns()) /
	       (int64_t)NSEC_PER_SEC;
}

void ipc_object_init(struct ipc_object *o, int key, int flags)
{
	const struct cred *c = thread_current()->cred;

	atomic_store_explicit(&o->refs, 1, memory_order_relaxed);
	spin_init(&o->lock, RANK_IPC_OBJECT, "ipc object");
	o->key = key;
	o->uid = o->cuid = c->euid;
	o->gid = o->cgid = c->egid;
	o->mode = (uint32_t)flags & 0777;
	o->ctime = ipc_now();
}

int ipc_permission(const struct ipc_object *o, unsigned want)
{
	const struct cred *c = thread_current()->cred;
	unsigned granted = o->mode;
	bool in_group = c->egid == o->gid || c->egid == o->cgid;

	for (unsigned i = 0; i < c->ngroups; i++) {
		in_group |= c->groups[i] == o->gid || c->groups[i] == o->cgid;
	}
	if (c->euid == o->uid || c->euid == o->cuid) {
		granted >>= 6;
	} else if (in_group) {
		granted >>= 3;
	}
	return !(want & ~granted & 7) || cred_capable(CAP_IPC_OWNER) ? 0 : -EACCES;
}

int ipc_owner(const struct ipc_object *o)
{
	uint32_t euid = thread_current()->cred->euid;

	return euid == o->uid || euid == o->cuid || cred_capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void ipc_fill_perm(const struct ipc_object *o, struct linux_ipc_perm *p)
{
	memset(p, 0, sizeof(*p));
	p->key = o->key;
	p->uid = o->uid;
	p->gid = o->gid;
	p->cuid = o->cuid;
	p->cgid = o->cgid;
	p->mode = o->mode;
	p->seq = (uint16_t)(o->id >> INDEX_BITS);
}

void ipc_set_perm(struct ipc_object *o, const struct linux_ipc_perm *p)
{
	o->uid = p->uid;
	o->gid = p->gid;
	o->mode = (o->mode & ~0777u) | (p->mode & 0777);
	o->ctime = ipc_now();
}

void ipc_put(struct ipc_object *o, void (*destroy)(struct ipc_object *o))
{
	if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1) {
		destroy(o);
	}
}

void ipc_unlock(struct ipc_object *o, void (*destroy)(struct ipc_object *o))
{
	spin_unlock(&o->lock);
	ipc_put(o, destroy);
}

static struct ipc_object *find_key_locked(struct ipc_table *t, int key)
{
	for (int i = 0; i <= t->highest; i++) {
		if (t->slots[i] && t->slots[i]->key == key) {
			return t->slots[i];
		}
	}
	return NULL;
}

static int grow_locked(struct ipc_table *t)
{
	unsigned size = MIN(MAX(t->size * 2, 16u), t->limit);
	struct ipc_object **slots;

	if (size == t->size) {
		return -ENOSPC;
	}
	slots = kcalloc(size, sizeof(*slots));
	if (!slots) {
		return -ENOMEM;
	}
	if (t->size) {
		memcpy(slots, t->slots, t->size * sizeof(*slots));
	}
	kfree(t->slots);
	t->slots = slots;
	t->size = size;
	return 0;
}

/* The table takes over the caller's reference. */
static int insert_locked(struct ipc_table *t, struct ipc_object *o)
{
	unsigned i = 0;

	if (t->used == t->size) {
		int err = grow_locked(t);

		if (err) {
			return err;
		}
	}
	while (t->slots[i]) {
		i++;
	}
	o->id = (int)(t->seq & (INT32_MAX >> INDEX_BITS)) << INDEX_BITS | (int)i;
	t->seq++;
	t->slots[i] = o;
	t->used++;
	t->highest = MAX(t->highest, (int)i);
	return o->id;
}

static long existing_locked(struct ipc_object *o, int flags,
			    int (*check)(struct ipc_object *o, void *arg), void *arg)
{
	int err;

	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)) {
		return -EEXIST;
	}
	err = check ? check(o, arg) : 0;
	if (!err) {
		err = ipc_permission(
			o, ((unsigned)flags >> 6 | (unsigned)flags >> 3 | (unsigned)flags) & 7);
	}
	return err ? err : o->id;
}

long ipc_get(struct ipc_table *t, int key, int flags, struct ipc_object *(*create)(void *arg),
	     int (*check)(struct ipc_object *o, void *arg), void (*destroy)(struct ipc_object *o),
	     void *arg)
{
	struct ipc_object *o = NULL, *found = NULL;
	long result = -ENOENT;

	for (;;) {
		spin_lock(&t->lock);
		found = key == IPC_PRIVATE ? NULL : find_key_locked(t, key);
		if (found) {
			result = existing_locked(found, flags, check, arg);
		} else if (o) {
			result = insert_locked(t, o);
			if (result >= 0) {
				o = NULL;
			}
		}
		spin_unlock(&t->lock);
		if (found || result != -ENOENT || (key != IPC_PRIVATE && !(flags & IPC_CREAT))) {
			break;
		}
		o = create(arg); /* may sleep; then look again */
		if (!o) {
			return -ENOMEM;
		}
	}
	ipc_put(o, destroy);
	return result;
}

int ipc_lock(struct ipc_table *t, int id, bool by_index, struct ipc_object **out)
{
	int index = id & INDEX_MASK;
	struct ipc_object *o = NULL;
	int err = -EINVAL;

	if (id < 0 || (by_index && id > INDEX_MASK)) {
		return -EINVAL;
	}
	spin_lock(&t->lock);
	if (index <= t->highest && t->slots[index]) {
		o = t->slots[index];
		/* The slot was used before: the old id names something that is gone. */
		err = by_index || o->id == id ? 0 : -EIDRM;
		if (!err) {
			atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
		}
	}
	spin_unlock(&t->lock);
	if (err) {
		return err;
	}
	spin_lock(&o->lock);
	*out = o;
	return 0;
}

struct ipc_object *ipc_next(struct ipc_table *t, int *index)
{
	struct ipc_object *o = NULL;

	spin_lock(&t->lock);
	while (*index <= t->highest && !t->slots[*index]) {
		++*index;
	}
	if (*index <= t->highest) {
		o = t->slots[*index];
		atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	}
	spin_unlock(&t->lock);
	if (o) {
		spin_lock(&o->lock);
	}
	return o;
}

void ipc_remove_locked(struct ipc_table *t, struct ipc_object *o)
{
	int index = o->id & INDEX_MASK;

	ASSERT(!o->removed);
	o->removed = true;
	/* Order: table, then object. */
	spin_unlock(&o->lock);
	spin_lock(&t->lock);
	ASSERT(t->slots[index] == o);
	t->slots[index] = NULL;
	t->used--;
	while (t->highest >= 0 && !t->slots[t->highest]) {
		t->highest--;
	}
	spin_unlock(&t->lock);
	spin_lock(&o->lock);
	/* The table's; the caller has one of its own. */
	ASSERT(atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) > 1);
}

long ipc_stat(struct ipc_table *t, const struct ipc_stat *r, user_ptr buf)
{
	uint8_t ds[IPC_STAT_MAX] ALIGNED(8);
	struct ipc_object *o;
	int err = ipc_lock(t, r->id, r->by_index, &o), result;

	ASSERT(r->size <= sizeof(ds));
	if (err) {
		return err;
	}
	result = r->by_index ? o->id : 0;
	err = r->any ? 0 : ipc_permission(o, 4);
	r->fill(o, ds);
	ipc_unlock(o, r->destroy);
	if (!err) {
		err = copy_to_user(buf, ds, r->size);
	}
	return err ? err : result;
}
