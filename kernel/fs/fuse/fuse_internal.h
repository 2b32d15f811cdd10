/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Between the files of the FUSE client; nobody else includes it.
 *
 * Requests.  struct fuse_req is one allocation: header, arguments and reply lie behind the
 * struct, so that the device only ever sees memory that lives until it is done.  Two
 * references: the caller's and the device's.  A caller that is killed while it waits leaves
 * the request to the device ("orphan"); what a late reply brings (a lookup count, a file
 * handle) is handed back by the worker thread.
 *
 * Inodes.  One struct fuse_inode per node that the daemon told us of; found by node id.
 * nlookup counts how often the daemon named it and goes back with FORGET when the inode goes.
 *
 * Attributes.  `version` of an inode moves on with each change that we make ourselves.  A
 * reply counts only when its request was sent at the inode's present version, so that an old
 * size never replaces a newer one.  A change of size or mtime that isn't ours throws the cached
 * pages away; `own_change` says that the next change of mtime is ours.
 *
 * Locks: conn->hash_lock: node id table, nlookup.  fi->lock: attributes, list of files.
 * conn->done_lock (irq): finished requests, forgets.  All RANK_FS_LEAF, none inside another.
 */
#include "../fs_internal.h"

#include <arch/clock.h>
#include <fs/fuse/fuse.h>
#include <fs/fuse/fuse_codec.h>
#include <fs/fuse/fuse_transport.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/sched.h>

#define FUSE_HASH_BITS 10
#define FUSE_READ_PAGES 256

struct fuse_forget {
	struct list link;
	uint64_t nodeid, nlookup;
};

struct fuse_conn {
	struct superblock sb;
	struct fuse_transport *transport;	     /* [I] */
	bool real_ids;				     /* [I] */
	uint32_t minor, max_write, max_pages, flags; /* [I] after INIT */
	_Atomic bool broken;			     /* [a] the device failed: -EIO from now on */
	_Atomic uint64_t next_unique;		     /* [a] */
	_Atomic uint64_t unsupported; /* [a] bit per opcode that was answered ENOSYS */
	_Atomic uint64_t version;     /* [a] source of fuse_inode.version */
	_Atomic uint64_t name_valid;  /* [a] ns that the daemon's latest entry is good for */
	_Atomic uint32_t latency[2];  /* [a] ns, moving average: small, data requests */
	_Atomic uint32_t probe;	      /* [a] counts requests that did not poll */

	_Atomic uint64_t nodes;	     /* [a] inodes that exist, each a descriptor of the daemon's */
	_Atomic uint64_t node_limit; /* [a] what it can take, once we know */

	SPINLOCK(fuse_hash) hash_lock;
	struct list *hash GUARDED_BY(fuse_hash_role);

	SPINLOCK(fuse_done) done_lock;
	struct list finished GUARDED_BY(fuse_done_role); /* requests for the worker */
	struct list forgets GUARDED_BY(fuse_done_role);	 /* struct fuse_forget */
	unsigned nforgets GUARDED_BY(fuse_done_role);
	uint64_t forget_deadline GUARDED_BY(fuse_done_role); /* when to send them */
	struct waitq worker_q;
};

struct fuse_inode {
	struct inode inode; /* first */
	struct fuse_conn *conn;
	uint64_t nodeid, generation; /* [I] */
	struct list hash_link GUARDED_BY(fuse_hash_role);
	uint64_t nlookup GUARDED_BY(fuse_hash_role);
	SPINLOCK(fuse_inode) lock;
	uint64_t attr_valid_until GUARDED_BY(fuse_inode_role);
	uint64_t version GUARDED_BY(fuse_inode_role);
	bool own_change GUARDED_BY(fuse_inode_role);
	struct list files GUARDED_BY(fuse_inode_role); /* struct fuse_file */
	char *_Atomic link_target;		       /* [a] set once */
	struct fuse_forget *forget;		       /* sent when the inode goes */
};
static inline struct fuse_inode *fuse_inode_of(struct inode *inode)
{
	return container_of(inode, struct fuse_inode, inode);
}

