/* SPDX-License-Identifier: MIT */
#pragma once
/* A path from user memory: on the stack when short, so that usual calls allocate nothing. */
#include <mm/user_ptr.h>
#include <lib/util.h>

struct pathname {
	char *s;
	char small[256];
};
/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM.  After success end with pathname_put(). */
MUST_USE int pathname_get(struct pathname *p, user_ptr user);
void pathname_put(struct pathname *p);
