/* SPDX-License-Identifier: MIT */
/* System V message queues. */
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
	struct ipc_object ipc; /* first */
	struct list messages;  /* [lock] oldest first, like all below */
	uint64_t bytes, count, limit;
	int64_t stime, rtime;
	int lspid, lrpid;
	struct waitq senders, receivers;
};

static struct ipc_table table = IPC_TABLE_INIT("msg", MSGMNI);

static void msg_destroy(struct ipc_object *o)
{
	struct msg_queue *q = (struct msg_queue *)o;
	struct message *m, *tmp;

	list_for_each_entry_safe(m, tmp, &q->messages, link) {
		kfree(m);
	}
	kfree(q);
}

struct msg_args {
	int key, flags;
};

static struct ipc_object *msg_create(void *arg)
{
	const struct msg_args *a = arg;
	struct msg_queue *q = kzalloc(sizeof(*q));

	if (!q) {
		return NULL;
	}
	ipc_object_init(&q->ipc, a->key, a->flags);
	list_init(&q->messages);
	waitq_init(&q->senders);
	waitq_init(&q->receivers);
	q->limit = MSGMNB;
	return &q->ipc;
}

long msg_get(int key, int flags)
{
	struct msg_args a = { .key = key, .flags = flags };

	return ipc_get(&table, key, flags, msg_create, NULL, msg_destroy, &a);
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

long msg_send(int id, user_ptr from, size_t size, int flags)
{
	struct message *m;
	struct ipc_object *o;
	struct msg_queue *q;
	int err = load_message(from, size, &m);

	if (err) {
		return err;
	}
	err = ipc_lock(&table, id, false, &o);
	if (err) {
		kfree(m);
		return err;
	}
	q = (struct msg_queue *)o;
	for (;;) {
		err = o->removed ? -EIDRM : ipc_permission(o, 2);
		/* Empty messages count, too, or there could be no end of them. */
		if (err || (q->bytes + size <= q->limit && q->count < q->limit)) {
			break;
		}
		if (flags & IPC_NOWAIT) {
			err = -EAGAIN;
			break;
		}
		err = waitq_wait(&q->senders, &o->lock, WAIT_INTR, DEADLINE_NONE);
		if (err) {
			err = o->removed ? -EIDRM : -EINTR;
			break;
		}
	}
	if (!err) {
		list_push_back(&q->messages, &m->link);
		q->bytes += size;
		q->count++;
		q->stime = ipc_now();
		q->lspid = process_pid(process_current());
		waitq_wake_all(&q->receivers);
		m = NULL;
	}
	ipc_unlock(o, msg_destroy);
	kfree(m);
	return err;
}

/* --- msgrcv --- */

static struct message *find_locked(struct msg_queue *q, int64_t type, int flags)
{
	struct message *m, *best = NULL;

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
		       struct message **out)
{
	for (;;) {
		struct message *m;
		int err = q->ipc.removed ? -EIDRM : ipc_permission(&q->ipc, 4);

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
			return q->ipc.removed ? -EIDRM : -EINTR;
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
	err = ipc_lock(&table, id, false, &o);
	if (err) {
		return err;
	}
	err = take_locked((struct msg_queue *)o, size, type, flags, &m);
	ipc_unlock(o, msg_destroy);
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

/* --- msgctl --- */

static void fill_locked(struct msg_queue *q, struct linux_msqid_ds *d)
{
	memset(d, 0, sizeof(*d));
	ipc_fill_perm(&q->ipc, &d->perm);
	d->stime = q->stime;
	d->rtime = q->rtime;
	d->ctime = q->ipc.ctime;
	d->cbytes = q->bytes;
	d->qnum = q->count;
	d->qbytes = q->limit;
	d->lspid = q->lspid;
	d->lrpid = q->lrpid;
}

static void fill_stat_locked(struct ipc_object *o, void *ds)
{
	fill_locked((struct msg_queue *)o, ds);
}

static long msg_stat(int id, int cmd, user_ptr buf)
{
	const struct ipc_stat r = {
		.id = id,
		.by_index = cmd != IPC_STAT,
		.any = cmd == MSG_STAT_ANY,
		.fill = fill_stat_locked,
		.destroy = msg_destroy,
		.size = sizeof(struct linux_msqid_ds),
	};

	return ipc_stat(&table, &r, buf);
}

static long msg_info(int cmd, user_ptr buf)
{
	struct linux_msginfo i = {
		.pool = MSGMNI * MSGMNB / 1024,
		.map = MSGMNB,
		.max = MSGMAX,
		.mnb = MSGMNB,
		.mni = MSGMNI,
		.ssz = 16,
		.tql = MSGMNB,
		.seg = 0xffff,
	};
	int highest = MAX(table.highest, 0), err;

	if (cmd == MSG_INFO) {
		i.pool = (int)table.used;
		i.map = i.tql = 0;
	}
	err = copy_to_user(buf, &i, sizeof(i));
	return err ? err : highest;
}

static int set_locked(struct msg_queue *q, const struct linux_msqid_ds *d)
{
	if (d->qbytes > MSGMNB && !cred_capable(CAP_SYS_RESOURCE)) {
		return -EPERM;
	}
	ipc_set_perm(&q->ipc, &d->perm);
	q->limit = d->qbytes;
	waitq_wake_all(&q->senders);
	waitq_wake_all(&q->receivers);
	return 0;
}

long msg_control(int id, int cmd, user_ptr buf)
{
	struct linux_msqid_ds d;
	struct ipc_object *o;
	struct msg_queue *q;
	int err = 0;

	switch (cmd) {
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY: return msg_stat(id, cmd, buf);
	case IPC_INFO:
	case MSG_INFO: return msg_info(cmd, buf);
	case IPC_SET: err = copy_from_user(&d, buf, sizeof(d)); break;
	case IPC_RMID: break;
	default: return -EINVAL;
	}
	if (!err) {
		err = ipc_lock(&table, id, false, &o);
	}
	if (err) {
		return err;
	}
	q = (struct msg_queue *)o;
	err = o->removed ? -EIDRM : ipc_owner(o);
	if (!err && cmd == IPC_SET) {
		err = set_locked(q, &d);
	} else if (!err) {
		ipc_remove_locked(&table, o);
		waitq_wake_all(&q->senders);
		waitq_wake_all(&q->receivers);
	}
	ipc_unlock(o, msg_destroy);
	return err;
}

void msg_show(struct text_buf *t)
{
	struct linux_msqid_ds d;
	struct ipc_object *o;

	text_printf(t, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid"
		       "  cuid  cgid      stime      rtime      ctime\n");
	for (int i = 0; (o = ipc_next(&table, &i)); i++) {
		int id = o->id;

		fill_locked((struct msg_queue *)o, &d);
		ipc_unlock(o, msg_destroy);
		text_printf(t,
			    "%10d %10d  %4o  %10lu %10lu %5d %5d %5u %5u %5u %5u %10ld %10ld "
			    "%10ld\n",
			    d.perm.key, id, d.perm.mode, d.cbytes, d.qnum, d.lspid, d.lrpid,
			    d.perm.uid, d.perm.gid, d.perm.cuid, d.perm.cgid, d.stime, d.rtime,
			    d.ctime);
	}
}
