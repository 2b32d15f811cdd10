/* SPDX-License-Identifier: MIT */
/*
 * System V message queues.
 *
 * All of a queue is under its object's lock; messages are copied from and to the program outside,
 * so a message is either in the queue or one thread's alone.  Senders wait for room and receivers
 * for a message; each wake is for all of them, as only they know which message will do.
 */
#include "ipc_internal.h"

#include <fs/cred.h>
#include <fs/pseudo/procfs.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

struct message {
	struct list link;
	int64_t type;
	size_t size;
	char data[];
};
struct msg_queue {
	struct ipc_object ipc;				  /* first */
	struct list messages GUARDED_BY(ipc_object_role); /* oldest first */
	uint64_t bytes GUARDED_BY(ipc_object_role);
	uint64_t count GUARDED_BY(ipc_object_role);
	uint64_t limit GUARDED_BY(ipc_object_role);
	int64_t stime GUARDED_BY(ipc_object_role);
	int64_t rtime GUARDED_BY(ipc_object_role);
	int lspid GUARDED_BY(ipc_object_role);
	int lrpid GUARDED_BY(ipc_object_role);
	struct waitq senders, receivers;
};

static void msg_destroy(struct ipc_object *o)
{
	struct msg_queue *q = (struct msg_queue *)o;
	struct message *m, *tmp;

	spin_assert_unshared(&o->lock);
	list_for_each_entry_safe(m, tmp, &q->messages, link) {
		kfree(m);
	}
	kfree(q);
}

static int msg_create(const struct ipc_args *a, struct ipc_object **out)
{
	struct msg_queue *q = kzalloc(sizeof(*q));

	if (!q) {
		return -ENOMEM;
	}
	ipc_object_init(&q->ipc, a);
	spin_assert_unshared(&q->ipc.lock);
	list_init(&q->messages);
	waitq_init(&q->senders);
	waitq_init(&q->receivers);
	q->limit = MSGMNB;
	*out = &q->ipc;
	return 0;
}

long msg_get(int key, int flags)
{
	const struct ipc_args a = { .key = key, .flags = flags };

	return ipc_get(&msg_table, &a);
}

/* --- msgsnd --- */

static int load_message(user_ptr from, size_t size, struct message **out)
{
	struct message *m;
	uint64_t type;
	int err;

	if (size > MSGMAX) {
		return -EINVAL;
	}
	err = get_user_u64(&type, from);
	if (err) {
		return err;
	}
	if ((int64_t)type < 1) {
		return -EINVAL;
	}
	m = kmalloc(sizeof(*m) + size);
	if (!m) {
		return -ENOMEM;
	}
	m->type = (int64_t)type;
	m->size = size;
	list_init(&m->link);
	err = copy_from_user(m->data, user_ptr_add(from, sizeof(type)), size);
	if (err) {
		kfree(m);
		return err;
	}
	*out = m;
	return 0;
}

/* Waits until the queue takes `size` more bytes. */
static int wait_room_locked(struct msg_queue *q, size_t size, int flags) REQUIRES(ipc_object_role)
{
	ASSERT(spin_held(&q->ipc.lock));
	for (;;) {
		int err = q->ipc.removed ? -EIDRM : ipc_permission_locked(&q->ipc, 2);

		/* Empty messages count, too, or there could be no end of them. */
		if (err || (q->bytes + size <= q->limit && q->count < q->limit)) {
			return err;
		}
		if (flags & IPC_NOWAIT) {
			return -EAGAIN;
		}
		err = waitq_wait(&q->senders, &q->ipc.lock, WAIT_INTR, DEADLINE_NONE);
		if (err) {
			return q->ipc.removed ? -EIDRM : -ERESTARTNOHAND;
		}
	}
}

long msg_send(int id, user_ptr from, size_t size, int flags)
{
	struct message *m;
	struct ipc_object *o;
	struct msg_queue *q;
	int err = load_message(from, size, &m);

	if (err) {
		return err;
	}
	err = ipc_lock(&msg_table, id, &o);
	if (err) {
		kfree(m);
		return err;
	}
	q = (struct msg_queue *)o;
	err = wait_room_locked(q, size, flags);
	if (!err) {
		list_push_back(&q->messages, &m->link);
		q->bytes += size;
		q->count++;
		q->stime = ipc_now();
		q->lspid = process_pid(process_current());
		waitq_wake_all(&q->receivers);
		m = NULL;
	}
	ipc_unlock(o);
	kfree(m);
	return err;
}

/* --- msgrcv --- */

static struct message *find_locked(struct msg_queue *q, int64_t type, int flags)
	REQUIRES(ipc_object_role)
{
	struct message *m, *best = NULL;

	ASSERT(spin_held(&q->ipc.lock));
	list_for_each_entry(m, &q->messages, link) {
		if (type == 0 ||
		    (type > 0 && (flags & MSG_EXCEPT ? m->type != type : m->type == type))) {
			return m;
		}
		/* The lowest type up to -type. */
		if (type < 0 && m->type <= (type == INT64_MIN ? INT64_MAX : -type) &&
		    (!best || m->type < best->type)) {
			best = m;
		}
	}
	return best;
}

