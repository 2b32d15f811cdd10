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
struct cred {
	struct refcount refs;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
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
/* CAP_* effective in current's credentials. */
bool cred_capable(int cap);
/* The file-system group or one of the supplementary ones. */
bool cred_in_group(const struct cred *c, uint32_t gid);
