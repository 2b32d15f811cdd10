/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Inodes and superblocks: what a file system implements.
 *
 * inode: a file, whatever its names.  Counted; a file system embeds it in its own struct.
 * superblock: one mounted file system.
 *
 * Locks: inode->lock (mutex; directories RANK_INODE_DIR for entries, files RANK_INODE for
 * size and contents).  Two directories, under sb->rename_lock: by rename, ancestor first, and by
 * a lookup that finds a directory moved on the host, which only tries the second.
 */
#include <lib/refcount.h>
#include <lib/timespec.h>
#include <linux/stat.h>
#include <mm/pagecache.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

struct dentry;
struct dentry_ops;
struct file;
struct file_lock_state;
struct inode;
struct iattr;
struct kstat;
struct kstatfs;
struct path;

/*
 * Locks that the VFS holds around inode operations: dir->lock for everything that changes or
 * looks up entries; for link the target's lock, for unlink, rmdir and rename the victim's;
 * inode->lock for setattr, and around file_ops write (regular files only) and fallocate.  Not
 * held: getattr, readlink, open, xattrs, read, readdir (file->pos_lock is), mmap, fsync,
 * copy_range.
 *
 * After success of unlink, rmdir and rename the VFS does the dentry work (unhash, move) and
 * sets a removed directory's nlink to 0; nlink of files and ctime are the file system's.
 */
struct inode_ops {
	/* An unnamed file in dir (O_TMPFILE): d is an unhashed dentry to instantiate, nlink 0. */
	int (*tmpfile)(struct inode *dir, struct dentry *d, uint32_t mode);
	/* Directories; called with dir->lock held; names are not NUL-terminated elsewhere but
	 * here they are; `d` is a negative dentry to fill by dentry_instantiate(). */
	int (*lookup)(struct inode *dir, struct dentry *d); /* 0 also when it isn't there
							     * (leaves d negative) */
	int (*create)(struct inode *dir, struct dentry *d, uint32_t mode);
	/* Atomic lookup+create+open where the file system can (FUSE_CREATE); NULL = not. On
	 * success f has inode, ops and private data set and d is positive. */
	int (*create_open)(struct inode *dir, struct dentry *d, struct file *f, uint32_t mode);
	int (*mkdir)(struct inode *dir, struct dentry *d, uint32_t mode);
	int (*mknod)(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *target);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *old_dir, struct dentry *old_d, struct inode *new_dir,
		      struct dentry *new_d, unsigned flags);
	/* May the caller read or search it though its mode and owner forbid it?  NULL: no. */
	bool (*permits)(struct inode *inode);
	/* All */
	/* Target of a symlink into buf, NUL-terminated; length or -errno. */
	long (*readlink)(struct inode *inode, char *buf, size_t size);
	/* Magic links (/proc/self/exe, fd/N): jumps straight to a path; NULL else. */
	int (*follow)(struct inode *inode, struct path *out); /* out is counted */
	/* Brings the inode's fields up to date when stale; then fills st.  NULL = generic. */
	int (*getattr)(struct inode *inode, struct kstat *st, bool force_sync);
	int (*setattr)(struct inode *inode, const struct iattr *a);
	/* Regular files and directories: sets f->ops, f->private_data.  With O_TRUNC in f->flags
	 * the VFS truncates afterwards, unless open clears that flag because it did. */
	int (*open)(struct inode *inode, struct file *f);
	long (*getxattr)(struct inode *inode, const char *name, void *buf, size_t size);
	int (*setxattr)(struct inode *inode, const char *name, const void *v, size_t n, int flags);
	long (*listxattr)(struct inode *inode, char *buf, size_t size);
	int (*removexattr)(struct inode *inode, const char *name);
};
struct inode {
	const struct inode_ops *ops;
	struct superblock *sb;
	struct refcount refs;
	uint32_t mode; /* type and permissions */
	uint64_t ino;
	uint32_t nlink, uid, gid, blksize;
	uint64_t rdev, blocks;
	struct timespec64 atime, mtime, ctime, btime;
	MUTEX(inode) lock;
	struct page_cache pages;       /* regular files; size lives in pages.size */
	struct file_lock_state *locks; /* POSIX, OFD and flock locks; NULL = none ever */
	SPINLOCK(file_locks) locks_lock;
	void *fifo;		   /* struct pipe of a FIFO while it is open */
	_Atomic int32_t writers;   /* open for writing: ETXTBSY against exec; -n = executing */
	void *socket;		   /* bound AF_UNIX socket */
	void *watches;		   /* inotify: fs/event/notify.h; freed with the inode */
	struct dentry *dir_dentry; /* a directory's only dentry; dcache lock */
	bool linkable;		   /* O_TMPFILE: link() may give it its first name */
	void *priv;
};
struct superblock_ops {
	void (*evict)(struct inode *inode); /* last reference: free it (and send FORGET) */
	int (*statfs)(struct superblock *sb, struct kstatfs *st);
	int (*sync)(struct superblock *sb);
};
struct superblock {
	const struct superblock_ops *ops;
	const struct dentry_ops *dops;
	struct dentry *root;
	uint64_t dev;	  /* st_dev */
	const char *type; /* "fuse", "tmpfs", ... */
	uint64_t magic;
	bool read_only;
	bool creates_exclusively;   /* making a name that exists fails there and then with EEXIST */
	bool noexec, nodev, nosuid; /* [I] since it is mounted */
	MUTEX(fs_rename) rename_lock;
	void *priv;
};
void inode_init(struct inode *inode, struct superblock *sb, const struct inode_ops *ops,
		uint32_t mode, uint64_t ino); /* refs = 1 */
void inode_get(struct inode *inode);
void inode_put(struct inode *inode); /* last: ops->evict; may sleep */
/* False when the last reference is just going (for the file system's own inode hash). */
bool inode_try_get(struct inode *inode);
/* The file system's part of unmaking an inode: frees lock state; before it frees the struct. */
void inode_destroy(struct inode *inode);
/* What a new inode of the caller's gets: fs ids, setgid directories' group. */
void inode_init_owner(struct inode *inode, const struct inode *dir);
struct timespec64 timespec_now(void); /* CLOCK_REALTIME */
void inode_stat_generic(struct inode *inode, struct kstat *st);
/* Applies a to the inode's fields (not the size), sets ctime; lock held. */
void inode_setattr_generic(struct inode *inode, const struct iattr *a);
struct superblock *superblock_alloc(const struct superblock_ops *ops, const char *type,
				    uint64_t magic); /* zeroed else, own dev; NULL no memory */
uint64_t vfs_new_dev(void);			     /* a fresh st_dev for a superblock */
