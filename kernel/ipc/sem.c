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

struct sem_waiter {
	struct list link; /* [set lock] unlinked = done */
	struct thread *thread;
	const struct linux_sembuf *ops;
	unsigned n, blocked_at; /* index of the operation that can't go on */
	int pid;
	struct sem_undo *undo;
	_Atomic int result; /* 1 = still waiting; last store of the waker */
};

static struct ipc_table table = IPC_TABLE_INIT("sem", SEMMNI);

static void sem_destroy(struct ipc_object *o)
{
	kfree(o);
}

void sem_set_put(struct sem_set *s)
{
	ipc_put(&s->ipc, sem_destroy);
}

struct sem_args {
	int key, nsems, flags;
};

static struct ipc_object *sem_create(void *arg)
{
	const struct sem_args *a = arg;
	struct sem_set *s = kzalloc(sizeof(*s) + (size_t)a->nsems * sizeof(s->sems[0]));

	if (!s) {
		return NULL;
	}
	ipc_object_init(&s->ipc, a->key, a->flags);
	s->n = (unsigned)a->nsems;
	list_init(&s->waiters);
	list_init(&s->undos);
	return &s->ipc;
}

static int sem_check(struct ipc_object *o, void *arg)
{
	const struct sem_args *a = arg;

	return (unsigned)a->nsems > ((struct sem_set *)o)->n ? -EINVAL : 0;
}

long sem_get(int key, int nsems, int flags)
{
	struct sem_args a = { .key = key, .nsems = nsems, .flags = flags };

	if (nsems < 0 || nsems > SEMMSL) {
		return -EINVAL;
	}
	if (!nsems && (key == IPC_PRIVATE || flags & IPC_CREAT)) {
		long id;

		if (key == IPC_PRIVATE) {
			return -EINVAL;
		}
		id = ipc_get(&table, key, flags & ~IPC_CREAT, sem_create, sem_check, sem_destroy,
			     &a);
		return id == -ENOENT ? -EINVAL : id;
	}
	return ipc_get(&table, key, flags, sem_create, sem_check, sem_destroy, &a);
}

/* --- operations --- */

/* 0: done; 1: must wait, *at says where; -errno: nothing changed. */
static int try_ops(struct sem_set *s, const struct linux_sembuf *ops, unsigned n, int pid,
		   struct sem_undo *undo, unsigned *at)
{
	unsigned i;
	int err = 0;

	for (i = 0; i < n; i++) {
		struct sem *sem = &s->sems[ops[i].num];
		int val = sem->val + ops[i].op;

		if ((!ops[i].op && sem->val) || val < 0) {
			*at = i;
			err = ops[i].flg & IPC_NOWAIT ? -EAGAIN : 1;
			break;
		}
		if (val > SEMVMX) {
			err = -ERANGE;
			break;
		}
		if (ops[i].flg & SEM_UNDO) {
			int adj = undo->adj[ops[i].num] - ops[i].op;

			if (adj < -SEMVMX - 1 || adj > SEMVMX) {
				err = -ERANGE;
				break;
			}
			undo->adj[ops[i].num] = (int16_t)adj;
		}
		sem->val = (int16_t)val;
	}
	if (!err) {
		for (i = 0; i < n; i++) {
			s->sems[ops[i].num].pid = pid;
		}
		s->otime = ipc_now();
		return 0;
	}
	while (i-- > 0) {
		s->sems[ops[i].num].val = (int16_t)(s->sems[ops[i].num].val - ops[i].op);
		if (ops[i].flg & SEM_UNDO) {
			undo->adj[ops[i].num] = (int16_t)(undo->adj[ops[i].num] + ops[i].op);
		}
	}
	return err;
}

static void finish_waiter(struct sem_waiter *w, int result)
{
	list_remove(&w->link);
	block_wake(w->thread);
	atomic_store_explicit(&w->result, result, memory_order_release);
}

void sem_wake_waiters_locked(struct sem_set *s)
{
	struct sem_waiter *w, *tmp;
	bool again = true;

	while (again) {
		again = false;
		list_for_each_entry_safe(w, tmp, &s->waiters, link) {
			int r = try_ops(s, w->ops, w->n, w->pid, w->undo, &w->blocked_at);

			if (r <= 0) {
				finish_waiter(w, r);
				again |= !r; /* its changes may let earlier ones go */
			}
		}
	}
}

