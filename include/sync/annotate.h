/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Lock annotations, for clang -Wthread-safety (`make lint` defines LOCK_ANALYSIS); nothing
 * otherwise.  Their arguments are roles, siglock_role and the like: sync/lock_order.h has them
 * all.
 *
 * GUARDED_BY stands on a field or variable: read or written only while a lock of that role is
 * held.  An array or a list is covered only where it is read directly, not through its address.
 * REQUIRES, ACQUIRES, RELEASES stand on functions: what the caller holds, what it gets, what it
 * loses.  MAY_SLEEP: no spinlock held.
 *
 * Where clang cannot follow (a lock that is handed over, or held on a condition), LOCK_UNCHECKED
 * takes the function out of the analysis and says why; tools/check-code.py counts them.
 */
#include <lib/util.h>

#ifdef LOCK_ANALYSIS
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif
#define GUARDED_BY(role) TSA(guarded_by(role))
#define REQUIRES(...) TSA(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) TSA(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRES(...) TSA(acquire_capability(__VA_ARGS__))
#define ACQUIRES_SHARED(...) TSA(acquire_shared_capability(__VA_ARGS__))
#define RELEASES(...) TSA(release_capability(__VA_ARGS__))
#define RELEASES_SHARED(...) TSA(release_shared_capability(__VA_ARGS__))
/* result: the value that says that the lock was taken (true, or 0 of an errno). */
#define TRY_ACQUIRES(result, ...) TSA(try_acquire_capability(result, __VA_ARGS__))
#define ASSERTS_HELD(...) TSA(assert_capability(__VA_ARGS__))
#define ACQUIRED_AFTER(...) TSA(acquired_after(__VA_ARGS__))
#define LOCK_UNCHECKED(why) TSA(no_thread_safety_analysis)
