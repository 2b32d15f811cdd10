/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The operations on the tree that system calls use: by name, as current (its credentials, root and
 * working directory).  Names are kernel memory, NUL-terminated, at most PATH_MAX.
 */
#include <lib/util.h>

struct file;
struct path;

MUST_USE int vfs_open(int dirfd, const char *name, int open_flags, uint32_t mode,
		      struct file **out);
/* For exec to read, which the program itself may be forbidden: the caller has checked all rights. */
MUST_USE int vfs_open_exec(const struct path *p, struct file **out);
MUST_USE int vfs_mkdir(int dirfd, const char *name, uint32_t mode);
MUST_USE int vfs_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev);
MUST_USE int vfs_symlink(const char *target, int dirfd, const char *name);
MUST_USE int vfs_link(int olddirfd, const char *old, int newdirfd, const char *name, int flags);
MUST_USE int vfs_unlink(int dirfd, const char *name, bool dir);
MUST_USE int vfs_rename(int olddirfd, const char *old, int newdirfd, const char *name,
			unsigned flags);
/* vfs_open with LOOKUP_* restrictions (openat2). */
MUST_USE int vfs_openat2(int dirfd, const char *name, int flags, uint32_t mode, unsigned lookup,
			 struct file **out);
