/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Wait queues: the one primitive on which everything waits.
 *
 * An entry is linked into a queue and has a wake function, called with the
 * queue's lock held and interrupts off, in any context.  The usual entry belongs
 * to a blocked thread; epoll and others use entries of their own.
 *
 * Waiting under a lock (the usual form):
 *     spin_lock(&p->lock);
 *     while (!condition(p)) {
 *             err = waitq_wait(&p->readers, &p->lock, WAIT_INTR, deadline);
 *             if (err)
 *                     break;
 *     }
 * waitq_wait() links the entry before it drops the lock and takes the lock again
 * before it returns, so a waker that changes the condition under the lock and
 * then calls waitq_wake() is never missed.  Always a loop: wakes may be spurious.
 *
 * Waiting without a lock, for a condition that others make true before they wake the queue:
 *     err = waitq_wait_until(&p->readers, has_bytes, p, WAIT_INTR, deadline);
 * and on several queues at once with waitq_wait_until_any().  This is the protocol beneath
 * both forms, which stands in waitq.c only:
 *     link the entries, block_prepare(mode), look; then block_cancel() or block(deadline);
 *     unlink the entries.
 * A wake after the look finds the entry and makes block() return at once.
 *
 * Deadlines are absolute times of clock_mono_ns(); DEADLINE_NONE waits for ever.
 */
#include <lib/list.h>
#include <sync/spinlock.h>

struct thread;
struct mutex;

#define DEADLINE_NONE UINT64_MAX

enum wait_mode {
	WAIT_UNINTR,   /* only a wake or the deadline */
	WAIT_INTR,     /* also a signal to deliver: -ERESTARTSYS */
	WAIT_KILLABLE, /* also a fatal signal: -ERESTARTSYS */
};

struct waitq {
	SPINLOCK(waitq) lock;
	bool mortal; /* [I] */
	struct list entries;
};
struct waitq_entry {
	struct list link;
	/* Returns true when it took the wake (counts against `nr` of exclusive
	 * wakes).  `events` is the waker's poll mask, 0 = all.  May unlink e. */
	bool (*wake)(struct waitq_entry *e, uint32_t events);
	struct thread *thread;
	struct waitq *queue;
	bool exclusive;	    /* waitq_wake() stops after enough of these */
	bool mortal;	    /* queue may end, and is NULL then: under mortal_lock */
	_Atomic bool woken; /* set by the default wake function, its last touch */
};

void waitq_init(struct waitq *q);
/* A queue that is woken by wake functions, under the lock of another queue. */
void waitq_init_ranked(struct waitq *q, enum lock_rank rank);
/*
 * A queue that may end while others have entries in it: files that outlive the process that they
 * were polled in.  waitq_end() takes out all that are left, before its memory goes; their owners
 * need not know, and may call waitq_remove() at any time.
 */
void waitq_init_mortal(struct waitq *q);
void waitq_end(struct waitq *q);
/* An entry that wakes the current thread. */
void waitq_entry_init(struct waitq_entry *e);
void waitq_add(struct waitq *q, struct waitq_entry *e);
void waitq_remove(struct waitq_entry *e); /* harmless when unlinked */

/* Wakes every non-exclusive entry and up to nr exclusive ones; nr < 0: all. */
void waitq_wake(struct waitq *q, int nr, uint32_t events);
static inline void waitq_wake_all(struct waitq *q)
{
	waitq_wake(q, -1, 0);
}
/* True when somebody waits; a hint unless the caller's lock excludes waiters. */
bool waitq_active(struct waitq *q);

/* Sleep as above.  0 when woken (or spuriously), -ERESTARTSYS, -ETIMEDOUT. */
MUST_USE int waitq_wait(struct waitq *q, struct spinlock *held, enum wait_mode mode,
			uint64_t deadline);
/* The same with `held` taken by spin_lock_irqsave (interrupts are off on entry
 * and on return). */
MUST_USE int waitq_wait_irq(struct waitq *q, struct spinlock *held, enum wait_mode mode,
			    uint64_t deadline);
MUST_USE int waitq_wait_mutex(struct waitq *q, struct mutex *held, enum wait_mode mode,
			      uint64_t deadline);
/* As waitq_wait with an exclusive entry at the tail: wake-one queues. */
MUST_USE int waitq_wait_exclusive(struct waitq *q, struct spinlock *held, enum wait_mode mode,
				  uint64_t deadline);

/*
 * Sleeps until ready(arg) is true: 0; -ERESTARTSYS, -ETIMEDOUT when it was not.  ready() is
 * called in this thread with interrupts on and no lock held, at least once; it may take
 * spinlocks but not sleep, and may itself do what it looks for (submit, take).  Whoever makes
 * it true wakes the queue afterwards.  No spinlock is held.
 */
MUST_USE int waitq_wait_until(struct waitq *q, bool (*ready)(void *arg), void *arg,
			      enum wait_mode mode, uint64_t deadline);
/* The same as one of those of whom waitq_wake() wakes nr. */
MUST_USE int waitq_wait_until_exclusive(struct waitq *q, bool (*ready)(void *arg), void *arg,
					enum wait_mode mode, uint64_t deadline);
/* The same with n <= WAITQ_ANY_MAX queues, any of which may be woken. */
#define WAITQ_ANY_MAX 4
MUST_USE int waitq_wait_until_any(struct waitq *const *queues, unsigned n, bool (*ready)(void *arg),
				  void *arg, enum wait_mode mode, uint64_t deadline);

/* The blocking protocol beneath (implemented by sched, see sched/sched.h):
 * prepare; look at the condition; then block() or block_cancel().  A wake
 * between prepare and block makes block() return at once. */
void block_prepare(enum wait_mode mode);
void block_cancel(void);
MUST_USE int block(uint64_t deadline) MAY_SLEEP;
/* Makes a blocked (or preparing) thread runnable.  False when it was running
 * and not preparing.  Any context; the caller keeps the thread alive. */
bool block_wake(struct thread *t);

#if LOCK_ROLES
/* What clang sees: the lock that is handed in must be held (sync/lock_roles.h). */
#define WAIT_CASE(role, before, rank) struct spinlock_##role * : spin_second_##role,
#define WAIT_MUTEX_CASE(role, before, rank) struct mutex_##role * : mutex_second_##role,
#define WAIT_HELD(l) _Generic((l), SPINNING_ROLES(WAIT_CASE) void * : spin_none)(l)
static inline void spin_none(const void *none)
{
	(void)none;
}

#define waitq_wait(q, held, mode, deadline) \
	(WAIT_HELD(held), waitq_wait(q, (struct spinlock *)(held), mode, deadline))
#define waitq_wait_exclusive(q, held, mode, deadline) \
	(WAIT_HELD(held), waitq_wait_exclusive(q, (struct spinlock *)(held), mode, deadline))
#define waitq_wait_irq(q, held, mode, deadline) \
	(WAIT_HELD(held), waitq_wait_irq(q, (struct spinlock *)(held), mode, deadline))
#define waitq_wait_mutex(q, held, mode, deadline)                         \
	(_Generic((held), SLEEPING_ROLES(WAIT_MUTEX_CASE) int : 0)(held), \
	 waitq_wait_mutex(q, (struct mutex *)(held), mode, deadline))
#endif
