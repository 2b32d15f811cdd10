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
	struct thread *_Atomic owner;
	struct waitq waiters;
	uint16_t rank;
	const char *name;
};
struct rwsem {
	struct spinlock lock;
	int32_t readers; /* active readers; -1 = a writer */
	uint32_t writers_waiting;
	struct thread *writer;
	struct waitq waiters;
	uint16_t rank;
	const char *name;
};

void mutex_init(struct mutex *m, enum lock_rank rank, const char *name);
void mutex_lock(struct mutex *m) MAY_SLEEP;
/* 0 or -ERESTARTSYS on a signal (WAIT_INTR / WAIT_KILLABLE). */
MUST_USE int mutex_lock_mode(struct mutex *m, enum wait_mode mode) MAY_SLEEP;
/* Without waiting, so in any order; false = somebody has it, perhaps the caller. */
MUST_USE bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
/* A second mutex of the same role; ordered by the caller.  clang follows only the first one: each
 * _nested lock wants its _nested unlock. */
void mutex_lock_nested(struct mutex *m) MAY_SLEEP;
void mutex_unlock_nested(struct mutex *m);
bool mutex_held(const struct mutex *m); /* by the current thread */
/* As spin_assert_held() and spin_assert_unshared(). */
void mutex_assert_held(const struct mutex *m);
void mutex_assert_unshared(const struct mutex *m);

void rwsem_init(struct rwsem *s, enum lock_rank rank, const char *name);
void rwsem_read_lock(struct rwsem *s) MAY_SLEEP;
void rwsem_read_unlock(struct rwsem *s);
void rwsem_write_lock(struct rwsem *s) MAY_SLEEP;
MUST_USE int rwsem_write_lock_killable(struct rwsem *s) MAY_SLEEP;
void rwsem_write_unlock(struct rwsem *s);
/* Panics unless somebody reads or writes (the current thread, if it writes); clang takes it as
 * held for reading. */
void rwsem_assert_held(const struct rwsem *s);
void rwsem_assert_write_held(const struct rwsem *s); /* by the current thread */
void rwsem_assert_unshared(const struct rwsem *s);

