/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Spinlocks.  The kernel is preemptible only at defined points, so holding one
 * needs no preemption counter.  A CPU that waits for a lock does so with the
 * interrupt state of its caller, so that TLB shootdowns reach it; the _irqsave
 * form turns interrupts off only while it holds the lock.
 *
 * Never sleep, fault on user memory (except the nofault copies) or start a TLB
 * shootdown with interrupts off.
 */
#include <stdatomic.h>
#include <sync/lock_order.h>

struct spinlock {
	_Atomic uint32_t held;
	uint16_t rank; /* enum lock_rank */
	uint16_t cpu;  /* holder, for asserts and panics */
	const char *name;
};
#define SPINLOCK_INIT(rank_, name_)              \
	{                                        \
		.rank = (rank_), .name = (name_) \
	}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name);
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
/* Returns the interrupt state to hand back to spin_unlock_irqrestore(). */
uint64_t spin_lock_irqsave(struct spinlock *l);
void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags);
/* A second lock of the same rank; the caller orders the two by address. */
void spin_lock_nested(struct spinlock *l);
/* This CPU holds l. */
bool spin_held(const struct spinlock *l);

/* Debug builds: order checks for sleeping locks (kernel/sync/mutex.c). */
void lockcheck_acquire(enum lock_rank rank, const char *name, bool nested);
void lockcheck_release(enum lock_rank rank);
/* Panics when a spinlock is held: the caller is about to sleep. */
void lockcheck_may_sleep(void);
