/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sleeping locks.  A mutex has an owner and is not recursive; a rwsem admits
 * many readers or one writer, writers first.  Both may be held across sleeps
 * and user copies (mind RANK_MM: a user copy may take mm->lock).  Thread
 * context only, no spinlock held.
 */
#include <sync/waitq.h>

struct mutex {
	struct thread *owner;
	struct waitq waiters;
	uint16_t rank;
	const char *name;
};
void mutex_init(struct mutex *m, enum lock_rank rank, const char *name);
void mutex_lock(struct mutex *m) EXCLUDES(NO_SPINLOCKS);
/* 0 or -ERESTARTSYS on a signal (WAIT_INTR / WAIT_KILLABLE). */
MUST_USE int mutex_lock_mode(struct mutex *m, enum wait_mode mode) EXCLUDES(NO_SPINLOCKS);
/* A second mutex of the same rank; ordered by the caller. */
void mutex_lock_nested(struct mutex *m) EXCLUDES(NO_SPINLOCKS);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m); /* by the current thread */

struct rwsem {
	struct spinlock lock;
	int32_t readers; /* active readers; -1 = a writer */
	uint32_t writers_waiting;
	struct thread *writer;
	struct waitq waiters;
	uint16_t rank;
	const char *name;
};
void rwsem_init(struct rwsem *s, enum lock_rank rank, const char *name);
void rwsem_read_lock(struct rwsem *s) EXCLUDES(NO_SPINLOCKS);
void rwsem_read_unlock(struct rwsem *s);
void rwsem_write_lock(struct rwsem *s) EXCLUDES(NO_SPINLOCKS);
MUST_USE int rwsem_write_lock_killable(struct rwsem *s) EXCLUDES(NO_SPINLOCKS);
void rwsem_write_unlock(struct rwsem *s);
/* Second write lock of the same rank (fork: parent, then child). */
void rwsem_write_lock_nested(struct rwsem *s) EXCLUDES(NO_SPINLOCKS);
