/* SPDX-License-Identifier: MIT */
/*
 * inotify: watches of inodes, queues of events.
 *
 * One spinlock for all watches and queues.  A watch counts its inode and goes with
 * inotify_rm_watch(), its instance, or the inode's last name; the inode's list head goes with the
 * inode.  An event that cannot be allocated is lost, one too many becomes IN_Q_OVERFLOW.
 *
 * Instances and watches are charged to the user who made the instance: what happens to an inode is
 * told to each of its watches under the lock, so their number has a bound.
 */
#include <fs/event/notify.h>

#include "../fs_internal.h"

#include <fs/dentry.h>
#include <fs/event/poll.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/upcalls.h>
#include <lib/format.h>
#include <lib/list.h>
#include <lib/rbtree.h>
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
#define RELEASE_CHUNK 256 /* watches that go with their instance before others may have the lock */

struct inotify {
	struct rb_tree by_wd GUARDED_BY(inotify_role);	  /* struct watch.wd_node */
	struct rb_tree by_inode GUARDED_BY(inotify_role); /* struct watch.inode_node */
	struct list events GUARDED_BY(inotify_role);
	struct user_account *payer; /* [I] counted */
	struct waitq readers;
	unsigned queued GUARDED_BY(inotify_role);
	size_t bytes GUARDED_BY(inotify_role);
	int next_wd; /* watch_lock */
};
struct watch {
	struct rb_node wd_node, inode_node;
	struct list inode_link;
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
	struct inotify *in = w->instance;

	rb_remove(&in->by_wd, &w->wd_node);
	rb_remove(&in->by_inode, &w->inode_node);
	list_remove(&w->inode_link);
	atomic_fetch_sub(&notify_watches, 1);
	fs_upcalls->uncharge(in->payer, USER_WATCHES, 1);
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
				queue_event(w->instance, w->wd, IN_IGNORED, 0, NULL);
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
static void free_instance(struct inotify *in)
{
	fs_upcalls->uncharge(in->payer, USER_INOTIFY, 1);
	fs_upcalls->put_user(in->payer);
	kfree(in);
}
static void inotify_release(struct file *f)
{
	struct inotify *in = f->private_data;
	struct list *event;
	bool more = true;

	while (more) {
		struct list gone = LIST_INIT(gone);
		struct rb_node *n;

		spin_lock(&watch_lock);
		for (int i = 0; i < RELEASE_CHUNK && (n = rb_first(&in->by_wd)); i++) {
			struct watch *w = rb_entry(n, struct watch, wd_node);

			unlink_locked(w);
			list_push_back(&gone, &w->inode_link);
		}
		more = in->by_wd.root;
		spin_unlock(&watch_lock);
		free_watches(&gone);
	}
	while ((event = list_pop_front(&in->events))) {
		kfree(list_entry(event, struct event, link));
	}
	free_instance(in);
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
	in->payer = fs_upcalls->get_user();
	if (!fs_upcalls->charge(in->payer, USER_INOTIFY, 1, INOTIFY_MAX_INSTANCES)) {
		fs_upcalls->put_user(in->payer);
		kfree(in);
		return -EMFILE;
	}
	list_init(&in->events);
	waitq_init(&in->readers);
	in->next_wd = 1;
	err = file_alloc_anon(&inotify_ops, in, O_RDONLY | (flags & IN_NONBLOCK), 0600,
			      "anon_inode:inotify", out);
	if (err) {
		free_instance(in);
	}
	return err;
}

/* The place in the tree: *link is NULL when the instance does not watch the inode. */
static struct rb_node **find_inode_locked(struct inotify *in, const struct inode *inode,
					  struct rb_node **parent) REQUIRES(inotify_role)
{
	struct rb_node **link = &in->by_inode.root;

