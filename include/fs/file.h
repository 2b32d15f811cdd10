/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Open file descriptions and descriptor tables.
 *
 * struct file: counted; position and status flags shared by all descriptors that came from
 * one open (dup, fork).  ops are the file's type.
 * struct fdtable: descriptors of a process, counted, shared by CLONE_FILES.  Lookups take
 * a reference to the file; with one user of the table the reference is elided (fdget).
 */
#include <fs/vfs.h>
#include <mm/uio.h>

struct mm;
struct poll_table;

struct file_ops {
	/* Bytes, 0 = end, -errno only when nothing moved.  *pos is the position to use and to
	 * advance (pread: a copy); streams ignore it.  Blocks unless O_NONBLOCK or `flags` has
	 * IO_NOWAIT.  Writes to regular files come with inode->lock held; with IO_APPEND *pos is
	 * the cached size, which the file system may correct before it writes. */
	long (*read)(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);
	long (*write)(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);
	/* Ready events now; registers with pt (may be NULL) to be woken.  Missing = always ready. */
	uint32_t (*poll)(struct file *f, struct poll_table *pt);
	long (*ioctl)(struct file *f, unsigned cmd, uint64_t arg); /* -ENOTTY when unknown */
	/* Calls ctx->emit per entry from *pos on until it says stop. */
	int (*readdir)(struct file *f, struct dir_context *ctx);
	long (*lseek)(struct file *f, int64_t off, int whence); /* missing = generic by size */
	/* The object to map; also refuses with -ENODEV/-EACCES.  *object is borrowed from f. */
	int (*mmap)(struct file *f, int prot, int flags, struct page_cache **object);
	int (*fsync)(struct file *f, bool data_only);
	int (*flush)(struct file *f);	 /* every close(2) of a descriptor: its error is close's */
	void (*release)(struct file *f); /* last reference went; may sleep */
	int (*fallocate)(struct file *f, int mode, uint64_t off, uint64_t len);
	long (*copy_range)(struct file *in, uint64_t in_off, struct file *out, uint64_t out_off,
			   uint64_t len); /* same superblock only */
	void (*show_fdinfo)(struct file *f, char *buf, size_t size);
};
enum io_flags { IO_NOWAIT = 1, IO_APPEND = 2, IO_DSYNC = 4 };

struct file {
	_Atomic int32_t refs;
	_Atomic uint32_t flags; /* O_* status and access mode */
	const struct file_ops *ops;
	struct path path;    /* dentry NULL for pipes, sockets and other anonymous files */
	struct inode *inode; /* counted; never NULL (anonymous files share a dummy kind) */
	uint64_t pos;
	MUTEX(file_pos) pos_lock; /* read/write/lseek that use pos */
	void *private_data;
	_Atomic int32_t owner_pid; /* F_SETOWN; negative = group */
	_Atomic int32_t owner_sig; /* F_SETSIG */
	struct list epoll_items;   /* epolls that watch it (fs/epoll.c) */
	SPINLOCK(file_epoll) epoll_lock;
	struct async_watch *async; /* O_ASYNC: fs/async.h */
	int async_fd;		   /* what siginfo calls it */
	bool readable, writable;   /* from the access mode */
	bool no_seek;
	bool exec_denied_write; /* holds inode->writers: file_deny_write() */
	bool counted_writer;	/* open for writing, counted in inode->writers */
	const char *anon_name;	/* "pipe:", "anon_inode:[eventfd]" for /proc/self/fd */
};
/* A file of the given kind without a path (pipe, eventfd, socket ...), refs = 1. */
MUST_USE int file_alloc_anon(const struct file_ops *ops, void *priv, int flags, uint32_t mode,
			     const char *anon_name, struct file **out);
void file_get(struct file *f);
bool file_try_get(struct file *f); /* false: the last reference is gone */
void file_put(struct file *f);	   /* the last one: flush is not called, release is; may sleep */

/* The read/write entry points: access mode, locks, position, RLIMIT_FSIZE, notifications.
 * pos NULL = the file's own position. */
long file_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);
long file_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);
/* Kernel-memory convenience (exec, loader): reads exactly at off; bytes or -errno. */
long file_read_kernel(struct file *f, void *buf, size_t n, uint64_t off);
long file_write_kernel(struct file *f, const void *buf, size_t n, uint64_t off);
/* Page cache object for exec's mappings, -ENODEV when it has none. */
MUST_USE int file_object(struct file *f, struct page_cache **object);
/* mmap(2) of f, pgoff in pages: the address or -errno. */
long file_mmap(struct mm *mm, struct file *f, uint64_t addr, uint64_t len, int prot, int flags,
	       uint64_t pgoff);

