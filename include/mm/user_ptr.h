/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
/* An address in the program's memory: cannot be dereferenced, nor mixed up with a
 * kernel pointer.  Only mm/usercopy.c, proc/futex.c and proc/sigframe.c look inside;
 * others use user_ptr_add() and the copies of mm/usercopy.h. */
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
