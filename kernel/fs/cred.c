/* SPDX-License-Identifier: MIT */
/*
 * Credentials: their life and what they allow.  Everything here reads; the struct is written only
 * between cred_copy() and its publication.
 */
#include <fs/cred.h>

#include <mm/slab.h>
#include <sched/thread.h>

struct cred *cred_alloc(void)
{
	struct cred *c = kzalloc(sizeof(*c));

	if (c) {
		refcount_init(&c->refs, 1);
	}
	return c;
}
struct cred *cred_copy(const struct cred *c)
{
	struct cred *n = kmemdup(c, sizeof(*c));

	if (n) {
		refcount_init(&n->refs, 1);
	}
	return n;
}
void cred_get(struct cred *c)
{
	refcount_get(&c->refs);
}
void cred_put(struct cred *c)
{
	if (c && refcount_put(&c->refs)) {
		kfree(c);
	}
}
/* Kernel threads may do everything. */
bool cred_capable(int cap)
{
	const struct cred *c = thread_current()->cred;

	return !c || c->cap_effective >> cap & 1;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->g.fs == gid) {
		return true;
	}
	for (unsigned i = 0; i < c->ngroups; i++) {
		if (c->groups[i] == gid) {
			return true;
		}
	}
	return false;
}
