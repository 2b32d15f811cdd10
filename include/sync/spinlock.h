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
#include <arch/cpu.h>
#include <stdatomic.h>
#include <sync/lock_roles.h>

/* What a thread or a CPU holds, by rank; debug builds. */
struct held_ranks {
	uint64_t mask; /* ranks whose count is not 0 */
	uint8_t count[CONFIG_DEBUG ? RANK_COUNT : 1];
};

struct spinlock {
	_Atomic uint32_t held;
	uint16_t rank; /* enum lock_rank */
	uint16_t cpu;  /* holder, for asserts and panics */
	const char *name;
};
/* `struct spinlock` is for the implementation; a lock is declared as SPINLOCK(role). */
#define SPINLOCK_PLAIN(rank_, name_)             \
	{                                        \
		.rank = (rank_), .name = (name_) \
	}

#if !LOCK_ROLES
#define SPINLOCK_INIT(rank_, name_) SPINLOCK_PLAIN(rank_, name_)
#endif

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name);
void spin_lock(struct spinlock *l);
MUST_USE bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
/* Returns the interrupt state to hand back to spin_unlock_irqrestore(). */
uint64_t spin_lock_irqsave(struct spinlock *l);
void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags);
/* A second lock of the same rank; the caller orders the two by address.  clang follows only the
 * first one: each _nested lock wants its _nested unlock. */
void spin_lock_nested(struct spinlock *l);
void spin_unlock_nested(struct spinlock *l);
/* This CPU holds l: whoever holds it has written its id, and takes it away before it lets go. */
#ifdef CORRIDA_HOST_TEST
bool spin_held(const struct spinlock *l);
#else
static inline bool spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->cpu) == cpu_id();
}
#endif
/* Panics unless this CPU holds l; clang takes it as held from here on.  For functions that are
 * called through a pointer with a lock held. */
void spin_assert_held(const struct spinlock *l);
/* What l guards is touched without it, as nobody else can: the object is not published yet, or
 * its last reference is gone.  Debug builds check that nobody holds l. */
void spin_assert_unshared(const struct spinlock *l);

/* Debug builds: order checks for sleeping locks (kernel/sync/mutex.c). */
void lockcheck_acquire(enum lock_rank rank, const char *name, bool nested);
/* A sleeping lock was taken by a try, which may be in any order: it can't deadlock. */
void lockcheck_tried(enum lock_rank rank);
void lockcheck_release(enum lock_rank rank);
/* Panics when a spinlock is held: the caller is about to sleep. */
void lockcheck_may_sleep(void) MAY_SLEEP;

#if LOCK_ROLES
/* What clang sees instead of the functions above: sync/lock_roles.h. */
#define DECLARE_SPIN(role, before, rank_)                                              \
	struct spinlock_##role {                                                       \
		struct spinlock base;                                                  \
	};                                                                             \
	enum { role##_spin_rank = RANK_##rank_ };                                      \
	void spin_lock_##role(struct spinlock_##role *l) ACQUIRES(role##_role);        \
	MUST_USE bool spin_trylock_##role(struct spinlock_##role *l)                   \
		TRY_ACQUIRES(true, role##_role);                                       \
	void spin_unlock_##role(struct spinlock_##role *l) RELEASES(role##_role);      \
	uint64_t spin_irqsave_##role(struct spinlock_##role *l) ACQUIRES(role##_role); \
	void spin_irqrestore_##role(struct spinlock_##role *l, uint64_t flags)         \
		RELEASES(role##_role);                                                 \
	void spin_second_##role(struct spinlock_##role *l) REQUIRES(role##_role);      \
	void spin_assert_##role(const struct spinlock_##role *l) ASSERTS_HELD(role##_role);
SPINNING_ROLES(DECLARE_SPIN)
#undef DECLARE_SPIN

#define SPIN_CASE(role, f) struct spinlock_##role * : f##_##role,
#define SPIN_CASE_LOCK(role, before, rank) SPIN_CASE(role, spin_lock)
#define SPIN_CASE_TRYLOCK(role, before, rank) SPIN_CASE(role, spin_trylock)
#define SPIN_CASE_UNLOCK(role, before, rank) SPIN_CASE(role, spin_unlock)
#define SPIN_CASE_IRQSAVE(role, before, rank) SPIN_CASE(role, spin_irqsave)
#define SPIN_CASE_IRQRESTORE(role, before, rank) SPIN_CASE(role, spin_irqrestore)
#define SPIN_CASE_SECOND(role, before, rank) SPIN_CASE(role, spin_second)
#define SPIN_CASE_ASSERT(role, before, rank)           \
	struct spinlock_##role * : spin_assert_##role, \
				   const struct spinlock_##role * : spin_assert_##role,
#define SPIN_CASE_RANK(role, before, rank) struct spinlock_##role * : role##_spin_rank,

#define spin_lock(l) _Generic((l), SPINNING_ROLES(SPIN_CASE_LOCK) int : 0)(l)
#define spin_trylock(l) _Generic((l), SPINNING_ROLES(SPIN_CASE_TRYLOCK) int : 0)(l)
#define spin_unlock(l) _Generic((l), SPINNING_ROLES(SPIN_CASE_UNLOCK) int : 0)(l)
#define spin_lock_irqsave(l) _Generic((l), SPINNING_ROLES(SPIN_CASE_IRQSAVE) int : 0)(l)
#define spin_unlock_irqrestore(l, flags) \
	_Generic((l), SPINNING_ROLES(SPIN_CASE_IRQRESTORE) int : 0)(l, flags)
#define spin_lock_nested(l) _Generic((l), SPINNING_ROLES(SPIN_CASE_SECOND) int : 0)(l)
#define spin_unlock_nested(l) _Generic((l), SPINNING_ROLES(SPIN_CASE_SECOND) int : 0)(l)
#define spin_assert_held(l) _Generic((l), SPINNING_ROLES(SPIN_CASE_ASSERT) int : 0)(l)
#define spin_assert_unshared(l) spin_assert_held(l)
#define spin_held(l) spin_held(&(l)->base)
/* A lock's rank is that of its role. */
#define spin_init(l, rank, name)                                                                \
	({                                                                                      \
		_Static_assert(_Generic((l), SPINNING_ROLES(SPIN_CASE_RANK) int : 0) == (rank), \
			       "the rank of another role");                                     \
		(void)(l);                                                                      \
		(void)(name);                                                                   \
	})
#define SPINLOCK_INIT(rank_, name_)                  \
	{                                            \
		.base = SPINLOCK_PLAIN(rank_, name_) \
	}
#endif
