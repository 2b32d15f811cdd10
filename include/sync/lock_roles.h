/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How clang learns which role a lock plays: under LOCK_ANALYSIS each role has a type of its own
 * around struct spinlock, struct mutex and struct rwsem, and spin_lock() and the like choose by
 * that type a function that is annotated with the role.  Nothing here is ever compiled to code:
 * the lint run only reads it.  Included by sync/spinlock.h and sync/mutex.h.
 *
 * The files that implement the locks define LOCK_IMPLEMENTATION and see the plain types.
 */
#include <sync/lock_order.h>

#if defined(LOCK_ANALYSIS) && !defined(LOCK_IMPLEMENTATION)
#define LOCK_ROLES 1
#define SPINLOCK(role) struct spinlock_##role
#define MUTEX(role) struct mutex_##role
#define RWSEM(role) struct rwsem_##role
#else
#define LOCK_ROLES 0
#define SPINLOCK(role) struct spinlock
#define MUTEX(role) struct mutex
#define RWSEM(role) struct rwsem
#endif
