/* SPDX-License-Identifier: MIT */
#pragma once
/* Extended attributes of the file at a path; values and names are kernel memory. */
#include <lib/util.h>

struct path;

/* flags: XATTR_CREATE, XATTR_REPLACE. */
MUST_USE int vfs_setxattr(const struct path *p, const char *name, const void *value, size_t size,
			  int flags);
/* Bytes of the value, with size 0 without reading it; -ERANGE when it does not fit. */
long vfs_getxattr(const struct path *p, const char *name, void *buf, size_t size);
/* The same for the names, each terminated. */
long vfs_listxattr(const struct path *p, char *buf, size_t size);
MUST_USE int vfs_removexattr(const struct path *p, const char *name);
