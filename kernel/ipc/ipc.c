/* SPDX-License-Identifier: MIT */
/*
 * Tables, ids, permissions and the common commands of System V IPC, see ipc_internal.h.
 *
 * An object in a table has the table's reference and sits in the slot that its id names.  Locks nest table, then object; so removal drops the object's lock to take
 * the table's.  `removed` is set before that: of two who remove only one gets so far, and whoever
 * finds the object in the table meanwhile sees the mark as soon as it has the lock.
 */
#include "ipc_internal.h"

#include <arch/clock.h>
#include <fs/cred.h>
#include <fs/pseudo/procfs.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

#define INDEX_BITS 15 /* 1 << INDEX_BITS == IPC_SLOTS */
#define INDEX_MASK ((1 << INDEX_BITS) - 1)

int64_t ipc_now(void)
{
	return (int64_t)(clock_mono_ns() + (uint64_t)clock_wall_offset_ns()) /
	       (int64_t)NSEC_PER_SEC;
}

void ipc_object_init(struct ipc_object *o, const struct ipc_args *a)
{
	const struct cred *c = thread_current()->cred;

	refcount_init(&o->refs, 1);
	rb_clear(&o->key_node);
	spin_init(&o->lock, RANK_IPC_OBJECT, "ipc object");
	spin_assert_unshared(&o->lock);
	o->key = a->key;
	o->uid = o->cuid = c->u.eff;
	o->gid = o->cgid = c->g.eff;
	o->mode = (uint32_t)a->flags & 0777;
	o->ctime = ipc_now();
}

int ipc_permission_locked(const struct ipc_object *o, unsigned want)
{
	const struct cred *c = thread_current()->cred;
	unsigned granted = o->mode;
	bool in_group = c->g.eff == o->gid || c->g.eff == o->cgid;

	ASSERT(spin_held(&o->lock));
	for (unsigned i = 0; i < c->ngroups; i++) {
		in_group |= c->groups[i] == o->gid || c->groups[i] == o->cgid;
	}
	if (c->u.eff == o->uid || c->u.eff == o->cuid) {
		granted >>= 6;
	} else if (in_group) {
		granted >>= 3;
	}
	return !(want & ~granted & 7) || cred_capable(CAP_IPC_OWNER) ? 0 : -EACCES;
}

int ipc_owner_locked(const struct ipc_object *o)
{
	uint32_t euid = thread_current()->cred->u.eff;

	ASSERT(spin_held(&o->lock));
	return euid == o->uid || euid == o->cuid || cred_capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void ipc_object_get(struct ipc_object *o)
{
	refcount_get(&o->refs);
}

void ipc_put(struct ipc_object *o)
{
	if (o && refcount_put(&o->refs)) {
		o->table->type->destroy(o);
	}
}

void ipc_unlock(struct ipc_object *o)
{
	spin_unlock(&o->lock);
	ipc_put(o);
}

/* --- the table --- */

/* Where `index` is kept; NULL: the table was never that large. */
static struct ipc_object **slot_locked(struct ipc_table *t, int index) REQUIRES(ipc_table_role)
{
	struct ipc_object **leaf = t->leaves[index / IPC_LEAF];

	ASSERT(spin_held(&t->lock));
	return leaf ? &leaf[index % IPC_LEAF] : NULL;
}

static struct ipc_object *at_locked(struct ipc_table *t, int index) REQUIRES(ipc_table_role)
{
	struct ipc_object **slot = slot_locked(t, index);

	return slot ? *slot : NULL;
}

/* The place of the key in the tree: *link is NULL when nobody has it. */
static struct rb_node **find_key_locked(struct ipc_table *t, int key, struct rb_node **parent)
	REQUIRES(ipc_table_role)
{
	struct rb_node **link = &t->keys.root;

	ASSERT(spin_held(&t->lock));
	*parent = NULL;
	while (*link) {
		const struct ipc_object *o = rb_entry(*link, struct ipc_object, key_node);

		if (key == o->key) {
			break;
		}
		*parent = *link;
		link = key < o->key ? &(*parent)->left : &(*parent)->right;
	}
	return link;
}

static struct ipc_object *find_locked(struct ipc_table *t, int key) REQUIRES(ipc_table_role)
{
	struct rb_node *parent, *node = *find_key_locked(t, key, &parent);

	return node ? rb_entry(node, struct ipc_object, key_node) : NULL;
}

static void link_key_locked(struct ipc_table *t, struct ipc_object *o) REQUIRES(ipc_table_role)
{
	struct rb_node *parent, **link = find_key_locked(t, o->key, &parent);

	ASSERT(!*link);
	rb_link(&o->key_node, parent, link);
	rb_insert_fix(&t->keys, &o->key_node);
}

static void unlink_key_locked(struct ipc_table *t, struct ipc_object *o) REQUIRES(ipc_table_role)
{
	ASSERT(spin_held(&t->lock));
	if (rb_linked(&o->key_node)) {
		rb_remove(&t->keys, &o->key_node);
	}
}

/* The lowest index that is free. */
static int pick_index_locked(struct ipc_table *t) REQUIRES(ipc_table_role)
{
	size_t i = bitmap_find_clear(t->taken, t->limit, t->first_free);

	ASSERT(spin_held(&t->lock));
	if (i >= t->limit) {
		return -ENOSPC;
	}
	if (!t->leaves[i / IPC_LEAF]) {
		t->leaves[i / IPC_LEAF] = kcalloc(IPC_LEAF, sizeof(struct ipc_object *));
		if (!t->leaves[i / IPC_LEAF]) {
			return -ENOMEM;
		}
	}
	return (int)i;
}

/* The table takes over the caller's reference. */
static int insert_locked(struct ipc_table *t, struct ipc_object *o) REQUIRES(ipc_table_role)
{
	int i = pick_index_locked(t);

	if (i < 0) {
		return i;
	}
	o->id = (int)(t->seq & (INT32_MAX >> INDEX_BITS)) << INDEX_BITS | i;
	t->seq++;
	*slot_locked(t, i) = o;
	bitmap_set(t->taken, (size_t)i);
	t->used++;
	t->first_free = (size_t)i + 1;
	t->highest = MAX(t->highest, i);
	if (o->key != IPC_PRIVATE) {
		link_key_locked(t, o);
	}
	return o->id;
}

/* A get call found o: its id, or why it won't do. */
static long existing_locked(struct ipc_table *t, struct ipc_object *o, const struct ipc_args *a)
	REQUIRES(ipc_table_role)
{
	unsigned flags = (unsigned)a->flags;
	int err = 0;

	ASSERT(spin_held(&t->lock));
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL)) {
		return -EEXIST;
	}
	spin_lock(&o->lock);
	if (t->type->check) {
		err = t->type->check(o, a);
	}
	if (!err) {
		err = ipc_permission_locked(o, (flags >> 6 | flags >> 3 | flags) & 7);
	}
	spin_unlock(&o->lock);
	return err ? err : o->id;
}

