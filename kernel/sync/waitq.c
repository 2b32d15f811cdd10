/* SPDX-License-Identifier: MIT */
/*
 * Wait queues; waitq.h has the theory.
 *
 * An entry is in its queue's list under the queue's lock.  A sleeper links it, announces the
 * sleep, then looks at its condition; a waker changes the condition, then looks at the list and
 * at the state: one of the two sees the other.  The fence for the waker is in waitq_active().
 */
#define LOCK_IMPLEMENTATION 1
#include <sync/waitq.h>
#include <lib/assert.h>
#include <lib/util.h>
#include <linux/errno.h>
#include <sched/thread.h>
#include <sync/mutex.h>

/* What is linked into a mortal queue is taken out under this lock, too: whoever holds it finds the
 * queue there, or its entry out of it. */
static SPINLOCK(mortal) mortal_lock = SPINLOCK_INIT(RANK_WAITQ_MORTAL, "mortal waitqs");

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, RANK_WAITQ, "waitq");
	q->mortal = false;
	list_init(&q->entries);
}

void waitq_init_ranked(struct waitq *q, enum lock_rank rank)
{
	waitq_init(q);
	q->lock.rank = rank;
}

void waitq_init_mortal(struct waitq *q)
{
	waitq_init(q);
	q->mortal = true;
}

void waitq_end(struct waitq *q)
{
	struct list *n;
	uint64_t flags;

	ASSERT(q->mortal);
	flags = spin_lock_irqsave(&mortal_lock);
	spin_lock(&q->lock);
	while ((n = list_pop_front(&q->entries))) {
		list_entry(n, struct waitq_entry, link)->queue = NULL;
	}
	spin_unlock(&q->lock);
	spin_unlock_irqrestore(&mortal_lock, flags);
}

/*
 * A thread that is awake keeps its entry: it may have linked it and not announced its sleep
 * yet, and will look at the condition before it sleeps.  By then somebody else may have eaten
 * what this wake was for, so the next one must find the entry.
 *
 * The entry lives on the stack of a thread that may leave as soon as it sees `woken`
 * without taking the queue's lock: so the wake comes first, then the unlinking, and the
 * store to `woken` is the last touch.
 */
static bool wake_thread(struct waitq_entry *e, uint32_t events)
{
	if (!block_wake(e->thread)) {
		return false;
	}
	list_remove(&e->link);
	atomic_store_explicit(&e->woken, true, memory_order_release);
	return true;
}

void waitq_entry_init(struct waitq_entry *e)
{
	list_init(&e->link);
	e->wake = wake_thread;
	e->thread = thread_current();
	e->queue = NULL;
	e->exclusive = false;
	e->mortal = false;
	atomic_init(&e->woken, false);
}

