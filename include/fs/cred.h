/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Credentials: the ids and capabilities that a thread acts with.
 *
 * Immutable once published (thread->cred), so readers take no lock and processes share them by
 * counting; a change makes a copy, alters that, and publishes it (proc).  Only the thread itself
 * replaces its pointer.
 */
#include <lib/refcount.h>
#include <lib/util.h>

#define CRED_MAX_GROUPS 64
/* credentials(7); fs is what file access is decided by. */
struct ids {
	uint32_t real, eff, saved, fs;
};
struct cred {
	struct refcount refs;
	struct ids u, g; /* of the user, of the group */
	unsigned ngroups;
	uint32_t groups[CRED_MAX_GROUPS];
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_bounding, cap_ambient;
	uint32_t securebits;
	bool no_new_privs;
};
struct cred *cred_alloc(void); /* zeroed, refs 1; NULL no memory */
struct cred *cred_copy(const struct cred *c);
void cred_get(struct cred *c);
void cred_put(struct cred *c); /* NULL: nothing */
static inline bool ids_have(const struct ids *ids, uint32_t id)
{
	return ids->real == id || ids->eff == id || ids->saved == id;
}
/* Is this id all that a program with `ids` is and can become? */
static inline bool ids_are_all(const struct ids *ids, uint32_t id)
{
	return ids->real == id && ids->eff == id && ids->saved == id;
}
/* CAP_* effective in current's credentials. */
bool cred_capable(int cap);
/* The file-system group or one of the supplementary ones. */
bool cred_in_group(const struct cred *c, uint32_t gid);
