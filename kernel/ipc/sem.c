/* SPDX-License-Identifier: MIT */
/*
 * System V semaphores.  The operations of one semop(2) are done all or not at all, under the set's
 * lock.  A waiter is linked with its operations; whoever changes a value tries the waiters in
 * order and does for them what can be done.
 */
#include "sem_internal.h"

#include <fs/pseudo/procfs.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

struct sem_waiter {				      /* once linked, under the set's lock */
	struct list link GUARDED_BY(ipc_object_role); /* unlinked = done */
	const struct linux_sembuf *ops;
	unsigned n, blocked_at; /* index of the operation that can't go on */
	int pid;
	struct sem_undo *undo;
	int result GUARDED_BY(ipc_object_role); /* WAITING until it is done */
	struct waitq done;			/* of the one thread */
};
#define WAITING 1

static void sem_destroy(struct ipc_object *o)
{
	kfree(o);
}

static int sem_create(const struct ipc_args *a, struct ipc_object **out)
{
	struct sem_set *s;

	if (!a->size) {
		return -EINVAL;
	}
	s = kzalloc(sizeof(*s) + a->size * sizeof(s->sems[0]));
	if (!s) {
		return -ENOMEM;
	}
	ipc_object_init(&s->ipc, a);
	s->n = (unsigned)a->size;
	list_init(&s->waiters);
	list_init(&s->undos);
	*out = &s->ipc;
	return 0;
}

static int sem_check(const struct ipc_object *o, const struct ipc_args *a)
{
	return a->size > ((const struct sem_set *)o)->n ? -EINVAL : 0;
}

long sem_get(int key, int nsems, int flags)
{
	const struct ipc_args a = { .key = key, .flags = flags, .size = (uint64_t)nsems };

	return nsems < 0 || nsems > SEMMSL ? -EINVAL : ipc_get(&sem_table, &a);
}

/* --- operations --- */

/* Does one operation; 0, WAITING, or -errno with nothing changed. */
static int try_op_locked(struct sem *sem, const struct linux_sembuf *op, struct sem_undo *undo)
	REQUIRES(ipc_object_role)
{
	int val = sem->val + op->op;

	if ((!op->op && sem->val) || val < 0) {
		return op->flg & IPC_NOWAIT ? -EAGAIN : WAITING;
	}
	if (val > SEMVMX) {
		return -ERANGE;
	}
	if (op->flg & SEM_UNDO) {
		int adj = undo->adj[op->num] - op->op;

		if (adj < -SEMVMX - 1 || adj > SEMVMX) {
			return -ERANGE;
		}
		undo->adj[op->num] = (int16_t)adj;
	}
	sem->val = (int16_t)val;
	return 0;
}

/* All of w's operations or none: 0, WAITING (w->blocked_at says where), or -errno. */
static int try_ops_locked(struct sem_set *s, struct sem_waiter *w) REQUIRES(ipc_object_role)
{
	unsigned i = 0;
	int err = 0;

	ASSERT(spin_held(&s->ipc.lock));
	while (i < w->n) {
		err = try_op_locked(&s->sems[w->ops[i].num], &w->ops[i], w->undo);
		if (err) {
			break;
		}
		i++;
	}
	if (!err) {
		for (i = 0; i < w->n; i++) {
			s->sems[w->ops[i].num].pid = w->pid;
		}
		s->otime = ipc_now();
		return 0;
	}
	w->blocked_at = i;
	while (i-- > 0) {
		const struct linux_sembuf *op = &w->ops[i];

		s->sems[op->num].val = (int16_t)(s->sems[op->num].val - op->op);
		if (op->flg & SEM_UNDO) {
			w->undo->adj[op->num] = (int16_t)(w->undo->adj[op->num] + op->op);
		}
	}
	return err;
}

/* w lives on its thread's stack, which it can leave only with the set's lock. */
static void finish_waiter_locked(struct sem_waiter *w, int result) REQUIRES(ipc_object_role)
{
	list_remove(&w->link);
	w->result = result;
	waitq_wake_all(&w->done);
}

void sem_wake_waiters_locked(struct sem_set *s)
{
	struct sem_waiter *w, *tmp;
	bool again = true;

	ASSERT(spin_held(&s->ipc.lock));
	while (again) {
		again = false;
		list_for_each_entry_safe(w, tmp, &s->waiters, link) {
			int r = try_ops_locked(s, w);

			if (r != WAITING) {
				finish_waiter_locked(w, r);
				again |= !r; /* its changes may let earlier ones go */
			}
		}
	}
}

