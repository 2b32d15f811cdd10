/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Open file descriptions: counted; position and status flags are shared by all descriptors that
 * came from one open (dup, fork).  ops are the file's type.
 */
#include <fs/path.h>
#include <lib/list.h>
#include <linux/fcntl.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

struct async_watch;
struct dir_context;
struct file;
struct inode;
struct inode_ops;
struct mm;
struct page_cache;
struct pid;
struct poll_table;
struct uio;

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

/* Who gets the signals of O_ASYNC: signal/sigio.h. */
struct file_owner {
	struct pid *pid;    /* counted; NULL = nobody */
	int type;	    /* F_OWNER_* */
	uint32_t uid, euid; /* of the one who set it */
};

struct file {
	_Atomic int32_t refs;
	_Atomic uint32_t flags; /* O_* status and access mode */
	const struct file_ops *ops;
	struct path path;    /* dentry NULL for pipes, sockets and other anonymous files */
	struct inode *inode; /* counted; never NULL (anonymous files share a dummy kind) */
	union {
		uint64_t pos;	       /* streams have none */
		uint64_t fifo_writers; /* FIFO: writers seen before it was opened without one */
	};
	MUTEX(file_pos) pos_lock; /* read/write/lseek that use pos */
	void *private_data;
	struct file_owner owner;   /* F_SETOWN */
	_Atomic int32_t owner_sig; /* F_SETSIG; 0 = a plain SIGIO */
	struct list epoll_items;   /* epolls that watch it (fs/event/epoll.c) */
	SPINLOCK(file_epoll) epoll_lock;
	struct async_watch *async; /* O_ASYNC: fs/event/async.h */
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
/* An inode on the superblock of nameless files (ops NULL: plain); NULL = no memory. */
struct inode *anon_inode_new(const struct inode_ops *ops, uint32_t mode);
/* Like file_alloc_anon with an inode of the caller's, whose reference it takes over. */
MUST_USE int file_alloc_inode(const struct file_ops *ops, void *priv, int flags,
			      struct inode *inode, const char *anon_name, struct file **out);
/* Must a transfer with these IO_* flags not wait? */
static inline bool file_nonblock(const struct file *f, unsigned flags)
{
	return flags & IO_NOWAIT ||
	       atomic_load_explicit(&f->flags, memory_order_relaxed) & O_NONBLOCK;
}
/* Open files of the VM, and how many there may be for who has no CAP_SYS_ADMIN (-ENFILE). */
uint64_t file_count(void);
uint64_t file_max(void);
void file_get(struct file *f);
bool file_try_get(struct file *f); /* false: the last reference is gone */
void file_put(struct file *f);	   /* the last one: flush is not called, release is; may sleep */

/* The read/write entry points: access mode, locks, position, RLIMIT_FSIZE, notifications.
 * pos NULL = the file's own position. */
long file_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);
long file_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);
/* RLIMIT_FSIZE does not shorten a write of n bytes there. */
bool file_write_fits(uint64_t pos, size_t n);
/* Kernel-memory convenience (exec, loader): reads exactly at off; bytes or -errno. */
long file_read_kernel(struct file *f, void *buf, size_t n, uint64_t off);
long file_write_kernel(struct file *f, const void *buf, size_t n, uint64_t off);
/* Page cache object for exec's mappings, -ENODEV when it has none. */
MUST_USE int file_object(struct file *f, struct page_cache **object);
/* mmap(2) of f, pgoff in pages: the address or -errno. */
long file_mmap(struct mm *mm, struct file *f, uint64_t addr, uint64_t len, int prot, int flags,
	       uint64_t pgoff);
/* fsync(2), fallocate(2) with off and len in range. */
MUST_USE int file_fsync(struct file *f, bool data_only);
MUST_USE int file_fallocate(struct file *f, int mode, uint64_t off, uint64_t len);
long file_lseek(struct file *f, int64_t off, int whence);
/* Absent when f has no name: a path that stat and open understand (magic links). */
MUST_USE int file_path(struct file *f, struct path *out);
/* ETXTBSY bookkeeping: a file being executed refuses writers and the other way round; undone by
 * the last file_put() of f. */
MUST_USE int file_deny_write(struct file *f);
