/* SPDX-License-Identifier: MIT */
/*
 * epoll: items in the wait queues of files, and a list of those that may be ready.
 *
 * An item may be on the ready list and no longer be ready (the reader asks again), never the other
 * way round: a wake puts it there before it wakes, and a change of the wanted events asks the file
 * after it stored them.  An item does not keep its file: the file's last put removes it, under the
 * gate, which also keeps the epoll.
 *
 * ep->mutex: items, and over poll operations.  ready_lock (irq): the ready list, also for wake
 * functions.  epoll_nest_lock (irq): which epoll watches which, also for wake functions; the gate:
 * making and ending such links, so that they form no circle.
 */
#include <fs/event/epoll.h>

#include "../fs_internal.h"
#include "epoll_internal.h"

#include <fs/event/poll.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <linux/epoll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <sync/lock_order.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>
#include <sync/waitq.h>

#define CTL_FLAGS (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define EXCLUSIVE_OK \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

static MUTEX(epoll_gate) gate;
static struct kmem_cache *item_cache;
static const struct file_ops epoll_ops;

void epoll_init(void)
{
	mutex_init(&gate, RANK_EPOLL_GATE, "epoll gate");
	item_cache = kmem_cache_create("epoll item", sizeof(struct epoll_item), 0);
	ASSERT(item_cache);
}

uint64_t epoll_max_watches(void)
{
	return mem_total_pages() / 25 * PAGE_SIZE / sizeof(struct epoll_item);
}

bool file_is_epoll(const struct file *f)
{
	return f->ops == &epoll_ops;
}

/* Queues the item, wakes who waits for its epoll; true when somebody did. */
static void item_ready(struct epoll_item *item)
{
	struct epoll *ep = item->ep;
	uint64_t flags = spin_lock_irqsave(&ep->ready_lock);

	if (!list_linked(&item->ready_link)) {
		list_push_back(&ep->ready, &item->ready_link);
	}
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	waitq_wake(&ep->waiters, 1, POLLIN | POLLRDNORM);
}

/* The nest lock is held; depth was checked when the links were made. */
static void wake_parents(struct epoll *ep, unsigned depth)
{
	struct epoll_item *item;

	if (depth > EPOLL_MAX_NEST) {
		return;
	}
	list_for_each_entry(item, &ep->parents, parent_link) {
		if (atomic_load(&item->events) & (EPOLLIN | POLLRDNORM)) {
			item_ready(item);
			wake_parents(item->ep, depth + 1);
		}
	}
}
static void epoll_signal(struct epoll_item *item)
{
	item_ready(item);
	if (!list_empty(&item->ep->parents)) {
		uint64_t flags = spin_lock_irqsave(&epoll_nest_lock);

		wake_parents(item->ep, 0);
		spin_unlock_irqrestore(&epoll_nest_lock, flags);
	}
}

static bool item_wake(struct waitq_entry *e, uint32_t events)
{
	struct epoll_item *item = container_of(e, struct epoll_wait_link, wait)->item;
	uint32_t wanted = atomic_load_explicit(&item->events, memory_order_relaxed);

	if (!(wanted & ~CTL_FLAGS) || (events && !(events & wanted))) {
		return false;
	}
	epoll_signal(item);
	return true;
}

struct item_table {
	struct poll_table pt;
	struct epoll_item *item;
};
static void item_queue(struct poll_table *pt, struct waitq *q)
{
	struct epoll_item *item = container_of(pt, struct item_table, pt)->item;
	struct epoll_wait_link *l;

	if (item->nlinks < INLINE_LINKS) {
		l = &item->links[item->nlinks];
	} else if (item->nlinks < INLINE_LINKS + ARRAY_SIZE(item->more)) {
		l = kmalloc(sizeof(*l));
		item->more[item->nlinks - INLINE_LINKS] = l;
	} else {
		l = NULL;
	}
	if (!l) {
		item->no_memory = true;
		return;
	}
	item->nlinks++;
	waitq_entry_init(&l->wait);
	l->wait.wake = item_wake;
	l->wait.exclusive = atomic_load(&item->events) & EPOLLEXCLUSIVE;
	l->item = item;
	waitq_add(q, &l->wait);
}

static int compare(const struct epoll_item *item, const struct file *f, int fd)
{
	if (item->file != f) {
		return f < item->file ? -1 : 1;
	}
	return fd < item->fd ? -1 : fd > item->fd;
}
static struct epoll_item *find_item(struct epoll *ep, struct file *f, int fd) REQUIRES(epoll_role)
{
	struct rb_node *n = ep->items.root;