struct fuse_file {
	struct list link GUARDED_BY(fuse_inode_role); /* fi->files */
	_Atomic int32_t refs;
	struct fuse_conn *conn;
	uint64_t nodeid, fh;
	uint32_t open_flags; /* FOPEN_* */
	uint32_t flags;	     /* O_* as the daemon opened it */
	bool dir;
	_Atomic bool wrote; /* since the last flush */
	/* directories, under file->pos_lock: a READDIRPLUS reply not yet handed out */
	struct page *buf;
	size_t buf_len, buf_pos;
	uint64_t buf_next; /* directory offset of what stands at buf_pos */
	bool buf_eof;
};

enum fuse_data { FUSE_DATA_NONE, FUSE_DATA_IN, FUSE_DATA_OUT };
struct fuse_req {
	struct fuse_request_io io;
	struct fuse_conn *conn;
	struct list link; /* conn->finished */
	_Atomic int32_t refs;
	_Atomic bool done; /* err and written are set */
	bool orphaned;	   /* done_lock; stays as it is once done */
	bool must_wait;	   /* not even a kill ends the wait (write-back at exit) */
	int err;
	uint32_t written;
	enum fuse_opcode opcode;
	enum fuse_data data;
	uint64_t nodeid, unique;
	uint64_t started; /* ns */
	struct waitq wq;
	/* Worker context, instead of waking a waiter; NULL for a plain request. */
	void (*end)(struct fuse_req *req);
	void *end_arg;
	uint32_t reply_room; /* payload bytes after the out header, without pages */
	uint32_t data_room;  /* bytes of out pages */
	unsigned nparts, max_parts;
	struct fuse_part *parts;
	unsigned npages;
	struct page **pages; /* references held until the request is gone */
	void *args;	     /* in_size bytes */
	struct fuse_out_header *out;
	void *reply; /* reply_room bytes */
};

/* --- fuse_request.c --- */
/* in_size bytes of arguments (zeroed) and out_size bytes of reply; max_pages parts of data
 * that the device reads (IN) or writes (OUT).  NULL = no memory. */
struct fuse_req *fuse_req_alloc(struct fuse_conn *conn, enum fuse_opcode opcode, uint64_t nodeid,
				size_t in_size, size_t out_size, enum fuse_data data,
				unsigned max_pages);
/* Adds len bytes of p from offset on as data; takes a reference to p. */
void fuse_req_add_page(struct fuse_req *req, struct page *p, uint32_t offset, uint32_t len);
void fuse_req_put(struct fuse_req *req);
/* Sends and waits: payload bytes (pages included) or -errno; -EINTR when killed. */
MUST_USE long fuse_req_send(struct fuse_req *req);
/* A whole request without pages: in_size bytes of arguments, at most out_size bytes of reply.
 * Results as fuse_req_send's. */
MUST_USE long fuse_call(struct fuse_conn *conn, enum fuse_opcode opcode, uint64_t nodeid,
			const void *in, size_t in_size, void *out, size_t out_size);
/* Both at once, the first one answered first; results as fuse_req_send's. */
void fuse_req_send_pair(struct fuse_req *first, struct fuse_req *second, long *result1,
			long *result2);
/* The two halves; `more`: the next fuse_req_start() of this thread follows at once. */
MUST_USE int fuse_req_start(struct fuse_req *req, bool more);
/* As fuse_req_wait, but polls first. */
MUST_USE long fuse_req_finish(struct fuse_req *req);
/* Sends without waiting; the reply is dropped (end == NULL) or goes to end() in the worker.
 * Consumes the caller's reference. */
void fuse_req_send_async(struct fuse_req *req, void (*end)(struct fuse_req *req));
/* Of a finished request: payload bytes or -errno. */
MUST_USE long fuse_req_result(struct fuse_req *req);
/* For a result that decides over a page: -ENOMEM is the daemon's, and would have processes of ours
 * killed to make room. */
static inline long fuse_not_ours(long result)
{
	return result == -ENOMEM ? -EIO : result;
}
/* The daemon does not know this operation (remembered by fuse_req_send). */
bool fuse_unsupported(struct fuse_conn *conn, enum fuse_opcode opcode);
MUST_USE int fuse_engine_start(struct fuse_conn *conn);
/* Polling around a batch of requests. */

/* --- fuse_forget.c --- */
/* Gives nlookup lookups of a node back; `f` may be NULL (then one is allocated). */
void fuse_forget_queue(struct fuse_conn *conn, struct fuse_forget *f, uint64_t nodeid,
		       uint64_t nlookup);
