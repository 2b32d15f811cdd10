/* SPDX-License-Identifier: MIT */
#pragma once
/* The file-system context of a process: root, working directory, umask (shared by CLONE_FS). */
#include <fs/path.h>
#include <sync/spinlock.h>

struct fs_context {
	_Atomic int32_t refs;
	struct spinlock lock;
	struct path root, cwd;
	uint32_t umask;
};
struct fs_context *fs_context_create(void); /* root and cwd = "/" of the root mount */
struct fs_context *fs_context_copy(struct fs_context *from);
void fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);
MUST_USE int fs_chdir(const struct path *p);
MUST_USE int fs_chroot(const struct path *p);