	while (n) {
		struct epoll_item *item = rb_entry(n, struct epoll_item, node);
		int c = compare(item, f, fd);

		if (c == 0) {
			return item;
		}
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

/* ep->mutex held; afterwards nothing knows the item. */
static void item_remove(struct epoll_item *item)
{
	struct epoll *ep = item->ep;
	uint64_t flags;

	for (unsigned i = 0; i < item->nlinks; i++) {
		waitq_remove(i < INLINE_LINKS ? &item->links[i].wait
					      : &item->more[i - INLINE_LINKS]->wait);
	}
	flags = spin_lock_irqsave(&epoll_nest_lock);
	list_remove(&item->parent_link);
	spin_unlock_irqrestore(&epoll_nest_lock, flags);
	list_remove(&item->child_link);
	spin_lock(&item->file->epoll_lock);
	list_remove(&item->file_link);
	spin_unlock(&item->file->epoll_lock);
	flags = spin_lock_irqsave(&ep->ready_lock);
	list_remove(&item->ready_link);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	rb_remove(&ep->items, &item->node);
	fs_upcalls->uncharge(ep->payer, USER_EPOLL_ITEMS, 1);
	kfree(item->more[0]);
	kfree(item->more[1]);
	kmem_cache_free(item_cache, item);
}

static void item_link(struct epoll *ep, struct epoll_item *item)
{
	struct rb_node **link = &ep->items.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = compare(rb_entry(parent, struct epoll_item, node), item->file, item->fd) < 0
			       ? &parent->left
			       : &parent->right;
	}
	rb_link(&item->node, parent, link);
	rb_insert_fix(&ep->items, &item->node);
	spin_lock(&item->file->epoll_lock);
	list_push_back(&item->file->epoll_items, &item->file_link);
	spin_unlock(&item->file->epoll_lock);
	if (file_is_epoll(item->file)) {
		struct epoll *child = item->file->private_data;
		uint64_t flags = spin_lock_irqsave(&epoll_nest_lock);

		list_push_back(&child->parents, &item->parent_link);
		spin_unlock_irqrestore(&epoll_nest_lock, flags);
		list_push_back(&ep->children, &item->child_link);
	}
}

static bool any_ready_below(struct epoll *ep) REQUIRES(epoll_role);

/* What is true of the item's file now, of what it wants; pt registers. */
static uint32_t item_poll(struct epoll_item *item, struct poll_table *pt) REQUIRES(epoll_role)
{
	uint32_t wanted = atomic_load(&item->events);

	if (file_is_epoll(item->file)) {
		/* No wait queue: item_link() made it a parent. */
		return any_ready_below(item->file->private_data) ? (POLLIN | POLLRDNORM) & wanted
								 : 0;
	}
	return file_poll(item->file, pt) & wanted & ~CTL_FLAGS;
}

/* gated: the gate is held, and the links are to be counted. */
static int item_add(struct epoll *ep, struct file *target, int fd,
		    const struct linux_epoll_event *ev, bool gated) REQUIRES(epoll_role)
{
	struct epoll_item *item;
	struct item_table table = { .pt.queue = item_queue };
	int err = 0;

	if (!fs_upcalls->charge(ep->payer, USER_EPOLL_ITEMS, 1, epoll_max_watches())) {
		return -ENOSPC;
	}
	item = table.item = kmem_cache_zalloc(item_cache);
	if (!item) {
		fs_upcalls->uncharge(ep->payer, USER_EPOLL_ITEMS, 1);
		return -ENOMEM;
	}
	item->ep = ep;
	item->file = target;
	item->fd = fd;
	item->data = ev->data;
	atomic_init(&item->events, ev->events | POLL_ALWAYS);
	list_init(&item->ready_link);
	list_init(&item->file_link);
	list_init(&item->parent_link);
	list_init(&item->child_link);
	item_link(ep, item);
	if (gated) {
		err = file_is_epoll(target) ? epoll_check_ways_below(target->private_data)
					    : epoll_check_ways(target);
	}
	if (err) {
		item_remove(item);
		return err;
	}
	table.pt.events = ev->events | POLL_ALWAYS;
	if (item_poll(item, &table.pt)) {
		epoll_signal(item);
	}
	if (item->no_memory) {
		item_remove(item);
		return -ENOMEM;
	}
	return 0;
}

static int item_modify(struct epoll_item *item, const struct linux_epoll_event *ev)
	REQUIRES(epoll_role)
{
	if (atomic_load(&item->events) & EPOLLEXCLUSIVE) {
		return -EINVAL;
	}
	item->data = ev->data;
	/* Full order: a wake after this sees the new events, or item_poll() sees its cause. */
	atomic_store(&item->events, ev->events | POLL_ALWAYS);
	if (item_poll(item, NULL)) {
		epoll_signal(item);
	}
	return 0;
}

static int control_locked(struct epoll *ep, int op, int fd, struct file *target,
			  const struct linux_epoll_event *event, bool gated) REQUIRES(epoll_role)
{
	struct epoll_item *item = find_item(ep, target, fd);

	mutex_assert_held(&ep->mutex);
	switch (op) {
	case EPOLL_CTL_ADD: return item ? -EEXIST : item_add(ep, target, fd, event, gated);
	case EPOLL_CTL_MOD: return item ? item_modify(item, event) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (!item) {
			return -ENOENT;
		}
		item_remove(item);
		return 0;
	default: return -EINVAL;
	}
}

/* What makes or ends ways between epolls. */
static int control_gated(struct epoll *ep, int op, int fd, struct file *target,
			 const struct linux_epoll_event *event)
{
	int err = 0;

	mutex_lock(&gate);
	if (op == EPOLL_CTL_ADD && file_is_epoll(target)) {
		err = epoll_check_nesting(ep, target->private_data);
	}
	if (!err) {
		mutex_lock(&ep->mutex);
		err = control_locked(ep, op, fd, target, event, true);
		mutex_unlock(&ep->mutex);
	}
	mutex_unlock(&gate);
	return err;
}

int epoll_control(struct file *ep_file, int op, int fd, struct file *target,
		  const struct linux_epoll_event *event)
{
	struct epoll *ep = ep_file->private_data;
	int err = 0;

	if (!target->ops || !target->ops->poll) {
		return -EPERM;
	}
	if (ep_file == target || !file_is_epoll(ep_file)) {
		return -EINVAL;
	}
	if (op != EPOLL_CTL_DEL && event->events & EPOLLEXCLUSIVE &&
	    (op == EPOLL_CTL_MOD || file_is_epoll(target) || event->events & ~EXCLUSIVE_OK)) {
		return -EINVAL;
	}
	if (!file_is_epoll(target)) {
		mutex_lock(&ep->mutex);
		if (op != EPOLL_CTL_ADD || list_empty(&ep->parents)) {
			err = control_locked(ep, op, fd, target, event, false);
			mutex_unlock(&ep->mutex);
			return err;
		}
		mutex_unlock(&ep->mutex);
	}
	return control_gated(ep, op, fd, target, event);
}

static bool epoll_has_ready(struct epoll *ep)
{
	uint64_t flags = spin_lock_irqsave(&ep->ready_lock);
	bool any = !list_empty(&ep->ready);

	spin_unlock_irqrestore(&ep->ready_lock, flags);
	return any;
}

static struct epoll_item *pop(struct epoll *ep, struct list *from)
{
	uint64_t flags = spin_lock_irqsave(&ep->ready_lock);
	struct list *n = list_pop_front(from);

