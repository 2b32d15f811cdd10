/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Mounts: a superblock's root put on a dentry.  A mount point may be a negative dentry: /proc,
 * /dev, /tmp appear even where the share has no such directory.
 */
#include <lib/list.h>

struct dentry;
struct path;
struct superblock;

/* f_type of what has no name */
#define ANON_MAGIC 0x09041934u
#define PIPEFS_MAGIC 0x50495045u
#define MQUEUE_MAGIC 0x19800202u
#define SOCKFS_MAGIC 0x534f434bu

struct kstatfs {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags;
	uint64_t fsid;
};

struct mount {
	struct superblock *sb;
	struct mount *parent;
	struct dentry *point; /* in the parent; NULL for the root mount */
	struct list link;
	bool read_only;
	bool pinned; /* made at boot, never unmounted: paths don't count it */
	int id;
	_Atomic int32_t refs;
	char *where; /* for /proc/mounts of mounts made by mount(2); NULL = computed */
};
void vfs_init(void);
/* The root file system: mounts sb as / and sets up /dev, /proc, /sys, /tmp, /run, /dev/shm,
 * /dev/pts, /dev/mqueue. */
MUST_USE int vfs_mount_root(struct superblock *sb);
/* A mount(2) of a type that we have ("tmpfs", "proc", "sysfs", "ramfs", "devtmpfs"): -ENODEV else. */
MUST_USE int vfs_mount_type(const char *type, const char *where, const char *options,
			    uint64_t flags);
MUST_USE int vfs_umount(const char *where, int flags);
MUST_USE int vfs_statfs(const struct path *p, struct kstatfs *st);
MUST_USE int vfs_sync(struct superblock *sb); /* its pages and metadata */
void vfs_sync_all(void);		      /* every page cache and superblock */