long ipc_get(struct ipc_table *t, const struct ipc_args *a)
{
	struct ipc_object *fresh = NULL, *found;
	long result = -ENOENT;

	for (;;) {
		spin_lock(&t->lock);
		found = a->key == IPC_PRIVATE ? NULL : find_locked(t, a->key);
		if (found) {
			result = existing_locked(t, found, a);
		} else if (fresh) {
			result = insert_locked(t, fresh);
			fresh = result < 0 ? fresh : NULL;
		}
		spin_unlock(&t->lock);
		if (found || result != -ENOENT ||
		    (a->key != IPC_PRIVATE && !(a->flags & IPC_CREAT))) {
			break;
		}
		/* May sleep; another one may come to have the key meanwhile: look again. */
		result = t->type->create(a, &fresh);
		if (result) {
			return result;
		}
		fresh->table = t;
		result = -ENOENT;
	}
	ipc_put(fresh);
	return result;
}

/* The one in slot `index`, counted; id >= 0: only when that is its id.  NULL: there is none. */
static struct ipc_object *find_index(struct ipc_table *t, int index, int id)
{
	struct ipc_object *o = NULL;

	spin_lock(&t->lock);
	if (index <= t->highest) {
		o = at_locked(t, index);
	}
	if (o && id >= 0 && o->id != id) {
		o = NULL; /* the slot was used before: the id names something that is gone */
	}
	if (o) {
		ipc_object_get(o);
	}
	spin_unlock(&t->lock);
	return o;
}

static int lock_found(struct ipc_object *o, struct ipc_object **out)
	TRY_ACQUIRES(0, ipc_object_role) LOCK_UNCHECKED("held when 0 is returned")
{
	if (!o) {
		return -EINVAL;
	}
	spin_lock(&o->lock);
	if (o->removed) {
		ipc_unlock(o);
		return -EIDRM;
	}
	*out = o;
	return 0;
}

int ipc_lock(struct ipc_table *t, int id, struct ipc_object **out)
{
	return lock_found(id < 0 ? NULL : find_index(t, id & INDEX_MASK, id), out);
}

struct ipc_object *ipc_next(struct ipc_table *t, int *index)
{
	struct ipc_object *o = NULL;

	spin_lock(&t->lock);
	*index = (int)bitmap_find_set(t->taken, IPC_SLOTS, (size_t)*index);
	if (*index <= t->highest) {
		o = at_locked(t, *index);
		ipc_object_get(o);
	}
	spin_unlock(&t->lock);
	return o;
}

void ipc_remove_locked(struct ipc_object *o)
{
	struct ipc_table *t = o->table;
	int index = o->id & INDEX_MASK;
	bool last;

	ASSERT(spin_held(&o->lock));
	ASSERT(!o->removed);
	o->removed = true;
	spin_unlock(&o->lock);
	spin_lock(&t->lock);
	ASSERT(at_locked(t, index) == o);
	*slot_locked(t, index) = NULL;
	bitmap_clear(t->taken, (size_t)index);
	t->used--;
	t->first_free = MIN(t->first_free, (size_t)index);
	while (t->highest >= 0 && !bitmap_test(t->taken, (size_t)t->highest)) {
		t->highest--;
	}
	unlink_key_locked(t, o);
	spin_unlock(&t->lock);
	spin_lock(&o->lock);
	last = refcount_put(&o->refs); /* the table's */
	ASSERT(!last);		       /* the caller has one of its own */
}

