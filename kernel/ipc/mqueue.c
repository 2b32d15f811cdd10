/* SPDX-License-Identifier: MIT */
/*
 * POSIX message queues: a name space of their own; a descriptor refers to a queue that lives while
 * it has a name or is open.  Messages leave by priority, then by age.
 *
 * Locks: names.lock for the names; a queue's lock for its messages and its notification.  A message
 * is copied from and to the program outside, when it is one thread's alone.  A receiver is woken
 * for each message, one by one (the wait is exclusive); senders all at once, as each may find room.
 * A notification is taken out under the lock and sent after it.
 */
#include "ipc_internal.h"

#include <fs/context.h>
#include <fs/cred.h>
#include <fs/event/poll.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <mm/usercopy.h>
#include <proc/limits.h>
#include <signal/signal.h>

#define MQ_HARD_MSGS 65536
#define MQ_HARD_SIZE (16 << 20)

struct mq_message {
	struct rb_node node;
	unsigned prio;
	size_t size;
	char data[];
};
struct mq {
	struct rb_node name_node GUARDED_BY(mq_names_role);
	struct refcount refs; /* the name, each open file */
	SPINLOCK(mqueue) lock;
	struct rb_tree messages GUARDED_BY(mqueue_role); /* next to leave first */
	int64_t maxmsg, msgsize;			 /* [I] */
	int64_t count GUARDED_BY(mqueue_role);
	uint64_t bytes GUARDED_BY(mqueue_role); /* in the messages */
	struct waitq senders, receivers, pollers;
	unsigned waiting_receivers GUARDED_BY(mqueue_role);
	uint32_t uid, gid, mode;   /* [I] */
	struct user_account *user; /* [I] charged with `charge` bytes */
	int64_t charge;		   /* [I] */
	/* mq_notify */
	struct process *notify GUARDED_BY(mqueue_role);	    /* counted */
	uint64_t notify_exec_count GUARDED_BY(mqueue_role); /* the program that asked for it */
	struct linux_sigevent event GUARDED_BY(mqueue_role);
	char name[NAME_MAX + 1]; /* [I] */
};

static struct {
	SPINLOCK(mq_names) lock;
	struct rb_tree tree GUARDED_BY(mq_names_role);
	unsigned count GUARDED_BY(mq_names_role);
} names = { .lock = SPINLOCK_INIT(RANK_IPC_TABLE, "mq names") };

static void mq_put(struct mq *q)
{
	struct rb_node *n;

	if (!q || !refcount_put(&q->refs)) {
		return;
	}
	spin_assert_unshared(&q->lock);
	while ((n = rb_first(&q->messages))) {
		rb_remove(&q->messages, n);
		kfree(rb_entry(n, struct mq_message, node));
	}
	if (q->user) {
		atomic_fetch_sub_explicit(&q->user->mq_bytes, q->charge, memory_order_relaxed);
		user_account_put(q->user);
	}
	process_put(q->notify);
	kfree(q);
}

/* The place of the name in the tree: *link is NULL when no queue has it. */
static struct rb_node **find_place_locked(const char *name, struct rb_node **parent)
	REQUIRES(mq_names_role)
{
	struct rb_node **link = &names.tree.root;

	ASSERT(spin_held(&names.lock));
	*parent = NULL;
	while (*link) {
		int order = strcmp(name, rb_entry(*link, struct mq, name_node)->name);

		if (order == 0) {
			break;
		}
		*parent = *link;
		link = order < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return link;
}

/* --- files --- */

/* The registration ends: whose it was, for the caller to put. */
static struct process *drop_notify_locked(struct mq *q) REQUIRES(mqueue_role)
{
	struct process *p = q->notify;

	ASSERT(spin_held(&q->lock));
	q->notify = NULL;
	return p;
}

static int mq_flush(struct file *f)
{
	struct mq *q = f->private_data;
	struct process *p = NULL;

	/* Closing any descriptor of the queue ends the process's registration. */
	spin_lock(&q->lock);
	if (q->notify == process_current()) {
		p = drop_notify_locked(q);
	}
	spin_unlock(&q->lock);
	process_put(p);
	return 0;
}

static void mq_release(struct file *f)
{
	mq_put(f->private_data);
}

static uint32_t mq_poll(struct file *f, struct poll_table *pt)
{
	struct mq *q = f->private_data;
	int64_t count;

	poll_wait(pt, &q->pollers);
	count = READ_ONCE(q->count);
	return (count ? POLLIN | POLLRDNORM : 0u) | (count < q->maxmsg ? POLLOUT | POLLWRNORM : 0u);
}

/* What reading /dev/mqueue/NAME shows on Linux. */
static long mq_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct mq *q = f->private_data;
	char text[96];
	size_t n;

	spin_lock(&q->lock);
	n = (size_t)fmt_snprintf(text, sizeof(text),
				 "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q->bytes,
				 q->notify ? q->event.notify : 0,
				 q->notify && q->event.notify == SIGEV_SIGNAL ? q->event.signo : 0,
				 q->notify ? process_pid(q->notify) : 0);
	spin_unlock(&q->lock);
	if (*pos >= n) {
		return 0;
	}
	n = uio_write_to(u, text + *pos, n - *pos);
	*pos += n;
	return (long)n;
}

