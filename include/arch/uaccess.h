/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The instructions that touch user memory, with an exception table for faults.
 * The callers (mm/usercopy.c, futex/futex.c) have checked the range against
 * USER_END.  A fault is resolved through upcall_page_fault() unless
 * current->arch.nofault > 0; what can't be resolved ends the copy.
 * SMAP: opened and closed inside.
 */
#include <lib/util.h>

/* Copies n bytes; returns how many were NOT copied (0 = all). */
size_t arch_copy_user(void *dst, const void *src, size_t n);
size_t arch_clear_user(uintptr_t dst, size_t n);
/* Copies up to n bytes and stops after a NUL.  Returns the count without NUL, n when
 * there was none, -EFAULT. */
long arch_strncpy_user(char *dst, uintptr_t src, size_t n);
/* 0 or -EFAULT. */
MUST_USE int arch_user_load32(uint32_t *value, uintptr_t addr);
MUST_USE int arch_user_load64(uint64_t *value, uintptr_t addr);
MUST_USE int arch_user_store32(uintptr_t addr, uint32_t value);
MUST_USE int arch_user_store64(uintptr_t addr, uint64_t value);
/* Atomic compare-exchange; *old gets what was there. */
MUST_USE int arch_user_cmpxchg32(uintptr_t addr, uint32_t *old, uint32_t new_value);
