/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Changes of credentials: the rules of credentials(7) and capabilities(7).
 *
 * Credentials are not changed in place (fs/cred.h).  A change checks what the current thread may
 * do, makes a copy, alters it and commits it.  All functions: current thread; 0, -EPERM, -EINVAL,
 * -ENOMEM, and then nothing has changed.
 */
#include <fs/cred.h>
struct file;

/* The ids and capabilities that process 1 starts with: all, for root. */
void cred_init(struct cred *c, uint32_t uid, uint32_t gid);
/* Makes `c` the credentials of the current thread (takes over the reference) and charges the
 * process to the account of its real uid. */
void cred_commit(struct cred *c);

/* Only puts `c` in place of the old ones; the references of both move. */
struct cred *cred_swap(struct cred *c);

#define ID_UNCHANGED UINT32_MAX
enum id_kind { ID_USER, ID_GROUP };
MUST_USE int cred_set_id(enum id_kind kind, uint32_t id);
MUST_USE int cred_set_two_ids(enum id_kind kind, uint32_t real, uint32_t eff);
MUST_USE int cred_set_three_ids(enum id_kind kind, uint32_t real, uint32_t eff, uint32_t saved);
/* Returns the old one, whether it was changed or not. */
uint32_t cred_set_fs_id(enum id_kind kind, uint32_t id);
/* n <= CRED_MAX_GROUPS */
MUST_USE int cred_set_groups(const uint32_t *groups, unsigned n);
MUST_USE int cred_set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable);

/* Commits a copy that `change` has altered, unless it refuses. */
MUST_USE int cred_change(int (*change)(struct cred *c, uint64_t arg), uint64_t arg);
/* What prctl(2) changes, for cred_change(); cap: <= CAP_LAST. */
MUST_USE int cred_drop_bounding(struct cred *c, uint64_t cap);
MUST_USE int cred_raise_ambient(struct cred *c, uint64_t cap);
MUST_USE int cred_lower_ambient(struct cred *c, uint64_t cap);
MUST_USE int cred_clear_ambient(struct cred *c, uint64_t unused);
MUST_USE int cred_set_keep_caps(struct cred *c, uint64_t on);
MUST_USE int cred_set_securebits(struct cred *c, uint64_t bits);
MUST_USE int cred_set_no_new_privs(struct cred *c, uint64_t unused);

/* What the current thread will be when it has executed a file. */
struct exec_cred {
	struct cred *cred;	 /* counted */
	uint32_t mode, uid, gid; /* of the file, at one moment */
	bool set_id; /* the file gives ids or capabilities: no personality of the caller's for it */
	bool secure; /* AT_SECURE: it has rights that its caller lacks */
};
MUST_USE int cred_exec(const struct file *exe, struct exec_cred *e);
/* Once more, when no other thread is left that could share what they should not: can't fail. */
void cred_exec_compute(struct exec_cred *e);
/* The step from `from` to `to` gives other rights: what was made by or for the old ones must not
 * reach into the new ones (dumpable, the parent's death signal). */
bool cred_gains(const struct cred *from, const struct cred *to);
