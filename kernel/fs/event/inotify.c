/* SPDX-License-Identifier: MIT */
/*
 * inotify: watches of inodes, queues of events.
 *
 * One spinlock for all watches and queues.  A watch counts its inode and goes with
 * inotify_rm_watch(), its instance, or the inode's last name; the inode's list head goes with the
 * inode.  An event that cannot be allocated is lost, one too many becomes IN_Q_OVERFLOW.
 */
#include <fs/event/notify.h>

#include "../fs_internal.h"

#include <fs/dentry.h>
#include <fs/event/poll.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <lib/format.h>
#include <lib/list.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/ioctls.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <mm/user_ptr.h>
#include <mm/usercopy.h>
#include <sync/lock_order.h>
#include <sync/spinlock.h>
#include <sync/waitq.h>

#define MAX_QUEUED 16384

struct inotify {
	struct list watches GUARDED_BY(inotify_role); /* struct watch.instance_link */
	struct list events GUARDED_BY(inotify_role);
	struct waitq readers;
	unsigned queued GUARDED_BY(inotify_role);
	size_t bytes GUARDED_BY(inotify_role);
	int next_wd; /* watch_lock */
};
struct watch {
	struct list instance_link, inode_link;
	struct inotify *instance;
	struct inode *inode; /* counted */
	uint32_t mask;
	int wd;
};
/* Of an inode: its watches.  Lives until the inode goes. */
struct inode_watches {
	struct list watches;
};
struct event {
	struct list link;
	int wd;
	uint32_t mask, cookie;
	uint32_t name_len; /* with NUL and padding, 0 = none */
	char name[];
};

_Atomic unsigned notify_watches;
static _Atomic uint32_t next_cookie = 1;
static SPINLOCK(inotify) watch_lock = SPINLOCK_INIT(RANK_FILE_LOCKS, "inotify");
static const struct file_ops inotify_ops;

uint32_t notify_new_cookie(void)
{
	return atomic_fetch_add(&next_cookie, 1);
}
bool file_is_inotify(const struct file *f)
{
	return f->ops == &inotify_ops;
}

static bool same_event(const struct event *e, int wd, uint32_t mask, uint32_t cookie,
		       const char *name)
{
	return e->wd == wd && e->mask == mask && e->cookie == cookie &&
	       (name ? e->name_len && !strcmp(e->name, name) : !e->name_len);
}

/* Queues one event; the watch lock is held. */
static void queue_event(struct inotify *in, int wd, uint32_t mask, uint32_t cookie,
			const char *name) REQUIRES(inotify_role)
{
	uint32_t len = name ? (uint32_t)ALIGN_UP(strlen(name) + 1, (size_t)16) : 0;
	struct event *e;

	spin_assert_held(&watch_lock);
	if (!list_empty(&in->events) &&
	    same_event(list_last_entry(&in->events, struct event, link), wd, mask, cookie, name)) {
		return;
	}
	if (in->queued >= MAX_QUEUED) {
		if (list_last_entry(&in->events, struct event, link)->mask == IN_Q_OVERFLOW) {
			return;
		}
		wd = -1;
		mask = IN_Q_OVERFLOW;
		cookie = len = 0;
	}
	e = kzalloc(sizeof(*e) + len);
	if (!e) {
		return;
	}
	e->wd = wd;
	e->mask = mask;
	e->cookie = cookie;
	e->name_len = len;
	if (len) {
		memcpy(e->name, name, strlen(name));
	}
	list_push_back(&in->events, &e->link);
	in->queued++;
	in->bytes += sizeof(struct linux_inotify_event) + len;
	waitq_wake(&in->readers, -1, POLLIN | POLLRDNORM);
}

/* Unlinks a watch; the caller puts its inode and frees it outside the lock. */
static void unlink_locked(struct watch *w) REQUIRES(inotify_role)
{
	queue_event(w->instance, w->wd, IN_IGNORED, 0, NULL);
	list_remove(&w->instance_link);
	list_remove(&w->inode_link);
	atomic_fetch_sub(&notify_watches, 1);
}
static void free_watches(struct list *gone)
{
	struct list *n;

	while ((n = list_pop_front(gone))) {
		struct watch *w = list_entry(n, struct watch, inode_link);

		inode_put(w->inode);
		kfree(w);
	}
}

void notify_inode_slow(struct inode *inode, uint32_t mask, const char *name, uint32_t cookie)
{
	struct inode_watches *iw;
	struct watch *w, *tmp;
	struct list gone;

	list_init(&gone);
	spin_lock(&watch_lock);
	iw = inode->watches;
	if (iw) {
		list_for_each_entry_safe(w, tmp, &iw->watches, inode_link) {
			bool end = mask & IN_DELETE_SELF || w->mask & IN_ONESHOT;

			if (!(w->mask & mask & IN_ALL_EVENTS) && !(mask & IN_DELETE_SELF)) {
				continue;
			}
			if (w->mask & mask & IN_ALL_EVENTS) {
				queue_event(w->instance, w->wd, mask, cookie, name);
			}
			if (end) {
				unlink_locked(w);
				list_push_back(&gone, &w->inode_link);
			}
		}
	}
	spin_unlock(&watch_lock);
	free_watches(&gone);
}

void notify_dentry_slow(struct dentry *d, uint32_t mask)
{
	uint32_t dir = S_ISDIR(d->inode->mode) ? IN_ISDIR : 0;
	struct inode *parent = NULL;
	char name[NAME_MAX + 1];

	spin_lock(&dcache_lock);
	if (d->parent != d && !d->unhashed && d->parent->inode && d->parent->inode->watches) {
		parent = d->parent->inode;
		inode_get(parent);
		memcpy(name, d->name, (size_t)d->name_len + 1);
	}
	spin_unlock(&dcache_lock);
	if (parent) {
		notify_inode_slow(parent, mask | dir, name, 0);
		inode_put(parent);
	}
	notify_inode_slow(d->inode, mask | dir, NULL, 0);
}

