/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reading a directory: the file system's entries, then the mount points that exist only in
 * the guest (a share without /proc still lists it).
 */
#include <fs/file.h>

/* Goes on from the file's position and advances it.  0, -ENOTDIR, -ENOENT (removed). */
MUST_USE int file_readdir(struct file *f, struct dir_context *ctx);