#if LOCK_ROLES
/* What clang sees instead of the functions above: sync/lock_roles.h. */
#define DECLARE_SLEEPING(role, before, rank_)                                                  \
	struct mutex_##role {                                                                  \
		struct mutex base;                                                             \
	};                                                                                     \
	struct rwsem_##role {                                                                  \
		struct rwsem base;                                                             \
	};                                                                                     \
	enum { role##_sleeping_rank = RANK_##rank_ };                                          \
	void mutex_lock_##role(struct mutex_##role *m) MAY_SLEEP ACQUIRES(role##_role);        \
	MUST_USE int mutex_mode_##role(struct mutex_##role *m, enum wait_mode mode)            \
		MAY_SLEEP TRY_ACQUIRES(0, role##_role);                                        \
	MUST_USE bool mutex_trylock_##role(struct mutex_##role *m)                             \
		TRY_ACQUIRES(true, role##_role);                                               \
	void mutex_unlock_##role(struct mutex_##role *m) RELEASES(role##_role);                \
	void mutex_second_##role(struct mutex_##role *m) MAY_SLEEP REQUIRES(role##_role);      \
	void mutex_assert_##role(const struct mutex_##role *m) ASSERTS_HELD(role##_role);      \
	void rwsem_read_##role(struct rwsem_##role *s) MAY_SLEEP ACQUIRES_SHARED(role##_role); \
	void rwsem_unread_##role(struct rwsem_##role *s) RELEASES_SHARED(role##_role);         \
	void rwsem_write_##role(struct rwsem_##role *s) MAY_SLEEP ACQUIRES(role##_role);       \
	MUST_USE int rwsem_killable_##role(struct rwsem_##role *s)                             \
		MAY_SLEEP TRY_ACQUIRES(0, role##_role);                                        \
	void rwsem_unwrite_##role(struct rwsem_##role *s) RELEASES(role##_role);               \
	void rwsem_assert_##role(const struct rwsem_##role *s)                                 \
		TSA(assert_shared_capability(role##_role));                                    \
	void rwsem_assert_write_##role(const struct rwsem_##role *s) ASSERTS_HELD(role##_role);
SLEEPING_ROLES(DECLARE_SLEEPING)
#undef DECLARE_SLEEPING

#define MUTEX_CASE(role, f) struct mutex_##role * : f##_##role,
#define MUTEX_CASE_LOCK(role, before, rank) MUTEX_CASE(role, mutex_lock)
#define MUTEX_CASE_MODE(role, before, rank) MUTEX_CASE(role, mutex_mode)
#define MUTEX_CASE_TRYLOCK(role, before, rank) MUTEX_CASE(role, mutex_trylock)
#define MUTEX_CASE_UNLOCK(role, before, rank) MUTEX_CASE(role, mutex_unlock)
#define MUTEX_CASE_SECOND(role, before, rank) MUTEX_CASE(role, mutex_second)
#define MUTEX_CASE_ASSERT(role, before, rank)        \
	struct mutex_##role * : mutex_assert_##role, \
				const struct mutex_##role * : mutex_assert_##role,
#define MUTEX_CASE_RANK(role, before, rank) struct mutex_##role * : role##_sleeping_rank,
#define RWSEM_CASE(role, f) struct rwsem_##role * : f##_##role,
#define RWSEM_CASE_READ(role, before, rank) RWSEM_CASE(role, rwsem_read)
#define RWSEM_CASE_UNREAD(role, before, rank) RWSEM_CASE(role, rwsem_unread)
#define RWSEM_CASE_WRITE(role, before, rank) RWSEM_CASE(role, rwsem_write)
#define RWSEM_CASE_KILLABLE(role, before, rank) RWSEM_CASE(role, rwsem_killable)
#define RWSEM_CASE_UNWRITE(role, before, rank) RWSEM_CASE(role, rwsem_unwrite)
#define RWSEM_CASE_ASSERT(role, before, rank)        \
	struct rwsem_##role * : rwsem_assert_##role, \
				const struct rwsem_##role * : rwsem_assert_##role,
#define RWSEM_CASE_ASSERT_WRITE(role, before, rank)        \
	struct rwsem_##role * : rwsem_assert_write_##role, \
				const struct rwsem_##role * : rwsem_assert_write_##role,
#define RWSEM_CASE_RANK(role, before, rank) struct rwsem_##role * : role##_sleeping_rank,

#define mutex_lock(m) _Generic((m), SLEEPING_ROLES(MUTEX_CASE_LOCK) int : 0)(m)
#define mutex_lock_mode(m, mode) _Generic((m), SLEEPING_ROLES(MUTEX_CASE_MODE) int : 0)(m, mode)
#define mutex_trylock(m) _Generic((m), SLEEPING_ROLES(MUTEX_CASE_TRYLOCK) int : 0)(m)
#define mutex_unlock(m) _Generic((m), SLEEPING_ROLES(MUTEX_CASE_UNLOCK) int : 0)(m)
#define mutex_lock_nested(m) _Generic((m), SLEEPING_ROLES(MUTEX_CASE_SECOND) int : 0)(m)
#define mutex_unlock_nested(m) _Generic((m), SLEEPING_ROLES(MUTEX_CASE_SECOND) int : 0)(m)
#define mutex_assert_held(m) _Generic((m), SLEEPING_ROLES(MUTEX_CASE_ASSERT) int : 0)(m)
#define mutex_assert_unshared(m) mutex_assert_held(m)
#define mutex_held(m) mutex_held(&(m)->base)
/* The rank is that of the role; a directory's inode->lock has a rank of its own. */
#define mutex_init(m, rank, name)                                                                \
	({                                                                                       \
		_Static_assert(                                                                  \
			_Generic((m), SLEEPING_ROLES(MUTEX_CASE_RANK) int : 0) ==                \
				__builtin_choose_expr(                                           \
					__builtin_constant_p(rank), (rank),                      \
					_Generic((m), SLEEPING_ROLES(MUTEX_CASE_RANK) int : 0)), \
			"the rank of another role");                                             \
		(void)(m);                                                                       \
		(void)(name);                                                                    \
	})
#define rwsem_read_lock(s) _Generic((s), SLEEPING_ROLES(RWSEM_CASE_READ) int : 0)(s)
#define rwsem_read_unlock(s) _Generic((s), SLEEPING_ROLES(RWSEM_CASE_UNREAD) int : 0)(s)
#define rwsem_write_lock(s) _Generic((s), SLEEPING_ROLES(RWSEM_CASE_WRITE) int : 0)(s)
#define rwsem_write_lock_killable(s) _Generic((s), SLEEPING_ROLES(RWSEM_CASE_KILLABLE) int : 0)(s)
#define rwsem_write_unlock(s) _Generic((s), SLEEPING_ROLES(RWSEM_CASE_UNWRITE) int : 0)(s)
#define rwsem_assert_held(s) _Generic((s), SLEEPING_ROLES(RWSEM_CASE_ASSERT) int : 0)(s)
#define rwsem_assert_write_held(s) _Generic((s), SLEEPING_ROLES(RWSEM_CASE_ASSERT_WRITE) int : 0)(s)
#define rwsem_assert_unshared(s) rwsem_assert_write_held(s)
#define rwsem_init(s, rank, name)                                                                \
	({                                                                                       \
		_Static_assert(_Generic((s), SLEEPING_ROLES(RWSEM_CASE_RANK) int : 0) == (rank), \
			       "the rank of another role");                                      \
		(void)(s);                                                                       \
		(void)(name);                                                                    \
	})
#endif