static int wait_locked(struct sem_set *s, struct sem_waiter *w, uint64_t deadline)
	REQUIRES(ipc_object_role)
{
	int err = 0;

	ASSERT(spin_held(&s->ipc.lock));
	waitq_init(&w->done);
	w->result = WAITING;
	list_push_back(&s->waiters, &w->link);
	while (w->result == WAITING && !err) {
		err = waitq_wait(&w->done, &s->ipc.lock, WAIT_INTR, deadline);
	}
	if (w->result != WAITING) {
		return w->result;
	}
	list_remove(&w->link);
	return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

long sem_operate(int id, const struct linux_sembuf *ops, unsigned n, uint64_t deadline)
{
	struct sem_waiter w = { .ops = ops, .n = n, .pid = process_pid(process_current()) };
	bool alters = false, undoes = false;
	unsigned highest = 0;
	struct ipc_object *o;
	struct sem_set *s;
	int err = ipc_lock(&sem_table, id, &o);

	if (err) {
		return err;
	}
	s = (struct sem_set *)o;
	for (unsigned i = 0; i < n; i++) {
		highest = MAX(highest, (unsigned)ops[i].num);
		alters |= ops[i].op != 0;
		undoes |= ops[i].flg & SEM_UNDO;
	}
	err = highest >= s->n ? -EFBIG : ipc_permission_locked(o, alters ? 2 : 4);
	if (!err && undoes) {
		spin_unlock(&o->lock);
		err = sem_undo_get(s, &w.undo);
		spin_lock(&o->lock);
	}
	if (!err && o->removed) {
		err = -EIDRM; /* while the lock was dropped */
	}
	if (!err) {
		err = try_ops_locked(s, &w);
		if (err == 0 && alters) {
			sem_wake_waiters_locked(s);
		} else if (err == WAITING) {
			err = wait_locked(s, &w, deadline);
		}
	}
	ipc_unlock(o);
	return err;
}

/* --- semctl: one value or all --- */

static unsigned count_waiters_locked(struct sem_set *s, int num, bool for_zero)
	REQUIRES(ipc_object_role)
{
	struct sem_waiter *w;
	unsigned n = 0;

	ASSERT(spin_held(&s->ipc.lock));
	list_for_each_entry(w, &s->waiters, link) {
		const struct linux_sembuf *op = &w->ops[w->blocked_at];

		n += op->num == num && (op->op == 0) == for_zero;
	}
	return n;
}

static void set_value_locked(struct sem_set *s, int num, int val) REQUIRES(ipc_object_role)
{
	ASSERT(spin_held(&s->ipc.lock));
	sem_undo_clear_locked(s, num);
	s->sems[num].val = (int16_t)val;
	s->sems[num].pid = process_pid(process_current());
	s->ipc.ctime = ipc_now();
	sem_wake_waiters_locked(s);
}

static long one_value(int id, int num, int cmd, int val)
{
	struct ipc_object *o;
	struct sem_set *s;
	long result;

	if (cmd == SETVAL && (val < 0 || val > SEMVMX)) {
		return -ERANGE;
	}
	result = ipc_lock(&sem_table, id, &o);
	if (result) {
		return result;
	}
	s = (struct sem_set *)o;
	result = ipc_permission_locked(o, cmd == SETVAL ? 2 : 4);
	if (!result && (num < 0 || (unsigned)num >= s->n)) {
		result = -EINVAL;
	}
	if (!result) {
		switch (cmd) {
		case GETVAL: result = s->sems[num].val; break;
		case GETPID: result = s->sems[num].pid; break;
		case SETVAL: set_value_locked(s, num, val); break;
		default: result = count_waiters_locked(s, num, cmd == GETZCNT); break;
		}
	}
	ipc_unlock(o);
	return result;
}

static int load_values(uint16_t *vals, unsigned n, user_ptr array)
{
	int err = copy_from_user(vals, array, n * sizeof(*vals));

	for (unsigned i = 0; !err && i < n; i++) {
		err = vals[i] > SEMVMX ? -ERANGE : 0;
	}
	return err;
}

static void set_values_locked(struct sem_set *s, const uint16_t *vals) REQUIRES(ipc_object_role)
{
	ASSERT(spin_held(&s->ipc.lock));
	for (unsigned i = 0; i < s->n; i++) {
		s->sems[i].val = (int16_t)vals[i];
		s->sems[i].pid = process_pid(process_current());
	}
	sem_undo_clear_locked(s, -1);
	s->ipc.ctime = ipc_now();
	sem_wake_waiters_locked(s);
}

/* GETALL and SETALL go through a copy, as the lock can't be held over user memory. */
static long all_values(int id, bool set, user_ptr array)
{
	struct ipc_object *o;
	struct sem_set *s;
	uint16_t *vals;
	int err = ipc_lock(&sem_table, id, &o);

	if (err) {
		return err;
	}
	s = (struct sem_set *)o;
	err = ipc_permission_locked(o, set ? 2 : 4);
	spin_unlock(&o->lock);
	vals = err ? NULL : kcalloc(s->n, sizeof(*vals));
	if (!err && !vals) {
		err = -ENOMEM;
	}
	if (!err && set) {
		err = load_values(vals, s->n, array);
	}
	spin_lock(&o->lock);
	if (!err && o->removed) {
		err = -EIDRM;
	}
	if (!err && set) {
		set_values_locked(s, vals);
	}
	for (unsigned i = 0; !err && !set && i < s->n; i++) {
		vals[i] = (uint16_t)s->sems[i].val;
	}
	spin_unlock(&o->lock);
	if (!err && !set) {
		err = copy_to_user(array, vals, s->n * sizeof(*vals));
	}
	kfree(vals);
	ipc_put(o);
	return err;
}

/* --- semctl: the set; /proc/sysvipc/sem --- */

static void sem_fill(struct ipc_object *o, union ipc_ds *d)
{
	const struct sem_set *s = (const struct sem_set *)o;

	spin_assert_held(&o->lock);
	d->sem.otime = s->otime;
	d->sem.ctime = o->ctime;
	d->sem.nsems = s->n;
}

static void sem_changed(struct ipc_object *o)
{
	struct sem_waiter *w, *tmp;

	spin_assert_held(&o->lock);
	if (o->removed) {
		list_for_each_entry_safe(w, tmp, &((struct sem_set *)o)->waiters, link) {
			finish_waiter_locked(w, -EIDRM);
		}
	}
}

static size_t sem_info(bool usage, union ipc_info *i)
{
	struct ipc_object *o;

	i->sem = (struct linux_seminfo){
		.map = SEMMNI * SEMMSL,
		.mni = SEMMNI,
		.mns = SEMMNI * SEMMSL,
		.mnu = SEMMNI * SEMMSL,
		.msl = SEMMSL,
		.opm = SEMOPM,
		.ume = SEMOPM,
		.usz = 20,
		.vmx = SEMVMX,
		.aem = SEMVMX,
	};
	if (usage) {
		i->sem.usz = i->sem.aem = 0;
		for (int n = 0; (o = ipc_next(&sem_table, &n)); n++) {
			i->sem.usz++;
			i->sem.aem += (int)((struct sem_set *)o)->n;
			ipc_put(o);
		}
	}
	return sizeof(i->sem);
}

static void sem_show(struct text_buf *t, int id, const union ipc_ds *ds)
{
	const struct linux_semid_ds *d = &ds->sem;

	text_printf(t, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10ld %10ld\n", d->perm.key, id,
		    d->perm.mode, d->nsems, d->perm.uid, d->perm.gid, d->perm.cuid, d->perm.cgid,
		    d->otime, d->ctime);
}

static const struct ipc_type sem_type = {
	.cmd_stat = SEM_STAT,
	.cmd_info = SEM_INFO,
	.cmd_stat_any = SEM_STAT_ANY,
	.ds_size = sizeof(struct linux_semid_ds),
	.create = sem_create,
	.check = sem_check,
	.destroy = sem_destroy,
	.fill = sem_fill,
	.changed = sem_changed,
	.info = sem_info,
	.title = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
		 "      ctime",
	.show = sem_show,
};
struct ipc_table sem_table = IPC_TABLE_INIT(&sem_type, "sem", SEMMNI);

long sem_control(int id, int num, int cmd, uint64_t arg)
{
	if (id < 0) {
		return -EINVAL;
	}
	switch (cmd) {
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETVAL: return one_value(id, num, cmd, (int)arg);
	case GETALL:
	case SETALL: return all_values(id, cmd == SETALL, (user_ptr){ arg });
	default: return ipc_control(&sem_table, id, cmd, (user_ptr){ arg });
	}
}