static const struct file_ops mq_file_ops = {
	.read = mq_read,
	.poll = mq_poll,
	.flush = mq_flush,
	.release = mq_release,
};

static int check_attr(const struct linux_mq_attr *a)
{
	bool privileged = cred_capable(CAP_SYS_RESOURCE);

	if (a->maxmsg <= 0 || a->msgsize <= 0 ||
	    a->maxmsg > (privileged ? MQ_HARD_MSGS : MQ_MSGS_MAX) ||
	    a->msgsize > (privileged ? MQ_HARD_SIZE : MQ_SIZE_MAX)) {
		return -EINVAL;
	}
	return 0;
}

static int charge(struct mq *q)
{
	struct process *p = process_current();
	struct user_account *u = process_get_user(p);
	int64_t used;

	q->charge = q->maxmsg * (q->msgsize + 80);
	/* Relaxed, here and below: a sum; who adds last knows whether it is too much. */
	used = atomic_fetch_add_explicit(&u->mq_bytes, q->charge, memory_order_relaxed) + q->charge;
	if ((uint64_t)used > process_rlimit(p, RLIMIT_MSGQUEUE)) {
		atomic_fetch_sub_explicit(&u->mq_bytes, q->charge, memory_order_relaxed);
		user_account_put(u);
		return -EMFILE;
	}
	q->user = u;
	return 0;
}

static int create(const char *name, uint32_t mode, const struct linux_mq_attr *attr,
		  struct mq **out)
{
	const struct cred *c = thread_current()->cred;
	struct mq *q = kzalloc(sizeof(*q));
	int err;

	if (!q) {
		return -ENOMEM;
	}
	refcount_init(&q->refs, 1); /* the name's */
	spin_init(&q->lock, RANK_IPC_OBJECT, "mqueue");
	waitq_init(&q->senders);
	waitq_init(&q->receivers);
	waitq_init(&q->pollers);
	q->maxmsg = attr ? attr->maxmsg : MQ_DEFAULT_MSGS;
	q->msgsize = attr ? attr->msgsize : MQ_DEFAULT_SIZE;
	q->uid = c->u.fs;
	q->gid = c->g.fs;
	q->mode = mode & 07777 & ~thread_current()->fs->umask;
	str_copy(q->name, name, sizeof(q->name));
	err = charge(q);
	if (err) {
		mq_put(q);
		return err;
	}
	*out = q;
	return 0;
}

static int check_access(const struct mq *q, int oflags)
{
	const struct cred *c = thread_current()->cred;
	static const unsigned wants[4] = { 4, 2, 6, 6 };
	unsigned granted = q->mode;

	if (cred_capable(CAP_DAC_OVERRIDE)) {
		return 0;
	}
	if (c->u.fs == q->uid) {
		granted >>= 6;
	} else if (cred_in_group(c, q->gid)) {
		granted >>= 3;
	}
	return wants[oflags & O_ACCMODE] & ~granted & 7 ? -EACCES : 0;
}