/* Set lock held on entry and on return. */
static int wait_for(struct sem_set *s, struct sem_waiter *w, uint64_t deadline)
{
	int err = 0, result;

	atomic_store(&w->result, 1);
	list_push_back(&s->waiters, &w->link);
	while ((result = atomic_load_explicit(&w->result, memory_order_acquire)) == 1 && !err) {
		block_prepare(WAIT_INTR);
		spin_unlock(&s->ipc.lock);
		err = block(deadline);
		spin_lock(&s->ipc.lock);
	}
	if (result == 1) {
		result = atomic_load(&w->result);
	}
	if (result != 1) {
		return result;
	}
	list_remove(&w->link);
	return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

long sem_operate(int id, const struct linux_sembuf *ops, unsigned n, uint64_t deadline)
{
	struct sem_waiter w = { .thread = thread_current(),
				.ops = ops,
				.n = n,
				.pid = process_pid(process_current()) };
	bool alters = false, undoes = false;
	unsigned highest = 0;
	struct ipc_object *o;
	struct sem_set *s;
	int err = ipc_lock(&table, id, false, &o);

	if (err) {
		return err;
	}
	s = (struct sem_set *)o;
	for (unsigned i = 0; i < n; i++) {
		highest = MAX(highest, (unsigned)ops[i].num);
		alters |= ops[i].op != 0;
		undoes |= ops[i].flg & SEM_UNDO;
	}
	err = highest >= s->n ? -EFBIG : ipc_permission(o, alters ? 2 : 4);
	if (!err && undoes) {
		spin_unlock(&o->lock);
		err = sem_undo_get(s, &w.undo);
		spin_lock(&o->lock);
	}
	if (!err && o->removed) {
		err = -EIDRM;
	}
	if (!err) {
		err = try_ops(s, ops, n, w.pid, w.undo, &w.blocked_at);
		if (err == 0 && alters) {
			sem_wake_waiters_locked(s);
		} else if (err == 1) {
			err = wait_for(s, &w, deadline);
		}
	}
	ipc_unlock(o, sem_destroy);
	return err;
}

/* --- semctl --- */

static void fill_locked(struct sem_set *s, struct linux_semid_ds *d)
{
	memset(d, 0, sizeof(*d));
	ipc_fill_perm(&s->ipc, &d->perm);
	d->otime = s->otime;
	d->ctime = s->ipc.ctime;
	d->nsems = s->n;
}

static void fill_stat_locked(struct ipc_object *o, void *ds)
{
	fill_locked((struct sem_set *)o, ds);
}

static long sem_stat(int id, int cmd, user_ptr buf)
{
	const struct ipc_stat r = {
		.id = id,
		.by_index = cmd != IPC_STAT,
		.any = cmd == SEM_STAT_ANY,
		.fill = fill_stat_locked,
		.destroy = sem_destroy,
		.size = sizeof(struct linux_semid_ds),
	};

	return ipc_stat(&table, &r, buf);
}

static long sem_info(int cmd, user_ptr buf)
{
	struct linux_seminfo i = {
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
	int highest = MAX(table.highest, 0), err;

	if (cmd == SEM_INFO) {
		i.usz = (int)table.used;
		i.aem = 0;
	}
	err = copy_to_user(buf, &i, sizeof(i));
	return err ? err : highest;
}

static unsigned count_waiters(struct sem_set *s, int num, bool for_zero)
{
	struct sem_waiter *w;
	unsigned n = 0;

	list_for_each_entry(w, &s->waiters, link) {
		const struct linux_sembuf *op = &w->ops[w->blocked_at];

		n += op->num == num && (op->op == 0) == for_zero;
	}
	return n;
}

static long one_value(struct sem_set *s, int num, int cmd)
{
	if (num < 0 || (unsigned)num >= s->n) {
		return -EINVAL;
	}
	switch (cmd) {
	case GETVAL: return s->sems[num].val;
	case GETPID: return s->sems[num].pid;
	case GETNCNT: return count_waiters(s, num, false);
	default: return count_waiters(s, num, true);
	}
}

static long set_value(struct sem_set *s, int num, int val)
{
	if (num < 0 || (unsigned)num >= s->n) {
		return -EINVAL;
	}
	if (val < 0 || val > SEMVMX) {
		return -ERANGE;
	}
	sem_undo_clear_locked(s, num);
	s->sems[num].val = (int16_t)val;
	s->sems[num].pid = process_pid(process_current());
	s->ipc.ctime = ipc_now();
	sem_wake_waiters_locked(s);
	return 0;
}

/* GETALL and SETALL go through a copy, as the lock can't be held over user memory. */
static long all_values(int id, bool set, user_ptr array)
{
	struct ipc_object *o;
	struct sem_set *s;
	uint16_t *vals;
	unsigned n;
	int err = ipc_lock(&table, id, false, &o);

	if (err) {
		return err;
	}
	s = (struct sem_set *)o;
	n = s->n;
	err = ipc_permission(o, set ? 2 : 4);
	spin_unlock(&o->lock);
	vals = err ? NULL : kcalloc(n, sizeof(*vals));
	if (!err && !vals) {
		err = -ENOMEM;
	}
	if (!err && set) {
		err = copy_from_user(vals, array, n * sizeof(*vals));
		for (unsigned i = 0; !err && i < n; i++) {
			err = vals[i] > SEMVMX ? -ERANGE : 0;
		}
	}
	spin_lock(&o->lock);
	if (!err && o->removed) {
		err = -EIDRM;
	}
	for (unsigned i = 0; !err && i < n; i++) {
		if (set) {
			s->sems[i].val = (int16_t)vals[i];
			s->sems[i].pid = process_pid(process_current());
		} else {
			vals[i] = (uint16_t)s->sems[i].val;
		}
	}
	if (!err && set) {
		sem_undo_clear_locked(s, -1);
		s->ipc.ctime = ipc_now();
		sem_wake_waiters_locked(s);
	}
	ipc_unlock(o, sem_destroy);
	if (!err && !set) {
		err = copy_to_user(array, vals, n * sizeof(*vals));
	}
	kfree(vals);
	return err;
}

static void remove_locked(struct sem_set *s)
{
	struct sem_waiter *w, *tmp;

	list_for_each_entry_safe(w, tmp, &s->waiters, link) {
		finish_waiter(w, -EIDRM);
	}
	ipc_remove_locked(&table, &s->ipc);
}

long sem_control(int id, int num, int cmd, uint64_t arg)
{
	struct linux_semid_ds d;
	struct ipc_object *o;
	long result = 0;

	switch (cmd) {
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY: return sem_stat(id, cmd, (user_ptr){ arg });
	case IPC_INFO:
	case SEM_INFO: return sem_info(cmd, (user_ptr){ arg });
	case GETALL:
	case SETALL: return all_values(id, cmd == SETALL, (user_ptr){ arg });
	case IPC_SET: result = copy_from_user(&d, (user_ptr){ arg }, sizeof(d)); break;
	case IPC_RMID:
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
	case SETVAL: break;
	default: return -EINVAL;
	}
	if (!result) {
		result = ipc_lock(&table, id, false, &o);
	}
	if (result) {
		return result;
	}
	if (o->removed) {
		result = -EIDRM;
	} else if (cmd == IPC_SET || cmd == IPC_RMID) {
		result = ipc_owner(o);
		if (!result && cmd == IPC_SET) {
			ipc_set_perm(o, &d.perm);
		} else if (!result) {
			remove_locked((struct sem_set *)o);
		}
	} else {
		result = ipc_permission(o, cmd == SETVAL ? 2 : 4);
		if (!result) {
			result = cmd == SETVAL ? set_value((struct sem_set *)o, num, (int)arg)
					       : one_value((struct sem_set *)o, num, cmd);
		}
	}
	ipc_unlock(o, sem_destroy);
	return result;
}

void sem_show(struct text_buf *t)
{
	struct linux_semid_ds d;
	struct ipc_object *o;

	text_printf(t, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
		       "      ctime\n");
	for (int i = 0; (o = ipc_next(&table, &i)); i++) {
		int id = o->id;

		fill_locked((struct sem_set *)o, &d);
		ipc_unlock(o, sem_destroy);
		text_printf(t, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10ld %10ld\n", d.perm.key, id,
			    d.perm.mode, d.nsems, d.perm.uid, d.perm.gid, d.perm.cuid, d.perm.cgid,
			    d.otime, d.ctime);
	}
}
