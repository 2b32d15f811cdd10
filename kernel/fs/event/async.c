/* SPDX-License-Identifier: MIT */
/*
 * O_ASYNC: a watch per file, in the wait queues of what the file polls, and one thread that sends.
 *
 * Wake functions run under wait queue locks, where no signal can be sent: they put the watch on a
 * list.  The thread takes a reference from not zero, as the file may just be going; its last put
 * ends the watch (async_mutex) before its memory is used again.
 */
#include <fs/event/async.h>

#include "../fs_internal.h"

#include <fs/event/poll.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/list.h>
#include <linux/errno.h>
#include <mm/kthread.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>
#include <sync/waitq.h>

struct async_entry {
	struct waitq_entry wait;
	struct async_watch *watch;
};
struct async_watch {
	struct poll_table pt;
	struct file *file;
	struct list pending; /* pending_lock */
	uint32_t band;
	unsigned used;
	struct async_entry entries[3];
};

static MUTEX(async) async_mutex; /* setting up and ending */
static SPINLOCK(sigio) pending_lock = SPINLOCK_INIT(RANK_SIGIO, "sigio");
static struct list pending_files = LIST_INIT(pending_files);
static struct waitq sender_q;
static bool sender_runs;

void async_init(void)
{
	mutex_init(&async_mutex, RANK_ASYNC, "async");
	waitq_init_ranked(&sender_q, RANK_WAITQ_SIGIO); /* woken by wake functions */
}

static bool async_wake(struct waitq_entry *e, uint32_t events)
{
	struct async_watch *w = container_of(e, struct async_entry, wait)->watch;
	uint64_t flags = spin_lock_irqsave(&pending_lock);

	w->band |= events ? events : POLLIN | POLLRDNORM;
	if (!list_linked(&w->pending)) {
		list_push_back(&pending_files, &w->pending);
	}
	spin_unlock_irqrestore(&pending_lock, flags);
	waitq_wake(&sender_q, 1, 0);
	return false; /* others who wait want it, too */
}
static void async_queue(struct poll_table *pt, struct waitq *q)
{
	struct async_watch *w = container_of(pt, struct async_watch, pt);
	struct async_entry *e;

	if (w->used == ARRAY_SIZE(w->entries)) {
		return;
	}
	e = &w->entries[w->used++];
	waitq_entry_init(&e->wait);
	e->wait.wake = async_wake;
	e->watch = w;
	waitq_add(q, &e->wait);
}

/* The next file to tell about, counted; NULL = none. */
static struct file *next_pending(uint32_t *band)
{
	struct file *f = NULL;
	struct list *n;
	uint64_t flags = spin_lock_irqsave(&pending_lock);

	while (!f && (n = list_pop_front(&pending_files))) {
		struct async_watch *w = list_entry(n, struct async_watch, pending);

		*band = w->band;
		w->band = 0;
		if (file_try_get(w->file)) {
			f = w->file;
		}
	}
	spin_unlock_irqrestore(&pending_lock, flags);
	return f;
}
static bool any_pending(void *arg)
{
	return !list_empty(&pending_files);
}
static void sender(void *arg)
{
	for (;;) {
		uint32_t band;
		struct file *f = next_pending(&band);

		if (f) {
			fs_upcalls->send_sigio(f, (int)band);
			file_put(f);
		} else {
			(void)!waitq_wait_until(&sender_q, any_pending, NULL, WAIT_UNINTR,
						DEADLINE_NONE);
		}
	}
}

static int start(struct file *f)
{
	struct async_watch *w;

	if (!f->ops || !f->ops->poll) {
		return -ENOTTY;
	}
	if (!sender_runs) {
		if (!kthread_start("sigio", sender, NULL)) {
			return -ENOMEM;
		}
		sender_runs = true;
	}
	w = kzalloc(sizeof(*w));
	if (!w) {
		return -ENOMEM;
	}
	w->pt.queue = async_queue;
	w->pt.events = ~0u;
	w->file = f;
	list_init(&w->pending);
	f->async = w;
	(void)f->ops->poll(f, &w->pt);
	return 0;
}
static void stop(struct file *f)
{
	struct async_watch *w = f->async;
	uint64_t flags;

	for (unsigned i = 0; i < w->used; i++) {
		waitq_remove(&w->entries[i].wait);
	}
	flags = spin_lock_irqsave(&pending_lock);
	list_remove(&w->pending);
	spin_unlock_irqrestore(&pending_lock, flags);
	f->async = NULL;
	kfree(w);
}

int file_set_async(struct file *f, int fd, bool on)
{
	int err = 0;

	mutex_lock(&async_mutex);
	if (on && !f->async) {
		f->async_fd = fd;
		err = start(f);
	} else if (!on && f->async) {
		stop(f);
	}
	mutex_unlock(&async_mutex);
	return err;
}