void waitq_add(struct waitq *q, struct waitq_entry *e)
{
	uint64_t flags = spin_lock_irqsave(&q->lock);

	e->queue = q;
	e->mortal = q->mortal;
	if (e->exclusive) {
		list_push_back(&q->entries, &e->link);
	} else {
		list_push_front(&q->entries, &e->link);
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

static NOINLINE void remove_mortal(struct waitq_entry *e)
{
	uint64_t flags = spin_lock_irqsave(&mortal_lock);

	if (e->queue) {
		spin_lock(&e->queue->lock);
		list_remove(&e->link);
		spin_unlock(&e->queue->lock);
	}
	spin_unlock_irqrestore(&mortal_lock, flags);
}

void waitq_remove(struct waitq_entry *e)
{
	struct waitq *q = e->queue;

	if (!q || atomic_load_explicit(&e->woken, memory_order_acquire)) {
		return;
	}
	if (unlikely(e->mortal)) {
		remove_mortal(e);
		return;
	}
	uint64_t flags = spin_lock_irqsave(&q->lock);

	list_remove(&e->link);
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Apart from waitq_wake(), which most often finds nobody: its few instructions save no registers. */
static NOINLINE void wake_entries(struct waitq *q, int nr, uint32_t events)
{
	struct waitq_entry *e, *tmp;
	uint64_t flags = spin_lock_irqsave(&q->lock);

	list_for_each_entry_safe(e, tmp, &q->entries, link) {
		bool exclusive = e->exclusive;

		if (e->wake(e, events) && exclusive && nr > 0 && --nr == 0) {
			break;
		}
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void waitq_wake(struct waitq *q, int nr, uint32_t events)
{
	if (waitq_active(q)) {
		wake_entries(q, nr, events);
	}
}

bool waitq_active(struct waitq *q)
{
	/* Pairs with the sleeper, which links its entry and then looks at the condition: the
	 * waker's change of the condition comes before this look at the list. */
	atomic_thread_fence(memory_order_seq_cst);
	return READ_ONCE(q->entries.next) != &q->entries;
}

/* Links the entry and announces the sleep; the caller then drops its lock. */
static void wait_begin(struct waitq *q, struct waitq_entry *e, enum wait_mode mode, bool exclusive)
{
	waitq_entry_init(e);
	e->exclusive = exclusive;
	waitq_add(q, e);
	block_prepare(mode);
}

/* A wake that was taken is never reported as a signal or a timeout: with wake-one queues it
 * would be lost for the others. */
static int wait_end(struct waitq_entry *e, uint64_t deadline)
{
	int err = block(deadline);

	waitq_remove(e);
	return atomic_load_explicit(&e->woken, memory_order_acquire) ? 0 : err;
}

static int wait_spin(struct waitq *q, struct spinlock *held, enum wait_mode mode, uint64_t deadline,
		     bool exclusive)
{
	struct waitq_entry e;
	int err;

	wait_begin(q, &e, mode, exclusive);
	spin_unlock(held);
	err = wait_end(&e, deadline);
	spin_lock(held);
	return err;
}

int waitq_wait(struct waitq *q, struct spinlock *held, enum wait_mode mode, uint64_t deadline)
{
	return wait_spin(q, held, mode, deadline, false);
}

int waitq_wait_exclusive(struct waitq *q, struct spinlock *held, enum wait_mode mode,
			 uint64_t deadline)
{
	return wait_spin(q, held, mode, deadline, true);
}

int waitq_wait_irq(struct waitq *q, struct spinlock *held, enum wait_mode mode, uint64_t deadline)
{
	struct waitq_entry e;
	int err;

	wait_begin(q, &e, mode, false);
	spin_unlock_irqrestore(held, RFLAGS_IF);
	err = wait_end(&e, deadline);
	(void)spin_lock_irqsave(held);
	return err;
}

int waitq_wait_mutex(struct waitq *q, struct mutex *held, enum wait_mode mode, uint64_t deadline)
{
	struct waitq_entry e;
	int err;

	/* Linked and announced before the mutex goes: a wake after that is not missed. */
	wait_begin(q, &e, mode, false);
	mutex_unlock(held);
	err = wait_end(&e, deadline);
	mutex_lock(held);
	return err;
}

/* One sleep at most.  ready() is looked at once more after an error: with exclusive entries
 * the wake that came with it would be lost for the others. */
static int wait_once(struct waitq *const *queues, unsigned n, bool exclusive,
		     bool (*ready)(void *arg), void *arg, enum wait_mode mode, uint64_t deadline)
{
	struct waitq_entry e[WAITQ_ANY_MAX];
	int err;

	for (unsigned i = 0; i < n; i++) {
		waitq_entry_init(&e[i]);
		e[i].exclusive = exclusive;
		waitq_add(queues[i], &e[i]);
	}
	block_prepare(mode);
	if (ready(arg)) {
		block_cancel();
		err = 0;
	} else {
		err = block(deadline);
		err = err ? err : -EAGAIN;
	}
	for (unsigned i = 0; i < n; i++) {
		waitq_remove(&e[i]);
	}
	return err;
}

static int wait_until(struct waitq *const *queues, unsigned n, bool exclusive,
		      bool (*ready)(void *arg), void *arg, enum wait_mode mode, uint64_t deadline)
{
	int err;

	ASSERT(n <= WAITQ_ANY_MAX);
	do {
		err = wait_once(queues, n, exclusive, ready, arg, mode, deadline);
	} while (err == -EAGAIN);
	return err && ready(arg) ? 0 : err;
}

int waitq_wait_until(struct waitq *q, bool (*ready)(void *arg), void *arg, enum wait_mode mode,
		     uint64_t deadline)
{
	return wait_until(&q, 1, false, ready, arg, mode, deadline);
}

int waitq_wait_until_exclusive(struct waitq *q, bool (*ready)(void *arg), void *arg,
			       enum wait_mode mode, uint64_t deadline)
{
	return wait_until(&q, 1, true, ready, arg, mode, deadline);
}

int waitq_wait_until_any(struct waitq *const *queues, unsigned n, bool (*ready)(void *arg),
			 void *arg, enum wait_mode mode, uint64_t deadline)
{
	return wait_until(queues, n, false, ready, arg, mode, deadline);
}
