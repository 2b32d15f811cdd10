/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Inodes, dentries, mounts.
 *
 * inode: a file, whatever its names.  Counted; a file system embeds it in its own struct.
 * dentry: a name in a directory, cached; inode == NULL is a negative one.  Counted; unused
 * ones stay in an LRU until memory is wanted or the daemon's validity ends.  A dentry keeps
 * its parent and its inode.
 * superblock: one mounted file system.  mount: a superblock's root put on a dentry.  A
 * mount point may be a negative dentry: /proc, /dev, /tmp appear even where the share has
 * no such directory.
 * path: mount + dentry, both counted.
 *
 * Locks: inode->lock (mutex; directories RANK_INODE_DIR for entries, files RANK_INODE for
 * size and contents); dcache lock for tree and hash; two directories: rename only, under
 * sb->rename_lock, ancestor first.
 */
#include <lib/list.h>
#include <linux/stat.h>
#include <mm/pagecache.h>
#include <sync/mutex.h>

struct file;
struct inode;
struct dentry;
struct superblock;
struct dir_context;
struct file_lock_state;
struct cred;
struct path;

struct timespec64 {
	int64_t sec;
	int64_t nsec; /* 0..999999999 */
};

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
};
struct iattr {
	unsigned valid; /* enum attr_valid */
	uint32_t mode, uid, gid;
	uint64_t size;
	struct timespec64 atime, mtime;
	struct file *file; /* with ATTR_FILE: the open file (ftruncate) */
};
struct kstatfs {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags;
	uint64_t fsid;
};

/*
 * Locks that the VFS holds around inode operations: dir->lock for everything that changes or
 * looks up entries; for rmdir, and rename onto a directory, also the victim's lock; inode->lock
 * for setattr, and around file_ops write (regular files only) and fallocate.  Not held: getattr,
 * readlink, open, xattrs, read, readdir (file->pos_lock is), mmap, fsync, copy_range.
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
	_Atomic int32_t refs;
	uint32_t mode; /* type and permissions */
	uint64_t ino;
	uint32_t nlink, uid, gid, blksize;
	uint64_t rdev, blocks;
	struct timespec64 atime, mtime, ctime, btime;
	MUTEX(inode) lock;
	struct page_cache pages;       /* regular files; size lives in pages.size */
	struct file_lock_state *locks; /* POSIX, OFD and flock locks; NULL = none ever */
	SPINLOCK(file_locks) locks_lock;
	void *fifo;		 /* struct pipe of a FIFO while it is open */
	_Atomic int32_t writers; /* open for writing: ETXTBSY against exec; -n = executing */
	void *socket;		 /* bound AF_UNIX socket */
	void *watches;		 /* inotify: fs/notify.h; freed with the inode */
	bool linkable;		 /* O_TMPFILE: link() may give it its first name */
	void *priv;
};
struct dentry_ops {
	/* Still true?  0, or -ESTALE: look up again.  May sleep; dir lock not held.  NULL = always. */
	int (*revalidate)(struct dentry *d);
};
struct dentry {
	struct superblock *sb;
	struct dentry *parent; /* counted; the root is its own */
	struct inode *inode;   /* counted; NULL = negative */
	char *name;	       /* NUL-terminated; short ones live in inline_name */
	uint16_t name_len;
	bool mounted;  /* some mount is on it */
	bool unhashed; /* removed: still open or a cwd, but no lookup finds it */
	uint32_t hash;
	_Atomic int32_t refs;
	struct list hash_link, child_link, children, lru;
	uint64_t valid_until; /* ns, clock_mono_ns(): FUSE entry validity; UINT64_MAX = always */
	uint64_t generation;
	struct mount *mount_here; /* the mount on it, when mounted */
	bool absent_mounts;	  /* some child exists only as a mount point: readdir adds it */
	bool dir_pinned;	  /* kept by its directory (tmpfs and the like: no other copy) */
	void *fs_priv;		  /* the file system's (procfs: nothing else) */
	char inline_name[40];
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
	bool noexec, nodev;
	MUTEX(fs_rename) rename_lock;
	void *priv;
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
struct path {
	struct mount *mount;
	struct dentry *dentry;
};
void path_get(const struct path *p);
void path_put(struct path *p); /* clears it */

/* --- inodes and dentries (file systems use these) --- */
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
/* Gives d (negative) an inode; takes over the caller's reference. */
void dentry_instantiate(struct dentry *d, struct inode *inode);
/* The cached child or NULL (counted). */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len);
/* A new hashed negative child (counted); NULL = no memory. */
struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len);
struct dentry *dentry_alloc_root(struct superblock *sb, struct inode *root);
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
void dentry_drop(struct dentry *d); /* unhash: stale or removed */
struct superblock *superblock_alloc(const struct superblock_ops *ops, const char *type,
				    uint64_t magic); /* zeroed else, own dev; NULL no memory */