/* --- the descriptor --- */
static long inotify_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct inotify *in = f->private_data;
	long done = 0;
	int err = 0;

	spin_lock(&watch_lock);
	while (list_empty(&in->events) && !err) {
		err = file_nonblock(f, flags)
			      ? -EAGAIN
			      : waitq_wait(&in->readers, &watch_lock, WAIT_INTR, DEADLINE_NONE);
	}
	while (!err && !list_empty(&in->events)) {
		struct event *e = list_first_entry(&in->events, struct event, link);
		struct linux_inotify_event head = { e->wd, e->mask, e->cookie, e->name_len };
		size_t size = sizeof(head) + e->name_len;

		if (size > u->left) {
			err = -EINVAL;
			break;
		}
		list_remove(&e->link);
		in->queued--;
		in->bytes -= size;
		spin_unlock(&watch_lock);
		if (uio_write_to(u, &head, sizeof(head)) != sizeof(head) ||
		    uio_write_to(u, e->name, e->name_len) != e->name_len) {
			err = -EFAULT;
		} else {
			done += (long)size;
		}
		kfree(e);
		spin_lock(&watch_lock);
	}
	spin_unlock(&watch_lock);
	return done ? done : err;
}
static uint32_t inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *in = f->private_data;

	poll_wait(pt, &in->readers);
	return READ_ONCE(in->queued) ? POLLIN | POLLRDNORM : 0;
}
static long inotify_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct inotify *in = f->private_data;

	return cmd == FIONREAD ? put_user_u32((user_ptr){ arg }, (uint32_t)READ_ONCE(in->bytes))
			       : -ENOTTY;
}
static void inotify_release(struct file *f)
{
	struct inotify *in = f->private_data;
	struct list gone, *n;

	list_init(&gone);
	spin_lock(&watch_lock);
	while ((n = list_first(&in->watches))) {
		struct watch *w = list_entry(n, struct watch, instance_link);

		unlink_locked(w);
		list_push_back(&gone, &w->inode_link);
	}
	spin_unlock(&watch_lock);
	free_watches(&gone);
	while ((n = list_pop_front(&in->events))) {
		kfree(list_entry(n, struct event, link));
	}
	kfree(in);
}
static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
};

int inotify_create(int flags, struct file **out)
{
	struct inotify *in;
	int err;

	if (flags & ~(IN_NONBLOCK | IN_CLOEXEC)) {
		return -EINVAL;
	}
	in = kzalloc(sizeof(*in));
	if (!in) {
		return -ENOMEM;
	}
	list_init(&in->watches);
	list_init(&in->events);
	waitq_init(&in->readers);
	in->next_wd = 1;
	err = file_alloc_anon(&inotify_ops, in, O_RDONLY | (flags & IN_NONBLOCK), 0600,
			      "anon_inode:inotify", out);
	if (err) {
		kfree(in);
	}
	return err;
}

/* An existing watch of this instance on inode. */
static struct watch *find_watch(struct inotify *in, const struct inode *inode)
{
	struct watch *w;

	list_for_each_entry(w, &in->watches, instance_link) {
		if (w->inode == inode) {
			return w;
		}
	}
	return NULL;
}
static long update_watch(struct watch *w, uint32_t mask)
{
	if (mask & IN_MASK_CREATE) {
		return -EEXIST;
	}
	w->mask = (mask & IN_MASK_ADD ? w->mask : 0) | (mask & (IN_ALL_EVENTS | IN_ONESHOT));
	return w->wd;
}

long inotify_add(struct file *f, struct inode *inode, uint32_t mask)
{
	struct inode_watches *iw = kzalloc(sizeof(*iw));
	struct watch *w = kzalloc(sizeof(*w)), *old;
	struct inotify *in = f->private_data;
	long wd;

	if (!w || !iw) {
		kfree(w);
		kfree(iw);
		return -ENOMEM;
	}
	list_init(&iw->watches);
	list_init(&w->instance_link);
	list_init(&w->inode_link);
	spin_lock(&watch_lock);
	old = find_watch(in, inode);
	if (old) {
		wd = update_watch(old, mask);
	} else {
		if (!inode->watches) {
			inode->watches = iw;
			iw = NULL;
		}
		inode_get(inode);
		w->inode = inode;
		w->instance = in;
		w->mask = mask & (IN_ALL_EVENTS | IN_ONESHOT);
		wd = w->wd = in->next_wd++;
		list_push_back(&in->watches, &w->instance_link);
		list_push_back(&((struct inode_watches *)inode->watches)->watches, &w->inode_link);
		atomic_fetch_add(&notify_watches, 1);
		w = NULL;
	}
	spin_unlock(&watch_lock);
	kfree(w);
	kfree(iw);
	return wd;
}
int inotify_remove(struct file *f, int wd)
{
	struct inotify *in = f->private_data;
	struct watch *w, *found = NULL;
	struct list gone;

	list_init(&gone);
	spin_lock(&watch_lock);
	list_for_each_entry(w, &in->watches, instance_link) {
		if (w->wd == wd) {
			found = w;
			break;
		}
	}
	if (found) {
		unlink_locked(found);
		list_push_back(&gone, &found->inode_link);
	}
	spin_unlock(&watch_lock);
	free_watches(&gone);
	return found ? 0 : -EINVAL;
}