static int take_locked(struct msg_queue *q, size_t size, int64_t type, int flags,
		       struct message **out) REQUIRES(ipc_object_role)
{
	ASSERT(spin_held(&q->ipc.lock));
	for (;;) {
		struct message *m;
		int err = q->ipc.removed ? -EIDRM : ipc_permission_locked(&q->ipc, 4);

		if (err) {
			return err;
		}
		m = find_locked(q, type, flags);
		if (m) {
			if (m->size > size && !(flags & MSG_NOERROR)) {
				return -E2BIG;
			}
			list_remove(&m->link);
			q->bytes -= m->size;
			q->count--;
			q->rtime = ipc_now();
			q->lrpid = process_pid(process_current());
			waitq_wake_all(&q->senders);
			*out = m;
			return 0;
		}
		if (flags & IPC_NOWAIT) {
			return -ENOMSG;
		}
		err = waitq_wait(&q->receivers, &q->ipc.lock, WAIT_INTR, DEADLINE_NONE);
		if (err) {
			return q->ipc.removed ? -EIDRM : -ERESTARTNOHAND;
		}
	}
}

long msg_receive(int id, user_ptr to, size_t size, int64_t type, int flags)
{
	struct message *m = NULL;
	struct ipc_object *o;
	int err;
	size_t n;

	if ((int64_t)size < 0) {
		return -EINVAL;
	}
	if (flags & MSG_COPY) {
		return -ENOSYS; /* as a kernel without checkpoint/restore */
	}
	err = ipc_lock(&msg_table, id, &o);
	if (err) {
		return err;
	}
	err = take_locked((struct msg_queue *)o, size, type, flags, &m);
	ipc_unlock(o);
	if (err) {
		return err;
	}
	n = MIN(size, m->size);
	err = put_user_u64(to, (uint64_t)m->type);
	if (!err) {
		err = copy_to_user(user_ptr_add(to, sizeof(m->type)), m->data, n);
	}
	kfree(m);
	return err ? err : (long)n;
}

/* --- msgctl, /proc/sysvipc/msg --- */

static void msg_fill(struct ipc_object *o, union ipc_ds *d)
{
	const struct msg_queue *q = (const struct msg_queue *)o;

	spin_assert_held(&o->lock);
	d->msg.stime = q->stime;
	d->msg.rtime = q->rtime;
	d->msg.ctime = o->ctime;
	d->msg.cbytes = q->bytes;
	d->msg.qnum = q->count;
	d->msg.qbytes = q->limit;
	d->msg.lspid = q->lspid;
	d->msg.lrpid = q->lrpid;
}

static int msg_set(struct ipc_object *o, const union ipc_ds *d)
{
	spin_assert_held(&o->lock);
	if (d->msg.qbytes > MSGMNB && !cred_capable(CAP_SYS_RESOURCE)) {
		return -EPERM;
	}
	((struct msg_queue *)o)->limit = d->msg.qbytes;
	return 0;
}

static void msg_changed(struct ipc_object *o)
{
	struct msg_queue *q = (struct msg_queue *)o;

	waitq_wake_all(&q->senders);
	waitq_wake_all(&q->receivers);
}

static size_t msg_info(bool usage, union ipc_info *i)
{
	struct ipc_object *o;

	i->msg = (struct linux_msginfo){
		.pool = MSGMNI * MSGMNB / 1024,
		.map = MSGMNB,
		.max = MSGMAX,
		.mnb = MSGMNB,
		.mni = MSGMNI,
		.ssz = 16,
		.tql = MSGMNB,
		.seg = 0xffff,
	};
	if (usage) {
		i->msg.pool = i->msg.map = i->msg.tql = 0;
		for (int n = 0; (o = ipc_next(&msg_table, &n)); n++) {
			spin_lock(&o->lock);
			i->msg.pool++;
			i->msg.map += (int)((struct msg_queue *)o)->count;
			i->msg.tql += (int)((struct msg_queue *)o)->bytes;
			ipc_unlock(o);
		}
	}
	return sizeof(i->msg);
}

static void msg_show(struct text_buf *t, int id, const union ipc_ds *ds)
{
	const struct linux_msqid_ds *d = &ds->msg;

	text_printf(t, "%10d %10d  %4o  %10lu %10lu %5d %5d %5u %5u %5u %5u %10ld %10ld %10ld\n",
		    d->perm.key, id, d->perm.mode, d->cbytes, d->qnum, d->lspid, d->lrpid,
		    d->perm.uid, d->perm.gid, d->perm.cuid, d->perm.cgid, d->stime, d->rtime,
		    d->ctime);
}

static const struct ipc_type msg_type = {
	.cmd_stat = MSG_STAT,
	.cmd_info = MSG_INFO,
	.cmd_stat_any = MSG_STAT_ANY,
	.ds_size = sizeof(struct linux_msqid_ds),
	.create = msg_create,
	.destroy = msg_destroy,
	.fill = msg_fill,
	.set = msg_set,
	.changed = msg_changed,
	.info = msg_info,
	.title = "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid"
		 "  cuid  cgid      stime      rtime      ctime",
	.show = msg_show,
};
struct ipc_table msg_table = IPC_TABLE_INIT(&msg_type, "msg", MSGMNI);

long msg_control(int id, int cmd, user_ptr buf)
{
	return ipc_control(&msg_table, id, cmd, buf);
}