struct dir_context {
	/* False = stop (buffer full).  type is DT_*; next_pos identifies the following entry. */
	bool (*emit)(struct dir_context *ctx, const char *name, size_t len, uint64_t ino,
		     unsigned type, uint64_t next_pos);
	uint64_t pos;
};

/* --- descriptor tables --- */
struct fdtable;
struct fdtable *fdtable_create(void);				       /* refs 1; NULL no memory */
MUST_USE int fdtable_copy(struct fdtable *from, struct fdtable **out); /* fork */
void fdtable_get_ref(struct fdtable *t);
void fdtable_put(struct fdtable *t); /* last: closes all; may sleep */
bool fdtable_shared(const struct fdtable *t);
void fdtable_close_on_exec(struct fdtable *t);
/* On current's table.  Lowest free descriptor >= min; limit is RLIMIT_NOFILE: -EMFILE.
 * fd_install takes over the file reference. */
MUST_USE int fd_reserve(int min, bool cloexec);
void fd_install(int fd, struct file *f);
void fd_unreserve(int fd);
/* reserve + install; on failure the reference stays with the caller. */
MUST_USE int fd_add(struct file *f, bool cloexec);
/* Counted; -EBADF.  fd_get refuses O_PATH files, fd_get_any does not. */
MUST_USE int fd_get(int fd, struct file **out);
MUST_USE int fd_get_any(int fd, struct file **out);
MUST_USE int fd_close(int fd);
/* dup2/dup3: atomically replaces newfd. */
MUST_USE int fd_replace(int newfd, struct file *f, bool cloexec);
/* Iterates (proc): next used descriptor >= from with a counted file; -1 = none. */
int fdtable_next(struct fdtable *t, int from, struct file **out);
/* A borrowed or counted file: no atomic when the table has one user. */
struct fdref {
	struct file *file;
	bool counted;
};
MUST_USE int fdref_get(int fd, struct fdref *r); /* refuses O_PATH */
MUST_USE int fdref_get_any(int fd, struct fdref *r);
static inline void fdref_put(struct fdref *r)
{
	if (r->counted) {
		file_put(r->file);
	}
}
MUST_USE int fd_close_range(unsigned first, unsigned last, bool cloexec_only);
int fd_get_cloexec(int fd); /* 0, 1 or -EBADF */
MUST_USE int fd_set_cloexec(int fd, bool on);
/* The cloexec flag in any table (fdinfo). */
bool fdtable_cloexec(struct fdtable *t, int fd);
/* A private copy replaces current's shared table (unshare, exec). */
MUST_USE int fdtable_unshare_current(void);
/* Thread group id of current; set by proc: F_GETLK, /proc/locks. */
extern int (*fs_current_pid)(void);
/* Limit on descriptors of the current process; set by proc (soft RLIMIT_NOFILE). */
extern uint64_t (*fs_rlimit)(int resource); /* RLIMIT_* -> soft limit of current */
extern void (*fs_send_sigxfsz)(void);
extern void (*fs_send_sigpipe)(void);
extern void (*fs_send_sigio)(struct file *f, int band); /* F_SETOWN/O_ASYNC */

/* --- per-process file-system context (CLONE_FS) --- */
struct fs_context {
	_Atomic int32_t refs;
	SPINLOCK(fs_context) lock;
	struct path root, cwd;
	uint32_t umask;
};
struct fs_context *fs_context_create(void); /* root and cwd = "/" of the root mount */
struct fs_context *fs_context_copy(struct fs_context *from);
void fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);
MUST_USE int fs_chdir(const struct path *p);

/* --- credentials (immutable once published; a change makes a new one) --- */
#define CRED_MAX_GROUPS 64
struct cred {
	_Atomic int32_t refs;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	unsigned ngroups;
	uint32_t groups[CRED_MAX_GROUPS];
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_bounding, cap_ambient;
	uint32_t securebits;
	bool no_new_privs;
};
struct cred *cred_alloc(void); /* zeroed, refs 1 */
struct cred *cred_copy(const struct cred *c);
void cred_get(struct cred *c);
void cred_put(struct cred *c);
/* CAP_* effective in current's credentials. */
bool cred_capable(int cap);
long file_lseek(struct file *f, int64_t off, int whence);
/* An inode on the superblock of nameless files (ops NULL: plain); NULL = no memory. */
struct inode *anon_inode_new(const struct inode_ops *ops, uint32_t mode);
/* Like file_alloc_anon with an inode of the caller's, whose reference it takes over. */
MUST_USE int file_alloc_inode(const struct file_ops *ops, void *priv, int flags,
			      struct inode *inode, const char *anon_name, struct file **out);