/* The daemon ran out of descriptors: gives back a quarter of the unused nodes and keeps fewer
 * from now on.  True when `err` says so; trying again makes sense then. */
bool fuse_make_room(struct fuse_conn *conn, long err);
/* Keeps within what fuse_make_room() learned. */
void fuse_node_added(struct fuse_conn *conn);
/* What the late reply to an orphaned request brought. */
void fuse_orphan_cleanup(struct fuse_req *req);
/* Sends the forgets of `list`; consumes them.  Worker context. */
void fuse_forget_send(struct fuse_conn *conn, struct list *list);

/* --- fuse_inode.c --- */
extern const struct superblock_ops fuse_super_ops;
MUST_USE int fuse_inodes_init(void); /* before the first mount; again = harmless */
/* The inode of an entry reply (counts the lookup); *out is counted.  On failure the lookup
 * is given back. */
MUST_USE int fuse_inode_from_entry(struct fuse_conn *conn, const struct fuse_entry_out *e,
				   uint64_t version, struct inode **out);
MUST_USE int fuse_root_create(struct fuse_conn *conn, struct inode **out);
uint64_t fuse_version_now(struct fuse_conn *conn);
/* Attributes from a reply to a request that was sent at `version`. */
void fuse_attr_apply(struct fuse_inode *fi, const struct fuse_attr *a, uint64_t valid_until,
		     uint64_t version);
/* We changed the inode ourselves: older replies no longer count. */
void fuse_attr_changed(struct fuse_inode *fi);
/* As above, after data was written; the file reaches at least to `end`. */
void fuse_attr_wrote(struct fuse_inode *fi, uint64_t end);
/* The attributes must be fetched again before use. */
void fuse_attr_expire(struct inode *inode);
MUST_USE int fuse_attr_refresh(struct fuse_inode *fi, bool force);
struct fuse_req *fuse_getattr_prepare(struct fuse_inode *fi);
MUST_USE int fuse_getattr_finish(struct fuse_inode *fi, long result, struct fuse_req *req,
				 uint64_t version);

/* --- fuse_attr_ops.c: getattr, setattr, readlink, xattrs --- */
int fuse_getattr(struct inode *inode, struct kstat *st, bool force_sync);
int fuse_setattr(struct inode *inode, const struct iattr *a);
long fuse_readlink(struct inode *inode, char *buf, size_t size);
long fuse_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int fuse_setxattr(struct inode *inode, const char *name, const void *v, size_t n, int flags);
long fuse_listxattr(struct inode *inode, char *buf, size_t size);
int fuse_removexattr(struct inode *inode, const char *name);

/* --- fuse_dir.c --- */
extern const struct inode_ops fuse_dir_inode_ops;
extern const struct inode_ops fuse_file_inode_ops;
extern const struct inode_ops fuse_link_inode_ops;
extern const struct dentry_ops fuse_dentry_ops;

/* --- fuse_readdir.c --- */
int fuse_readdir(struct file *f, struct dir_context *ctx);

/* --- fuse_file.c --- */
int fuse_open(struct inode *inode, struct file *f);
/* Ties a handle that CREATE or OPEN returned to f (whose inode is set). */
MUST_USE int fuse_file_attach(struct file *f, struct inode *inode, uint32_t flags,
			      const struct fuse_open_out *o);
/* An open handle of the inode for reading or writing pages; opens one when there is none. */
MUST_USE int fuse_file_find(struct fuse_inode *fi, bool write, struct fuse_file **out);
void fuse_file_put(struct fuse_file *ff); /* last: RELEASE */
void fuse_release_handle(struct fuse_conn *conn, uint64_t nodeid, uint64_t fh, bool dir);

/* --- fuse_data.c --- */
extern const struct pagecache_ops fuse_pagecache_ops;
long fuse_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);
bool fuse_is_direct(struct file *f); /* past the cache */

/* --- fuse_write.c --- */
long fuse_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags);

/* --- fuse_range.c: operations on ranges of open files --- */
int fuse_fsync(struct file *f, bool data_only);
int fuse_fallocate(struct file *f, int mode, uint64_t off, uint64_t len);
long fuse_lseek(struct file *f, int64_t off, int whence);
long fuse_copy_range(struct file *in, uint64_t in_off, struct file *out, uint64_t out_off,
		     uint64_t len);