/* Drops every unused dentry below d (daemon said that the directory changed). */
void dentry_prune_children(struct dentry *d);
/* Frees up to n of the unused dentries of all file systems, oldest first. */
void dentry_trim(size_t n);
/* Directory entries came with attributes (READDIRPLUS): caches name -> inode (takes over the
 * inode reference). */
void dentry_cache_child(struct dentry *parent, const char *name, size_t len, struct inode *inode,
			uint64_t valid_until);
uint64_t vfs_new_dev(void); /* a fresh st_dev for a superblock */

/* --- path walk and tree operations (system calls use these); current's cred, cwd, root --- */
#define AT_FDCWD (-100)
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
MUST_USE int vfs_open(int dirfd, const char *name, int open_flags, uint32_t mode,
		      struct file **out);
/* An open file for a path already found (exec, /proc fd links). */
MUST_USE int vfs_open_path(const struct path *p, int open_flags, struct file **out);
MUST_USE int vfs_mkdir(int dirfd, const char *name, uint32_t mode);
MUST_USE int vfs_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev);
MUST_USE int vfs_symlink(const char *target, int dirfd, const char *name);
MUST_USE int vfs_link(int olddirfd, const char *old, int newdirfd, const char *name, int flags);
MUST_USE int vfs_unlink(int dirfd, const char *name, bool dir);
MUST_USE int vfs_rename(int olddirfd, const char *old, int newdirfd, const char *name,
			unsigned flags);
MUST_USE int vfs_stat_path(const struct path *p, struct kstat *st, bool force_sync);
MUST_USE int vfs_setattr(const struct path *p, struct iattr *a); /* permission checks inside */
enum may { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };
MUST_USE int vfs_permission(struct inode *inode, int mask); /* MAY_*: 4 r, 2 w, 1 x; fs ids */
/* Absolute path as the current root sees it into buf; points into buf, or ERR: NULL when it does
 * not fit.  Appends " (deleted)" when so. */
char *vfs_path_string(const struct path *p, char *buf, size_t size);
MUST_USE int vfs_mount(struct superblock *sb, const char *where, bool read_only);
void vfs_init(void);
/* The root file system: mounts sb as / and sets up /dev, /proc, /sys, /tmp, /run, /dev/shm,
 * /dev/pts, /dev/mqueue. */
MUST_USE int vfs_mount_root(struct superblock *sb);

/* Absent when f has no name: a path that stat and open understand (magic links). */
MUST_USE int file_path(struct file *f, struct path *out);
/* ETXTBSY bookkeeping: a file being executed refuses writers and the other way round; undone by
 * the last file_put() of f. */
MUST_USE int file_deny_write(struct file *f);
MUST_USE int vfs_umount(const char *where, int flags);
MUST_USE int vfs_statfs(const struct path *p, struct kstatfs *st);
void vfs_sync_all(void); /* every page cache and superblock */
/* A mount(2) of a type that we have ("tmpfs", "proc", "sysfs", "ramfs", "devtmpfs"): -ENODEV else. */
MUST_USE int vfs_mount_type(const char *type, const char *where, const char *options,
			    uint64_t flags);
/* vfs_path_string that also tells whether p lies below the current root (getcwd). */
char *vfs_path_string_root(const struct path *p, char *buf, size_t size, bool *reachable);
MUST_USE int fs_chroot(const struct path *p);
bool cred_in_group(const struct cred *c, uint32_t gid);
/* Owner of the inode, or CAP_FOWNER. */
bool vfs_owner_or_capable(const struct inode *inode);
/* vfs_open with LOOKUP_* restrictions (openat2). */
MUST_USE int vfs_openat2(int dirfd, const char *name, int flags, uint32_t mode, unsigned lookup,
			 struct file **out);
MUST_USE int vfs_stat_inode(struct inode *inode, struct kstat *st, bool force_sync);
