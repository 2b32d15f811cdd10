/* SPDX-License-Identifier: MIT */
#pragma once
/* Lock annotations: checked by clang -Wthread-safety, nothing under gcc. */
#include <lib/util.h>

#ifdef __clang__
#define TSA(x) __attribute__((x))
#else
#define TSA(x)
#endif
#define GUARDED_BY(c) TSA(guarded_by(c))
#define REQUIRES(...) TSA(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) TSA(locks_excluded(__VA_ARGS__))
#define ACQUIRES(...) TSA(acquire_capability(__VA_ARGS__))
#define RELEASES(...) TSA(release_capability(__VA_ARGS__))
#define TRY_ACQUIRES(r, ...) TSA(try_acquire_capability(r, __VA_ARGS__))
#define ACQUIRED_AFTER(...) TSA(acquired_after(__VA_ARGS__))
#define LOCK_UNCHECKED TSA(no_thread_safety_analysis)
