/* SPDX-License-Identifier: MIT */
#pragma once
/* Attributes of files: what stat tells, who may do what, and changes to them. */
#include <fs/inode.h>

struct file;
struct path;

/* Result of stat; what struct stat and struct statx are made from. */
struct kstat {
	uint64_t ino, size, blocks; /* blocks of 512 bytes */
	uint64_t dev, rdev;
	uint32_t mode, nlink, uid, gid, blksize;
	struct timespec64 atime, mtime, ctime, btime;
	bool has_btime;
};
/* What to change (chmod, chown, truncate, utimensat). */
enum attr_valid {
	ATTR_MODE = 1,
	ATTR_UID = 2,
	ATTR_GID = 4,
	ATTR_SIZE = 8,
	ATTR_ATIME = 16,
	ATTR_MTIME = 32,
	ATTR_ATIME_NOW = 64,
	ATTR_MTIME_NOW = 128,
	ATTR_FILE = 256,
	ATTR_OWNER = 512, /* chown(2), whether it changes an id or not; not for file systems */
};
struct iattr {
	unsigned valid; /* enum attr_valid */
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timespec64 atime, mtime;
	struct file *file; /* with ATTR_FILE: the open file (ftruncate) */
};
MUST_USE int vfs_stat_inode(struct inode *inode, struct kstat *st, bool force_sync);
MUST_USE int vfs_stat_path(const struct path *p, struct kstat *st, bool force_sync);
/* truncate(2), ftruncate(2). */
MUST_USE int vfs_truncate(const struct path *p, uint64_t size);
MUST_USE int file_truncate(struct file *f, uint64_t size);
/* The target of a symlink, not terminated: its length or -errno (-EINVAL: no symlink). */
long vfs_readlink(const struct path *p, char *buf, size_t size);
MUST_USE int vfs_setattr(const struct path *p, struct iattr *a); /* permission checks inside */
enum may { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
/* access(2): MAY_* for current's fs ids. */
MUST_USE int vfs_access(const struct path *p, int mask);
MUST_USE int vfs_permission(struct inode *inode, int mask); /* MAY_*: 4 r, 2 w, 1 x; fs ids */
/* A change of contents takes set-id bits away from those who may not give them: into a, or at once.
 * inode->lock held. */
void attr_drop_setid(const struct inode *inode, struct iattr *a);
void inode_drop_setid_slow(struct inode *inode);
static inline void inode_drop_setid(struct inode *inode)
{
	if (unlikely(inode->mode & (S_ISUID | S_ISGID))) {
		inode_drop_setid_slow(inode);
	}
}
/* Owner of the inode, or CAP_FOWNER. */
bool vfs_owner_or_capable(const struct inode *inode);
