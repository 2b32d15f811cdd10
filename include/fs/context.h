/* SPDX-License-Identifier: MIT */
#pragma once
/* The file-system context of a process: root, working directory, umask (shared by CLONE_FS). */
#include <fs/path.h>
#include <lib/refcount.h>
#include <sync/spinlock.h>

struct fs_context {
	struct refcount refs;	/* of users, and of those who only look */
	_Atomic uint32_t users; /* tasks whose context it is */
	SPINLOCK(fs_context) lock;
	struct path root GUARDED_BY(fs_context_role), cwd GUARDED_BY(fs_context_role);
	uint32_t umask; /* a word: read without the lock */
};
struct fs_context *fs_context_create(void); /* root and cwd = "/" of the root mount */
struct fs_context *fs_context_copy(struct fs_context *from);
void fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c); /* NULL is fine */
/* One task more, or less, has it as its own; create and copy count one. */
void fs_context_join(struct fs_context *c);
void fs_context_leave(struct fs_context *c); /* NULL is fine */
MUST_USE int fs_chdir(const struct path *p);
void fs_get_cwd(struct path *out);    /* current's, counted */
uint32_t fs_set_umask(uint32_t mask); /* the old one */
MUST_USE int fs_chroot(const struct path *p);
