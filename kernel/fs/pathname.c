/* SPDX-License-Identifier: MIT */
/*
 * Paths from user memory.  The copy is the only one that is looked at: the program may change its
 * own meanwhile.
 */
#include <fs/pathname.h>

#include <linux/errno.h>
#include <linux/limits.h>
#include <mm/slab.h>
#include <mm/user_ptr.h>
#include <mm/usercopy.h>

int pathname_get(struct pathname *p, user_ptr user)
{
	long n = copy_string_from_user(p->small, user, sizeof(p->small));

	p->s = p->small;
	if (likely(n != -ENAMETOOLONG)) {
		return n < 0 ? (int)n : 0;
	}
	p->s = kmalloc(PATH_MAX);
	if (!p->s) {
		return -ENOMEM;
	}
	n = copy_string_from_user(p->s, user, PATH_MAX);
	if (n < 0) {
		kfree(p->s);
		return (int)n;
	}
	return 0;
}
void pathname_put(struct pathname *p)
{
	if (p->s != p->small) {
		kfree(p->s);
	}
}
