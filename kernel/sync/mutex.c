/* SPDX-License-Identifier: MIT */
/*
 * Mutexes and rwsems.
 *
 * A mutex is its owner's word, taken by compare-exchange; the queue is only for those who must
 * wait.  An unlock clears the word and then looks at the queue; a waiter links itself and then
 * tries the word: one of the two sees the other.  A waiter that gives up passes on a wake that it
 * may have taken.
 *
 * A rwsem's counts are under its spinlock.  Readers give way to waiting writers, so that a stream
 * of them starves no writer.
 */
#define LOCK_IMPLEMENTATION 1
#include <sync/mutex.h>

#include <lib/assert.h>
#include <linux/errno.h>
#include <sched/thread.h>

void mutex_init(struct mutex *m, enum lock_rank rank, const char *name)
{
	atomic_init(&m->owner, NULL);
	waitq_init(&m->waiters);
	m->rank = rank;
	m->name = name;
}

static bool try_owner(struct mutex *m, struct thread *me)
{
	struct thread *none = NULL;

	return atomic_compare_exchange_strong_explicit(&m->owner, &none, me, memory_order_acquire,
						       memory_order_relaxed);
}

/* The word is taken by compare-exchange; who fails queues up, then tries again, so that an
 * unlock after the queueing either lets the try succeed or finds the entry. */
static NOINLINE int lock_slow(struct mutex *m, struct thread *me, enum wait_mode mode)
{
	int err = 0;

	if (mutex_held(m)) {
		panic("mutex %s: taken twice by %s", m->name, me->name);
	}
	for (;;) {
		struct waitq_entry e;

		waitq_entry_init(&e);
		e.exclusive = true;
		waitq_add(&m->waiters, &e);
		block_prepare(mode);
		if (try_owner(m, me)) {
			block_cancel();
			waitq_remove(&e);
			return 0;
		}
		err = block(DEADLINE_NONE);
		waitq_remove(&e);
		if (try_owner(m, me)) {
			return 0;
		}
		if (err) {
			/* We may have eaten the wake of an unlock. */
			if (!atomic_load_explicit(&m->owner, memory_order_seq_cst)) {
				waitq_wake(&m->waiters, 1, 0);
			}
			return err;
		}
	}
}

static int lock_common(struct mutex *m, enum wait_mode mode, bool nested)
{
	struct thread *me = thread_current();
	int err = 0;

	lockcheck_acquire(m->rank, m->name, nested);
	if (unlikely(!try_owner(m, me))) {
		err = lock_slow(m, me, mode);
		if (err) {
			lockcheck_release(m->rank);
		}
	}
	return err;
}

void mutex_lock(struct mutex *m)
{
	int err = lock_common(m, WAIT_UNINTR, false);

	ASSERT(!err);
}

void mutex_lock_nested(struct mutex *m)
{
	int err = lock_common(m, WAIT_UNINTR, true);

	ASSERT(!err);
}

bool mutex_trylock(struct mutex *m)
{
	if (!try_owner(m, thread_current())) {
		return false;
	}
	lockcheck_tried(m->rank);
	return true;
}

int mutex_lock_mode(struct mutex *m, enum wait_mode mode)
{
	return lock_common(m, mode, false);
}

void mutex_unlock(struct mutex *m)
{
	ASSERT(atomic_load_explicit(&m->owner, memory_order_relaxed) == thread_current());
	lockcheck_release(m->rank);
	/* waitq_wake() has the fence between this and its look at the queue */
	atomic_store_explicit(&m->owner, NULL, memory_order_release);
	waitq_wake(&m->waiters, 1, 0);
}

void mutex_unlock_nested(struct mutex *m)
{
	mutex_unlock(m);
}

void mutex_assert_held(const struct mutex *m)
{
	ASSERT(mutex_held(m));
}

void mutex_assert_unshared(const struct mutex *m)
{
	DEBUG_ASSERT(!atomic_load_explicit(&m->owner, memory_order_relaxed));
}

bool mutex_held(const struct mutex *m)
{
	return atomic_load_explicit(&m->owner, memory_order_relaxed) == thread_current();
}

/* --- readers and writers --- */

void rwsem_init(struct rwsem *s, enum lock_rank rank, const char *name)
{
	spin_init(&s->lock, RANK_FS_LEAF, name);
	s->readers = 0;
	s->writers_waiting = 0;
	s->writer = NULL;
	waitq_init(&s->waiters);
	s->rank = rank;
	s->name = name;
}

/* Waiters sleep in one queue and all wake; whoever finds it free goes on. Writers announce
 * themselves, so that a stream of readers can't starve them. */
void rwsem_read_lock(struct rwsem *s)
{
	lockcheck_acquire(s->rank, s->name, false);
	spin_lock(&s->lock);
	while (s->readers < 0 || s->writers_waiting) {
		if (s->writer == thread_current()) {
			panic("rwsem %s: read-locked by its writer", s->name);
		}
		int err = waitq_wait(&s->waiters, &s->lock, WAIT_UNINTR, DEADLINE_NONE);

		ASSERT(!err);
	}
	s->readers++;
	spin_unlock(&s->lock);
}

void rwsem_read_unlock(struct rwsem *s)
{
	bool wake;

	lockcheck_release(s->rank);
	spin_lock(&s->lock);
	ASSERT(s->readers > 0);
	wake = --s->readers == 0 && s->writers_waiting;
	spin_unlock(&s->lock);
	if (wake) {
		waitq_wake_all(&s->waiters);
	}
}

static int write_lock(struct rwsem *s, enum wait_mode mode)
{
	bool wake = false;
	int err = 0;

	lockcheck_acquire(s->rank, s->name, false);
	spin_lock(&s->lock);
	if (s->writer == thread_current()) {
		panic("rwsem %s: write-locked twice", s->name);
	}
	s->writers_waiting++;
	while (s->readers && !err) {
		err = waitq_wait(&s->waiters, &s->lock, mode, DEADLINE_NONE);
	}
	s->writers_waiting--;
	if (!s->readers) {
		s->readers = -1;
		s->writer = thread_current();
		err = 0;
	} else {
		wake = !s->writers_waiting;
		lockcheck_release(s->rank);
	}
	spin_unlock(&s->lock);
	if (wake) {
		waitq_wake_all(&s->waiters);
	}
	return err;
}

void rwsem_write_lock(struct rwsem *s)
{
	int err = write_lock(s, WAIT_UNINTR);

	ASSERT(!err);
}

int rwsem_write_lock_killable(struct rwsem *s)
{
	return write_lock(s, WAIT_KILLABLE);
}

void rwsem_write_unlock(struct rwsem *s)
{
	lockcheck_release(s->rank);
	spin_lock(&s->lock);
	ASSERT(s->readers == -1 && s->writer == thread_current());
	s->readers = 0;
	s->writer = NULL;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->waiters);
}

void rwsem_assert_held(const struct rwsem *s)
{
	ASSERT(s->readers > 0 || s->writer == thread_current());
}

void rwsem_assert_write_held(const struct rwsem *s)
{
	ASSERT(s->writer == thread_current());
}

void rwsem_assert_unshared(const struct rwsem *s)
{
	DEBUG_ASSERT(!s->readers);
}