/* A new object may have the key from now on.  The lock is dropped for a moment. */
static void forget_key_locked(struct ipc_object *o) REQUIRES(ipc_object_role)
{
	struct ipc_table *t = o->table;

	ASSERT(spin_held(&o->lock));
	spin_unlock(&o->lock);
	spin_lock(&t->lock);
	spin_lock(&o->lock);
	unlink_key_locked(t, o);
	o->key = IPC_PRIVATE;
	spin_unlock(&t->lock);
}

/* --- commands --- */

static void fill_locked(struct ipc_object *o, union ipc_ds *d) REQUIRES(ipc_object_role)
{
	ASSERT(spin_held(&o->lock));
	memset(d, 0, sizeof(*d));
	d->perm = (struct linux_ipc_perm){
		.key = o->key,
		.uid = o->uid,
		.gid = o->gid,
		.cuid = o->cuid,
		.cgid = o->cgid,
		.mode = o->mode,
		.seq = (uint16_t)(o->id >> INDEX_BITS),
	};
	o->table->type->fill(o, d);
}

/* IPC_STAT by id; *_STAT by index, whose result is the id; *_STAT_ANY without permission. */
static long get_stat(struct ipc_table *t, int id, int cmd, user_ptr buf)
{
	bool by_index = cmd != IPC_STAT;
	struct ipc_object *o;
	union ipc_ds d;
	int err, result;

	o = find_index(t, id & INDEX_MASK, by_index ? -1 : id);
	err = lock_found(o, &o);
	if (err) {
		return err;
	}
	result = by_index ? o->id : 0;
	err = cmd == t->type->cmd_stat_any ? 0 : ipc_permission_locked(o, 4);
	fill_locked(o, &d);
	ipc_unlock(o);
	if (!err) {
		err = copy_to_user(buf, &d, t->type->ds_size);
	}
	return err ? err : result;
}

/* The result is the highest index in use. */
static long get_info(struct ipc_table *t, bool usage, user_ptr buf)
{
	union ipc_info i;
	size_t size;
	int highest, err;

	memset(&i, 0, sizeof(i));
	size = t->type->info(usage, &i);
	spin_lock(&t->lock);
	highest = MAX(t->highest, 0);
	spin_unlock(&t->lock);
	err = copy_to_user(buf, &i, size);
	return err ? err : highest;
}

static int set_locked(struct ipc_object *o, const union ipc_ds *d) REQUIRES(ipc_object_role)
{
	int err = 0;

	ASSERT(spin_held(&o->lock));
	if (d->perm.uid == UINT32_MAX || d->perm.gid == UINT32_MAX) {
		return -EINVAL;
	}
	if (o->table->type->set) {
		err = o->table->type->set(o, d);
	}
	if (!err) {
		o->uid = d->perm.uid;
		o->gid = d->perm.gid;
		o->mode = (o->mode & ~0777u) | (d->perm.mode & 0777);
		o->ctime = ipc_now();
	}
	return err;
}

/* IPC_SET with d, IPC_RMID without. */
static long change(struct ipc_table *t, int id, const union ipc_ds *d)
{
	const struct ipc_type *type = t->type;
	struct ipc_object *o;
	int err = ipc_lock(t, id, &o);

	if (err) {
		return err;
	}
	err = ipc_owner_locked(o);
	if (!err && d) {
		err = set_locked(o, d);
	} else if (!err && type->linger && type->linger(o)) {
		forget_key_locked(o);
	} else if (!err) {
		ipc_remove_locked(o);
	}
	if (!err && type->changed) {
		type->changed(o);
	}
	ipc_unlock(o);
	return err;
}

long ipc_control(struct ipc_table *t, int id, int cmd, user_ptr buf)
{
	const struct ipc_type *type = t->type;
	union ipc_ds d;
	int err;

	if (id < 0) {
		return -EINVAL; /* also where it means nothing */
	}
	if (cmd == IPC_STAT || cmd == type->cmd_stat || cmd == type->cmd_stat_any) {
		return get_stat(t, id, cmd, buf);
	}
	if (cmd == IPC_INFO || cmd == type->cmd_info) {
		return get_info(t, cmd != IPC_INFO, buf);
	}
	if (cmd == IPC_RMID) {
		return change(t, id, NULL);
	}
	if (cmd != IPC_SET) {
		return -EINVAL;
	}
	err = copy_from_user(&d, buf, type->ds_size);
	return err ? err : change(t, id, &d);
}

int ipc_show(struct text_buf *text, void *arg)
{
	struct ipc_table *t = arg;
	struct ipc_object *o;
	union ipc_ds d;

	text_printf(text, "%s\n", t->type->title);
	for (int i = 0; (o = ipc_next(t, &i)); i++) {
		int id = o->id;

		spin_lock(&o->lock);
		fill_locked(o, &d);
		ipc_unlock(o);
		t->type->show(text, id, &d);
	}
	return 0;
}