	spin_unlock_irqrestore(&ep->ready_lock, flags);
	return n ? list_entry(n, struct epoll_item, ready_link) : NULL;
}

/* Takes ready items off; level-triggered ones go back to the end. */
static unsigned harvest(struct epoll *ep, struct linux_epoll_event *events, unsigned max)
{
	struct list batch;
	struct epoll_item *item;
	unsigned n = 0;
	uint64_t flags;
	bool more;

	list_init(&batch);
	mutex_lock(&ep->mutex);
	flags = spin_lock_irqsave(&ep->ready_lock);
	list_splice_back(&batch, &ep->ready);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	while (n < max && (item = pop(ep, &batch))) {
		uint32_t got = item_poll(item, NULL);
		uint32_t wanted = atomic_load(&item->events);

		if (!got) {
			continue;
		}
		events[n].events = got;
		events[n++].data = item->data;
		if (wanted & EPOLLONESHOT) {
			atomic_store(&item->events, wanted & CTL_FLAGS);
		} else if (!(wanted & EPOLLET)) {
			flags = spin_lock_irqsave(&ep->ready_lock);
			if (!list_linked(&item->ready_link)) {
				list_push_back(&ep->ready, &item->ready_link);
			}
			spin_unlock_irqrestore(&ep->ready_lock, flags);
		}
	}
	flags = spin_lock_irqsave(&ep->ready_lock);
	/* What did not fit comes first the next time. */
	list_splice_back(&batch, &ep->ready);
	list_splice_back(&ep->ready, &batch);
	more = !list_empty(&ep->ready);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	mutex_unlock(&ep->mutex);
	if (more && n) {
		waitq_wake(&ep->waiters, 1, POLLIN | POLLRDNORM);
	}
	return n;
}

long epoll_wait_events(struct file *ep_file, struct linux_epoll_event *events, unsigned max,
		       uint64_t deadline)
{
	struct epoll *ep = ep_file->private_data;
	int err = 0;

	for (;;) {
		struct waitq_entry e;
		unsigned n = epoll_has_ready(ep) ? harvest(ep, events, max) : 0;

		if (n || err || deadline == 0) {
			if (n || !err || err == -ETIMEDOUT) {
				return (long)n;
			}
			return -EINTR;
		}
		waitq_entry_init(&e);
		e.exclusive = true;
		waitq_add(&ep->waiters, &e);
		block_prepare(WAIT_INTR);
		if (epoll_has_ready(ep)) {
			block_cancel();
		} else {
			err = block(deadline);
		}
		waitq_remove(&e);
	}
}

/* Is anything ready?  The list may hold items that are no longer: ask, and drop those. */
static bool any_ready_locked(struct epoll *ep) REQUIRES(epoll_role)
{
	bool any = false;
	struct epoll_item *item;
	struct list batch;
	uint64_t flags;

	mutex_assert_held(&ep->mutex);
	list_init(&batch);
	flags = spin_lock_irqsave(&ep->ready_lock);
	list_splice_back(&batch, &ep->ready);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	while (!any && (item = pop(ep, &batch))) {
		if (item_poll(item, NULL)) {
			any = true;
			flags = spin_lock_irqsave(&ep->ready_lock);
			if (!list_linked(&item->ready_link)) {
				list_push_front(&batch, &item->ready_link);
			}
			spin_unlock_irqrestore(&ep->ready_lock, flags);
		}
	}
	flags = spin_lock_irqsave(&ep->ready_lock);
	list_splice_back(&batch, &ep->ready);
	list_splice_back(&ep->ready, &batch);
	spin_unlock_irqrestore(&ep->ready_lock, flags);
	return any;
}
/* Of an epoll that another one watches, whose mutex is held. */
static bool any_ready_below(struct epoll *ep)
{
	bool any = false;

	if (epoll_has_ready(ep)) {
		mutex_lock_nested(&ep->mutex);
		any = any_ready_locked(ep);
		mutex_unlock_nested(&ep->mutex);
	}
	return any;
}
static bool any_ready(struct epoll *ep)
{
	bool any = false;

	if (epoll_has_ready(ep)) {
		mutex_lock(&ep->mutex);
		any = any_ready_locked(ep);
		mutex_unlock(&ep->mutex);
	}
	return any;
}

static uint32_t epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private_data;

