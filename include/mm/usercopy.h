/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Copies between the kernel and the running program.  They check the range, fault
 * pages in (may sleep; no spinlock held) and return -EFAULT for what is not mapped.
 * The _nofault forms never sleep: -EFAULT also means "not present now".
 */
#include <lib/util.h>
#include <mm/user_ptr.h>
#include <sync/lock_order.h>

MUST_USE int copy_from_user(void *dst, user_ptr src, size_t n) MAY_SLEEP;
MUST_USE int copy_to_user(user_ptr dst, const void *src, size_t n) MAY_SLEEP;
/* As above, but return the bytes copied before a fault (0..n). */
size_t copy_from_user_partial(void *dst, user_ptr src, size_t n) MAY_SLEEP;
size_t copy_to_user_partial(user_ptr dst, const void *src, size_t n) MAY_SLEEP;
size_t clear_user_partial(user_ptr dst, size_t n) MAY_SLEEP;
/* A NUL-terminated string into dst[size]: its length, -ENAMETOOLONG when it does not
 * fit, -EFAULT. */
MUST_USE long copy_string_from_user(char *dst, user_ptr src, size_t size) MAY_SLEEP;
MUST_USE int get_user_u32(uint32_t *v, user_ptr src) MAY_SLEEP;
MUST_USE int get_user_u64(uint64_t *v, user_ptr src) MAY_SLEEP;
MUST_USE int put_user_u32(user_ptr dst, uint32_t v) MAY_SLEEP;
MUST_USE int put_user_u64(user_ptr dst, uint64_t v) MAY_SLEEP;

MUST_USE int copy_from_user_nofault(void *dst, user_ptr src, size_t n);
MUST_USE int get_user_u32_nofault(uint32_t *v, user_ptr src);
/* Atomic compare-exchange on a user word, nofault; *old gets what was there. */
MUST_USE int cmpxchg_user_u32_nofault(user_ptr p, uint32_t *old, uint32_t new_value);
/* Makes the page present (writable when write) so that a nofault access can follow;
 * may sleep.  0 or -EFAULT. */
MUST_USE int fault_in_user(user_ptr p, bool write) MAY_SLEEP;
/* [p, p+n) lies below USER_END, without overflow.  Says nothing about mappings. */
bool user_range_ok(user_ptr p, uint64_t n);
