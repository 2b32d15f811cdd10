/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The FUSE client: a file system whose inodes live in a daemon behind a fuse_transport
 * (virtiofsd on the host).
 *
 * Names and attributes are cached for as long as the daemon says, file data in the page
 * cache until the file is seen to have changed: its size, mtime and ctime are asked for at
 * each open (close-to-open) and when the attributes' validity ends.  Writes reach the daemon
 * before write() returns; only pages written through shared mappings are written later.
 *
 * When the device breaks every operation fails with -EIO; what is cached stays readable.
 * Locks, access checks and umask are the VFS's business.
 */
#include <lib/util.h>

struct fuse_transport;
struct superblock;

/* INIT, then the root's attributes.  real_ids: requests carry the caller's fsuid and fsgid,
 * else 0 (the daemon runs in a user namespace).  -EPROTO: a version that we don't speak. */
MUST_USE int fuse_mount(struct fuse_transport *t, bool real_ids, struct superblock **out);