/* Finds or makes the queue, counted. */
static int find_or_create(const char *name, int oflags, uint32_t mode,
			  const struct linux_mq_attr *attr, struct mq **out)
{
	struct rb_node *parent, **link;
	struct mq *fresh = NULL, *q;
	int err = 0;

	if (oflags & O_CREAT && attr) {
		err = check_attr(attr);
	}
	if (!err && oflags & O_CREAT) {
		err = create(name, mode, attr, &fresh);
	}
	spin_lock(&names.lock);
	link = find_place_locked(name, &parent);
	q = *link ? rb_entry(*link, struct mq, name_node) : NULL;
	if (q) {
		err = (oflags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ? -EEXIST
									  : check_access(q, oflags);
	} else if (!err && !(oflags & O_CREAT)) {
		err = -ENOENT;
	} else if (!err && names.count >= MQ_QUEUES_MAX && !cred_capable(CAP_SYS_RESOURCE)) {
		err = -ENOSPC;
	} else if (!err) {
		q = fresh;
		fresh = NULL;
		rb_link(&q->name_node, parent, link);
		rb_insert_fix(&names.tree, &q->name_node);
		names.count++;
	}
	if (!err) {
		refcount_get(&q->refs);
	}
	spin_unlock(&names.lock);
	mq_put(fresh);
	*out = q;
	return err;
}

static int check_name(const char *name)
{
	size_t len = strlen(name);

	if (!len) {
		return -ENOENT;
	}
	if (len > NAME_MAX) {
		return -ENAMETOOLONG;
	}
	return strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") ? -EACCES : 0;
}

long mq_open_fd(const char *name, int oflags, uint32_t mode, const struct linux_mq_attr *attr)
{
	struct file *f;
	struct mq *q;
	int err = check_name(name);

	if (!err) {
		err = find_or_create(name, oflags, mode, attr, &q);
	}
	if (err) {
		return err;
	}
	err = file_alloc_anon(&mq_file_ops, q, oflags & (O_ACCMODE | O_NONBLOCK), S_IFREG | q->mode,
			      "mqueue", &f);
	if (err) {
		mq_put(q);
		return err;
	}
	return fd_give(f, true); /* they always close on exec */
}

long mq_remove(const char *name)
{
	const struct cred *c = thread_current()->cred;
	struct rb_node *parent, *n;
	struct mq *q;
	int err = check_name(name);

	if (err) {
		return err;
	}
	spin_lock(&names.lock);
	n = *find_place_locked(name, &parent);
	q = n ? rb_entry(n, struct mq, name_node) : NULL;
	if (!q) {
		err = -ENOENT;
	} else if (c->u.fs != q->uid && !cred_capable(CAP_FOWNER)) {
		err = -EACCES;
	} else {
		rb_remove(&names.tree, &q->name_node);
		names.count--;
	}
	spin_unlock(&names.lock);
	if (!err) {
		mq_put(q);
	}
	return err;
}

static int lookup(int fd, struct file **f, struct mq **q)
{
	int err = fd_get(fd, f);

	if (err) {
		return err;
	}
	if ((*f)->ops != &mq_file_ops) {
		file_put(*f);
		return -EBADF;
	}
	*q = (*f)->private_data;
	return 0;
}

/* --- messages --- */

static void insert_locked(struct mq *q, struct mq_message *m) REQUIRES(mqueue_role)
{
	struct rb_node **link = &q->messages.root, *parent = NULL;

	ASSERT(spin_held(&q->lock));
	q->count++;
	q->bytes += m->size;
	while (*link) {
		parent = *link;
		link = m->prio > rb_entry(parent, struct mq_message, node)->prio ? &parent->left
										 : &parent->right;
	}
	rb_link(&m->node, parent, link);
	rb_insert_fix(&q->messages, &m->node);
}

/* A message came into an empty queue that nobody waits at: the registered process hears of it,
 * once.  Returns whom, counted. */
static struct process *take_notify_locked(struct mq *q, struct linux_sigevent *event,
					  uint64_t *exec_count) REQUIRES(mqueue_role)
{
	ASSERT(spin_held(&q->lock));
	if (q->count != 1 || q->waiting_receivers) {
		return NULL;
	}
	*event = q->event;
	*exec_count = q->notify_exec_count;
	return drop_notify_locked(q);
}

/* No permission is asked: the process asked for the signal.  So what it has executed since, perhaps
 * with more rights, does not get it.  Signal 0 may be asked for, and is none. */
static void send_notify(struct process *p, const struct linux_sigevent *event, uint64_t exec_count)
{
	struct siginfo info;
	uint64_t flags;

	if (!p) {
		return;
	}
	if (event->notify == SIGEV_SIGNAL && signal_valid(event->signo)) {
		siginfo_init_user(&info, event->signo, SI_MESGQ);
		info.rt.value = event->value;
		flags = process_lock(p);
		if (p->exec_count == exec_count) {
			(void)!signal_send_locked(p, NULL, &info, NULL);
		}
		process_unlock(p, flags);
	}
	process_put(p);
}

static int wait_room_locked(struct mq *q, bool nonblock, uint64_t deadline) REQUIRES(mqueue_role)
{
	int err = 0;

	ASSERT(spin_held(&q->lock));
	while (q->count >= q->maxmsg && !err) {
		err = nonblock ? -EAGAIN : waitq_wait(&q->senders, &q->lock, WAIT_INTR, deadline);
	}
	return q->count < q->maxmsg ? 0 : err;
}

long mq_send(int fd, user_ptr from, size_t len, unsigned prio, uint64_t deadline)
{
	struct linux_sigevent event;
	struct process *notify = NULL;
	uint64_t exec_count = 0;
	struct mq_message *m = NULL;
	struct file *f;
	struct mq *q;
	int err;

	if (prio >= MQ_PRIO_MAX) {
		return -EINVAL;
	}
	err = lookup(fd, &f, &q);
	if (err) {
		return err;
	}
	if (!f->writable) {
		err = -EBADF;
	} else if (len > (size_t)q->msgsize) {
		err = -EMSGSIZE;
	} else {
		m = kmalloc(sizeof(*m) + len);
		err = m ? copy_from_user(m->data, from, len) : -ENOMEM;
	}
	if (!err) {
		m->prio = prio;
		m->size = len;
		spin_lock(&q->lock);
		err = wait_room_locked(q, file_nonblock(f, 0), deadline);
		if (!err) {
			insert_locked(q, m);
			m = NULL;
			notify = take_notify_locked(q, &event, &exec_count);
			waitq_wake(&q->receivers, 1, 0);
			waitq_wake(&q->pollers, -1, POLLIN | POLLRDNORM);
		}
		spin_unlock(&q->lock);
		send_notify(notify, &event, exec_count);
	}
	kfree(m);
	file_put(f);
	return err;
}

static int take_message(struct mq *q, bool nonblock, uint64_t deadline, struct mq_message **out)
{
	int err = 0;

	spin_lock(&q->lock);
	while (!q->count && !err) {
		q->waiting_receivers++;
		err = nonblock ? -EAGAIN
			       : waitq_wait_exclusive(&q->receivers, &q->lock, WAIT_INTR, deadline);
		q->waiting_receivers--;
	}
	if (q->count) {
		*out = rb_entry(rb_first(&q->messages), struct mq_message, node);
		rb_remove(&q->messages, &(*out)->node);
		q->bytes -= (*out)->size;
		q->count--;
		waitq_wake_all(&q->senders);
		waitq_wake(&q->pollers, -1, POLLOUT | POLLWRNORM);
		err = 0;
	}
	spin_unlock(&q->lock);
	return err;
}

long mq_receive(int fd, user_ptr to, size_t len, unsigned *prio, uint64_t deadline)
{
	struct mq_message *m;
	struct file *f;
	struct mq *q;
	long result = lookup(fd, &f, &q);

	if (result) {
		return result;
	}
	if (!f->readable) {
		result = -EBADF;
	} else if (len < (size_t)q->msgsize) {
		result = -EMSGSIZE;
	} else {
		result = take_message(q, file_nonblock(f, 0), deadline, &m);
	}
	if (!result) {
		*prio = m->prio;
		result = copy_to_user(to, m->data, m->size);
		result = result ? result : (long)m->size;
		kfree(m);
	}
	file_put(f);
	return result;
}

/* --- mq_notify, attributes --- */

long mq_set_notify(int fd, const struct linux_sigevent *event)
{
	struct process *p = process_current(), *old = NULL;
	struct file *f;
	struct mq *q;
	int err;

	if (event && event->notify != SIGEV_NONE && event->notify != SIGEV_SIGNAL) {
		/* SIGEV_THREAD goes over a netlink socket, which we don't have. */
		return event->notify == SIGEV_THREAD ? -EOPNOTSUPP : -EINVAL;
	}
	if (event && event->notify == SIGEV_SIGNAL && (event->signo < 0 || event->signo > NSIG)) {
		return -EINVAL;
	}
	err = lookup(fd, &f, &q);
	if (err) {
		return err;
	}
	spin_lock(&q->lock);
	if (!event) {
		if (q->notify == p) {
			old = drop_notify_locked(q);
		}
	} else if (q->notify) {
		err = -EBUSY;
	} else {
		process_get(p);
		q->notify = p;
		q->notify_exec_count = READ_ONCE(p->exec_count); /* of the caller's own process */
		q->event = *event;
	}
	spin_unlock(&q->lock);
	process_put(old);
	file_put(f);
	return err;
}

long mq_get_set_attr(int fd, const struct linux_mq_attr *set, struct linux_mq_attr *old)
{
	struct file *f;
	struct mq *q;
	int err;

	if (set && set->flags & ~(int64_t)O_NONBLOCK) {
		return -EINVAL;
	}
	err = lookup(fd, &f, &q);
	if (err) {
		return err;
	}
	memset(old, 0, sizeof(*old));
	spin_lock(&q->lock);
	old->flags = atomic_load(&f->flags) & O_NONBLOCK;
	old->maxmsg = q->maxmsg;
	old->msgsize = q->msgsize;
	old->curmsgs = q->count;
	if (set) {
		if (set->flags & O_NONBLOCK) {
			atomic_fetch_or(&f->flags, O_NONBLOCK);
		} else {
			atomic_fetch_and(&f->flags, ~(uint32_t)O_NONBLOCK);
		}
	}
	spin_unlock(&q->lock);
	file_put(f);
	return 0;
}
