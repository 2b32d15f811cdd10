/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Paths: a mount and a dentry in it, both counted; and the walk that finds them by name, with
 * current's credentials, root and working directory.
 */
#include <lib/util.h>
#include <linux/fcntl.h>

struct dentry;
struct mount;

struct path {
	struct mount *mount;
	struct dentry *dentry;
};
void path_get(const struct path *p);
void path_put(struct path *p); /* clears it */

enum lookup_flags {
	LOOKUP_FOLLOW = 1 << 0,	     /* follow a symlink in the last component */
	LOOKUP_DIRECTORY = 1 << 1,   /* it must be one */
	LOOKUP_EMPTY = 1 << 2,	     /* "" = dirfd itself (AT_EMPTY_PATH) */
	LOOKUP_NO_SYMLINKS = 1 << 3, /* openat2 RESOLVE_* */
	LOOKUP_BENEATH = 1 << 4,
	LOOKUP_IN_ROOT = 1 << 5,
	LOOKUP_NO_XDEV = 1 << 6,
	LOOKUP_NO_MAGICLINKS = 1 << 7,
};
/* name: kernel memory, NUL-terminated, at most PATH_MAX. */
MUST_USE int vfs_lookup(int dirfd, const char *name, unsigned flags, struct path *out);
/* Absolute path as the current root sees it into buf; points into buf, or NULL when it does not
 * fit.  Appends " (deleted)" when so. */
char *vfs_path_string(const struct path *p, char *buf, size_t size);
/* vfs_path_string that also tells whether p lies below the current root (getcwd). */
char *vfs_path_string_root(const struct path *p, char *buf, size_t size, bool *reachable);