	poll_wait(pt, &ep->waiters);
	return any_ready(ep) ? POLLIN | POLLRDNORM : 0;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private_data;
	struct rb_node *n;

	mutex_lock(&gate);
	mutex_lock(&ep->mutex);
	while ((n = rb_first(&ep->items))) {
		item_remove(rb_entry(n, struct epoll_item, node));
	}
	mutex_unlock(&ep->mutex);
	mutex_unlock(&gate);
	fs_upcalls->put_user(ep->payer);
	kfree(ep);
}

/* The last reference to f goes: no epoll may keep it. */
void epoll_file_release(struct file *f)
{
	if (likely(list_empty(&f->epoll_items))) {
		return;
	}
	mutex_lock(&gate);
	while (!list_empty(&f->epoll_items)) {
		struct epoll_item *item = list_first_entry(&f->epoll_items, struct epoll_item,
							   file_link);
		struct epoll *ep = item->ep; /* stays: epoll_release() needs the gate */

		mutex_lock(&ep->mutex);
		item_remove(item);
		mutex_unlock(&ep->mutex);
	}
	mutex_unlock(&gate);
}

static void epoll_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->private_data;
	size_t at = 0;

	mutex_lock(&ep->mutex);
	for (struct rb_node *n = rb_first(&ep->items); n && at < size; n = rb_next(n)) {
		struct epoll_item *item = rb_entry(n, struct epoll_item, node);

		at += (size_t)fmt_snprintf(
			buf + at, size - at, "tfd: %8d events: %8x data: %16llx\n", item->fd,
			atomic_load(&item->events), (unsigned long long)item->data);
	}
	mutex_unlock(&ep->mutex);
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.release = epoll_release,
	.show_fdinfo = epoll_fdinfo,
};

int epoll_create_file(struct file **out)
{
	struct epoll *ep = kzalloc(sizeof(*ep));
	int err;

	if (!ep) {
		return -ENOMEM;
	}
	mutex_init(&ep->mutex, RANK_EPOLL, "epoll");
	spin_init(&ep->ready_lock, RANK_EPOLL_READY, "epoll ready");
	list_init(&ep->ready);
	list_init(&ep->parents);
	list_init(&ep->children);
	waitq_init_ranked(&ep->waiters, RANK_WAITQ_INNER); /* woken from wake functions */
	ep->payer = fs_upcalls->get_user();
	err = file_alloc_anon(&epoll_ops, ep, O_RDWR, 0600, "anon_inode:[eventpoll]", out);
	if (err) {
		fs_upcalls->put_user(ep->payer);
		kfree(ep);
	}
	return err;
}