	*parent = NULL;
	while (*link) {
		const struct inode *other = rb_entry(*link, struct watch, inode_node)->inode;

		if (other == inode) {
			break;
		}
		*parent = *link;
		link = (uintptr_t)inode < (uintptr_t)other ? &(*parent)->left : &(*parent)->right;
	}
	return link;
}
static struct rb_node **find_wd_locked(struct inotify *in, int wd, struct rb_node **parent)
	REQUIRES(inotify_role)
{
	struct rb_node **link = &in->by_wd.root;

	*parent = NULL;
	while (*link) {
		int other = rb_entry(*link, struct watch, wd_node)->wd;

		if (other == wd) {
			break;
		}
		*parent = *link;
		link = wd < other ? &(*parent)->left : &(*parent)->right;
	}
	return link;
}
static long update_watch(struct watch *w, uint32_t mask)
{
	if (mask & IN_MASK_CREATE) {
		return -EEXIST;
	}
	w->mask = (mask & IN_MASK_ADD ? w->mask : 0) | (mask & (IN_ALL_EVENTS | IN_ONESHOT));
	return w->wd;
}

/* w joins its instance (at the place `link`) and its inode, which has a list. */
static void link_locked(struct watch *w, struct rb_node *parent, struct rb_node **link)
	REQUIRES(inotify_role)
{
	struct inotify *in = w->instance;

	rb_link(&w->inode_node, parent, link);
	rb_insert_fix(&in->by_inode, &w->inode_node);
	do {
		w->wd = in->next_wd;
		in->next_wd = w->wd == INT32_MAX ? 1 : w->wd + 1;
		link = find_wd_locked(in, w->wd, &parent);
	} while (*link);
	rb_link(&w->wd_node, parent, link);
	rb_insert_fix(&in->by_wd, &w->wd_node);
	list_push_back(&((struct inode_watches *)w->inode->watches)->watches, &w->inode_link);
	atomic_fetch_add(&notify_watches, 1);
}

static long add_watch(struct inotify *in, struct inode *inode, uint32_t mask, struct watch *w,
		      struct inode_watches *iw)
{
	struct rb_node *parent, **link;
	long wd;

	spin_lock(&watch_lock);
	link = find_inode_locked(in, inode, &parent);
	if (*link) {
		wd = update_watch(rb_entry(*link, struct watch, inode_node), mask);
	} else if (!fs_upcalls->charge(in->payer, USER_WATCHES, 1, INOTIFY_MAX_WATCHES)) {
		wd = -ENOSPC;
	} else {
		if (!inode->watches) {
			inode->watches = iw;
			iw = NULL;
		}
		inode_get(inode);
		*w = (struct watch){ .instance = in, .inode = inode };
		list_init(&w->inode_link);
		w->mask = mask & (IN_ALL_EVENTS | IN_ONESHOT);
		link_locked(w, parent, link);
		wd = w->wd;
		w = NULL;
	}
	spin_unlock(&watch_lock);
	kfree(w);
	kfree(iw);
	return wd;
}

long inotify_add(struct file *f, struct inode *inode, uint32_t mask)
{
	struct inode_watches *iw = kzalloc(sizeof(*iw));
	struct watch *w = kzalloc(sizeof(*w));

	if (!w || !iw) {
		kfree(w);
		kfree(iw);
		return -ENOMEM;
	}
	list_init(&iw->watches);
	return add_watch(f->private_data, inode, mask, w, iw);
}
int inotify_remove(struct file *f, int wd)
{
	struct list gone = LIST_INIT(gone);
	struct inotify *in = f->private_data;
	struct rb_node *parent, *n;

	spin_lock(&watch_lock);
	n = *find_wd_locked(in, wd, &parent);
	if (n) {
		struct watch *w = rb_entry(n, struct watch, wd_node);

		queue_event(in, wd, IN_IGNORED, 0, NULL);
		unlink_locked(w);
		list_push_back(&gone, &w->inode_link);
	}
	spin_unlock(&watch_lock);
	free_watches(&gone);
	return n ? 0 : -EINVAL;
}
