/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reading a directory: the file system's entries, then the mount points that exist only in
 * the guest (a share without /proc still lists it).
 */
#include <lib/util.h>

struct file;

struct dir_context {
	/* False = stop (buffer full).  type is DT_*; next_pos identifies the following entry. */
	bool (*emit)(struct dir_context *ctx, const char *name, size_t len, uint64_t ino,
		     unsigned type, uint64_t next_pos);
	uint64_t pos;
};

/* Goes on from the file's position and advances it.  0, -ENOTDIR, -ENOENT (removed). */
MUST_USE int file_readdir(struct file *f, struct dir_context *ctx);
