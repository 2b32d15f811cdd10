/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
/* An address in the program's memory: cannot be dereferenced, nor mixed up with a kernel
 * pointer.  Read and written only by the copies of mm/usercopy.h; others look inside for
 * the number alone (the key of a futex, the stack of a signal handler). */
typedef struct {
	uintptr_t addr;
} user_ptr;

static inline user_ptr user_ptr_add(user_ptr p, uint64_t bytes)
{
	return (user_ptr){ p.addr + bytes };
}
static inline _Bool user_ptr_is_null(user_ptr p)
{
	return p.addr == 0;
}
