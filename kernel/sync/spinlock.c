/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks, and the order of all locks (debug builds).
 *
 * A CPU that waits looks at the word without writing it, and with the interrupts of its caller:
 * spin_lock_irqsave() turns them off only for an attempt.  `cpu` is for asserts and panics; only
 * the holder's own id in it means anything, and only to the holder.
 */
#define LOCK_IMPLEMENTATION 1
#include <sync/spinlock.h>

#include <arch/cpu.h>
#include <arch/clock.h>
#include <arch/paravirt.h>
#include <lib/assert.h>
#include <sched/thread.h>

/*
 * Nobody holds a spinlock for so long: a deadlock.  What counts is the time that the waiter gets of the
 * host; the holder gets as much.  Between two looks at the clock is far less than GAP_MAX_NS, or the
 * host ran somebody else.
 */
#define STUCK_NS (20 * NSEC_PER_SEC)
#define GAP_MAX_NS (5 * NSEC_PER_MSEC)

/*
 * Debug builds: how many spinlocks of each rank a CPU holds, apart for interrupt handlers, which
 * may interrupt a holder of any lock that handlers never take.  Counts and not bits, so that of
 * two locks of one rank (_nested) the second to be given back is still seen.
 */
static struct held_ranks held_by_cpu[MAX_CPUS][2];

static struct held_ranks *held_here(void)
{
	return &held_by_cpu[cpu_id()][cpu_in_irq()];
}

static void rank_take(struct held_ranks *held, enum lock_rank rank)
{
	ASSERT(held->count[rank] < UINT8_MAX);
	held->count[rank]++;
	held->mask |= 1ull << rank;
}

static void rank_give(struct held_ranks *held, enum lock_rank rank)
{
	ASSERT(held->count[rank] > 0);
	if (--held->count[rank] == 0) {
		held->mask &= ~(1ull << rank);
	}
}

static void check_rank(const struct held_ranks *held, enum lock_rank rank, const char *name,
		       bool nested)
{
	uint64_t worse = nested ? held->mask >> rank >> 1 : held->mask >> rank;

	if (unlikely(worse)) {
		panic("lock order: taking %s (rank %u) while holding ranks %#lx", name, rank,
		      (unsigned long)held->mask);
	}
}

static void note_taken(struct spinlock *l, bool nested)
{
	l->cpu = (uint16_t)cpu_id();
	if (CONFIG_DEBUG) {
		check_rank(held_here(), l->rank, l->name, nested);
		rank_take(held_here(), l->rank);
	}
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	atomic_init(&l->held, 0);
	l->rank = rank;
	l->cpu = UINT16_MAX;
	l->name = name;
}

/* Waits until the lock looks free; interrupts stay as the caller had them. */
static NOINLINE void spin_wait(struct spinlock *l)
{
	uint64_t last = 0, waited = 0;

	for (unsigned i = 1; atomic_load_explicit(&l->held, memory_order_relaxed); i++) {
		cpu_pause();
		if (i % 4096) {
			continue;
		}
		uint64_t now = clock_mono_ns();

		waited += last ? MIN(now - last, GAP_MAX_NS) : 0;
		last = now;
		paravirt_yield_to(l->cpu);
		if (waited > STUCK_NS) {
			/* names are constants of the image; anything else was overwritten */
			bool sane = (uintptr_t)l->name >= 0xffffffff80000000ul;

			panic("stuck spinlock %p %s, held by CPU %u", (void *)l,
			      sane ? l->name : "(freed or overwritten)", l->cpu);
		}
	}
}

static bool take(struct spinlock *l)
{
	return !atomic_exchange_explicit(&l->held, 1, memory_order_acquire);
}

void spin_lock(struct spinlock *l)
{
	while (unlikely(!take(l))) {
		spin_wait(l);
	}
	note_taken(l, false);
}

void spin_lock_nested(struct spinlock *l)
{
	while (unlikely(!take(l))) {
		spin_wait(l);
	}
	note_taken(l, true);
}

bool spin_trylock(struct spinlock *l)
{
	if (!take(l)) {
		return false;
	}
	l->cpu = (uint16_t)cpu_id();
	if (CONFIG_DEBUG) {
		rank_take(held_here(), l->rank); /* a try can't deadlock: any order */
	}
	return true;
}

void spin_unlock(struct spinlock *l)
{
	DEBUG_ASSERT(spin_held(l));
	if (CONFIG_DEBUG) {
		rank_give(held_here(), l->rank);
	}
	l->cpu = UINT16_MAX;
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

void spin_unlock_nested(struct spinlock *l)
{
	spin_unlock(l);
}

uint64_t spin_lock_irqsave(struct spinlock *l)
{
	uint64_t flags = irq_save();

	while (unlikely(!take(l))) {
		irq_restore(flags);
		spin_wait(l);
		irq_off();
	}
	note_taken(l, false);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
	spin_unlock(l);
	irq_restore(flags);
}

void spin_assert_held(const struct spinlock *l)
{
	ASSERT(spin_held(l));
}

void spin_assert_unshared(const struct spinlock *l)
{
	DEBUG_ASSERT(!atomic_load_explicit(&l->held, memory_order_relaxed));
}

void lockcheck_acquire(enum lock_rank rank, const char *name, bool nested)
{
	struct thread *t = thread_current();

	lockcheck_may_sleep();
	if (CONFIG_DEBUG && t) {
		check_rank(&t->held_ranks, rank, name, nested);
		rank_take(&t->held_ranks, rank);
	}
}

void lockcheck_tried(enum lock_rank rank)
{
	if (CONFIG_DEBUG && thread_current()) {
		rank_take(&thread_current()->held_ranks, rank);
	}
}

void lockcheck_release(enum lock_rank rank)
{
	if (CONFIG_DEBUG && thread_current()) {
		rank_give(&thread_current()->held_ranks, rank);
	}
}

void lockcheck_may_sleep(void)
{
	if (CONFIG_DEBUG) {
		if (held_here()->mask) {
			panic("sleeping while holding spinlock ranks %#lx",
			      (unsigned long)held_here()->mask);
		}
		if (cpu_in_irq()) {
			panic("sleeping in an interrupt handler");
		}
	}
}
