/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: inodes by node id, their attributes, their end.
 *
 * An inode is in the hash until evict(); a search may meet one whose last reference is gone and
 * leaves it (inode_try_get).  Two replies that name a new node race for its inode: the second to
 * enter the hash finds the first one's, and throws its own away.
 */
#include "fuse_internal.h"

#include <fs/inode.h>
#include <fs/mount.h>
#include <lib/hash.h>

#define OVERFLOW_ID 65534

static struct kmem_cache *inode_cache;

int fuse_inodes_init(void)
{
	if (!inode_cache) {
		inode_cache = kmem_cache_create("fuse_inode", sizeof(struct fuse_inode), 0);
	}
	return inode_cache ? 0 : -ENOMEM;
}

static struct list *bucket_of(struct fuse_conn *conn, uint64_t nodeid) REQUIRES(fuse_hash_role)
{
	return &conn->hash[hash_u64(nodeid, FUSE_HASH_BITS)];
}

/* --- attributes --- */

uint64_t fuse_version_now(struct fuse_conn *conn)
{
	return atomic_load_explicit(&conn->version, memory_order_acquire);
}

static uint64_t version_next(struct fuse_conn *conn)
{
	return atomic_fetch_add_explicit(&conn->version, 1, memory_order_acq_rel) + 1;
}

/* Linux's 32-bit encoding of device numbers to st_rdev's. */
static uint64_t rdev_decode(uint32_t rdev)
{
	uint32_t major = (rdev >> 8) & 0xfff;
	uint32_t minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);

	return dev_make(major, minor);
}

/* fi->lock held, or nobody else sees it yet; not the size. */
static void store_attr(struct fuse_inode *fi, const struct fuse_attr *a) REQUIRES(fuse_inode_role)
{
	struct inode *i = &fi->inode;

	i->ino = a->ino;
	i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	i->nlink = a->nlink;
	/* -1 is nobody's number: it means "as it is" to calls that take one. */
	i->uid = a->uid == UINT32_MAX ? OVERFLOW_ID : a->uid;
	i->gid = a->gid == UINT32_MAX ? OVERFLOW_ID : a->gid;
	i->rdev = rdev_decode(a->rdev);
	i->blocks = a->blocks;
	i->blksize = a->blksize ? a->blksize : PAGE_SIZE;
	i->atime = (struct timespec64){ (int64_t)a->atime, a->atimensec };
	i->mtime = (struct timespec64){ (int64_t)a->mtime, a->mtimensec };
	i->ctime = (struct timespec64){ (int64_t)a->ctime, a->ctimensec };
}

static bool same_time(const struct timespec64 *t, uint64_t sec, uint32_t nsec)
{
	return t->sec == (int64_t)sec && t->nsec == (int64_t)nsec;
}

void fuse_attr_apply(struct fuse_inode *fi, const struct fuse_attr *a, uint64_t valid_until,
		     uint64_t version)
{
	struct inode *i = &fi->inode;
	bool changed = false;

	spin_lock(&fi->lock);
	if (version < fi->version) {
		fi->attr_valid_until = 0; /* older than what we know: ask again */
		spin_unlock(&fi->lock);
		return;
	}
	if (S_ISREG(i->mode)) {
		changed = atomic_load_explicit(&i->pages.size, memory_order_relaxed) != a->size ||
			  (!fi->own_change && !same_time(&i->mtime, a->mtime, a->mtimensec));
	}
	fi->own_change = false;
	store_attr(fi, a);
	atomic_store_explicit(&i->pages.size, a->size, memory_order_release);
	fi->attr_valid_until = valid_until;
	spin_unlock(&fi->lock);
	if (changed) {
		pagecache_invalidate(&i->pages, 0, UINT64_MAX);
	}
}

void fuse_attr_changed(struct fuse_inode *fi)
{
	spin_lock(&fi->lock);
	fi->version = version_next(fi->conn);
	fi->attr_valid_until = 0;
	spin_unlock(&fi->lock);
}

void fuse_attr_wrote(struct fuse_inode *fi, uint64_t end)
{
	_Atomic uint64_t *size = &fi->inode.pages.size;

	spin_lock(&fi->lock);
	fi->version = version_next(fi->conn);
	fi->own_change = true;
	fi->attr_valid_until = 0;
	if (end > atomic_load_explicit(size, memory_order_relaxed)) {
		atomic_store_explicit(size, end, memory_order_release);
	}
	spin_unlock(&fi->lock);
}

void fuse_attr_expire(struct inode *inode)
{
	struct fuse_inode *fi = fuse_inode_of(inode);

	spin_lock(&fi->lock);
	fi->attr_valid_until = 0;
	spin_unlock(&fi->lock);
}

struct fuse_req *fuse_getattr_prepare(struct fuse_inode *fi)
{
	return fuse_req_alloc(fi->conn, FUSE_GETATTR, fi->nodeid, sizeof(struct fuse_getattr_in),
			      sizeof(struct fuse_attr_out), FUSE_DATA_NONE, 0);
}

int fuse_getattr_finish(struct fuse_inode *fi, long result, struct fuse_req *req, uint64_t version)
{
	struct fuse_attr_out a;
	int err;

	if (result < 0) {
		return (int)result;
	}
	err = fuse_parse_attr(req->reply, (size_t)result, &a);
	if (!err && (a.attr.mode ^ fi->inode.mode) & S_IFMT) {
		err = -ESTALE; /* a node does not change its type */
	}
	if (!err) {
		fuse_attr_apply(fi, &a.attr,
				fuse_valid_until(clock_mono_ns(), a.attr_valid, a.attr_valid_nsec),
				version);
	}
	return err;
}

int fuse_attr_refresh(struct fuse_inode *fi, bool force)
{
	uint64_t now = clock_mono_ns(), version;
	struct fuse_req *req;
	int err;

	if (!force && now < READ_ONCE(fi->attr_valid_until)) {
		return 0;
	}
	req = fuse_getattr_prepare(fi);
	if (!req) {
		return -ENOMEM;
	}
	version = fuse_version_now(fi->conn);
	err = fuse_getattr_finish(fi, fuse_req_send(req), req, version);
	fuse_req_put(req);
	return err;
}

/* --- inodes --- */

static const struct inode_ops *ops_for(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return &fuse_dir_inode_ops;
	case S_IFLNK: return &fuse_link_inode_ops;
	default: return &fuse_file_inode_ops;
	}
}

static struct fuse_inode *inode_new(struct fuse_conn *conn, uint64_t nodeid, uint32_t mode,
				    uint64_t ino)
{
	struct fuse_inode *fi = kmem_cache_zalloc(inode_cache);

	if (!fi) {
		return NULL;
	}
	fi->forget = kmalloc(sizeof(*fi->forget));
	if (!fi->forget) {
		kmem_cache_free(inode_cache, fi);
		return NULL;
	}
	inode_init(&fi->inode, &conn->sb, ops_for(mode), mode, ino);
	fi->inode.pages.ops = &fuse_pagecache_ops;
	fi->conn = conn;
	fi->nodeid = nodeid;
	spin_init(&fi->lock, RANK_FS_LEAF, "fuse inode");
	list_init(&fi->hash_link);
	list_init(&fi->files);
	return fi;
}

/* An inode as the reply says, that nobody else sees yet. */
static struct fuse_inode *inode_new_entry(struct fuse_conn *conn, const struct fuse_entry_out *e,
					  uint64_t valid_until)
{
	struct fuse_inode *fi = inode_new(conn, e->nodeid, e->attr.mode, e->attr.ino);

	if (fi) {
		spin_assert_unshared(&fi->lock);
		fi->generation = e->generation;
		store_attr(fi, &e->attr);
		atomic_store_explicit(&fi->inode.pages.size, e->attr.size, memory_order_relaxed);
		fi->attr_valid_until = valid_until;
	}
	return fi;
}

static void inode_free(struct fuse_inode *fi)
{
	kfree(fi->forget);
	kfree(atomic_load_explicit(&fi->link_target, memory_order_relaxed));
	kmem_cache_free(inode_cache, fi);
}

/* The node's inode, counted, with one lookup more. */
static struct fuse_inode *find_locked(struct fuse_conn *conn, const struct fuse_entry_out *e)
	REQUIRES(fuse_hash_role)
{
	struct fuse_inode *fi;

	spin_assert_held(&conn->hash_lock);
	list_for_each_entry(fi, bucket_of(conn, e->nodeid), hash_link) {
		/* One of another type or generation is a leftover of a node id that was used again. */
		if (fi->nodeid == e->nodeid && fi->generation == e->generation &&
		    ((fi->inode.mode ^ e->attr.mode) & S_IFMT) == 0 && inode_try_get(&fi->inode)) {
			fi->nlookup++;
			return fi;
		}
	}
	return NULL;
}

int fuse_inode_from_entry(struct fuse_conn *conn, const struct fuse_entry_out *e, uint64_t version,
			  struct inode **out)
{
	struct fuse_inode *fi, *fresh = NULL;
	uint64_t valid = fuse_valid_until(clock_mono_ns(), e->attr_valid, e->attr_valid_nsec);

	ASSERT(e->nodeid);
	spin_lock(&conn->hash_lock);
	fi = find_locked(conn, e);
	spin_unlock(&conn->hash_lock);
	if (!fi) {
		fresh = inode_new_entry(conn, e, valid);
		if (!fresh) {
			fuse_forget_queue(conn, NULL, e->nodeid, 1);
			return -ENOMEM;
		}
		spin_lock(&conn->hash_lock);
		fi = find_locked(conn, e);
		if (!fi) {
			fresh->nlookup = 1;
			list_push_front(bucket_of(conn, e->nodeid), &fresh->hash_link);
		}
		spin_unlock(&conn->hash_lock);
		if (!fi) {
			fuse_node_added(conn);
			*out = &fresh->inode;
			return 0;
		}
		inode_free(fresh);
	}
	fuse_attr_apply(fi, &e->attr, valid, version);
	*out = &fi->inode;
	return 0;
}

int fuse_root_create(struct fuse_conn *conn, struct inode **out)
{
	struct fuse_inode *fi = inode_new(conn, FUSE_ROOT_ID, S_IFDIR | 0755, FUSE_ROOT_ID);
	int err;

	if (!fi) {
		return -ENOMEM;
	}
	spin_lock(&conn->hash_lock);
	list_push_front(bucket_of(conn, FUSE_ROOT_ID), &fi->hash_link);
	spin_unlock(&conn->hash_lock);
	err = fuse_attr_refresh(fi, true);
	if (err) {
		inode_put(&fi->inode);
		return err;
	}
	*out = &fi->inode;
	return 0;
}

static void evict(struct inode *inode)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	struct fuse_conn *conn = fi->conn;
	uint64_t nlookup;

	ASSERT(list_empty(&fi->files));
	spin_lock(&conn->hash_lock);
	list_remove(&fi->hash_link);
	nlookup = fi->nlookup;
	spin_unlock(&conn->hash_lock);
	pagecache_destroy(&inode->pages);
	inode_destroy(inode);
	if (nlookup) {
		atomic_fetch_sub_explicit(&conn->nodes, 1, memory_order_relaxed);
		fuse_forget_queue(conn, fi->forget, fi->nodeid, nlookup);
		fi->forget = NULL;
	}
	inode_free(fi);
}

/* --- superblock --- */

static int statfs(struct superblock *sb, struct kstatfs *st)
{
	struct fuse_conn *conn = sb->priv;
	struct fuse_statfs_out reply, s;
	long n = fuse_call(conn, FUSE_STATFS, FUSE_ROOT_ID, NULL, 0, &reply, sizeof(reply));
	int err = n < 0 ? (int)n : fuse_parse_statfs(&reply, (size_t)n, &s);

	if (err) {
		return err;
	}
	*st = (struct kstatfs){ .type = sb->magic,
				.bsize = s.bsize,
				.blocks = s.blocks,
				.bfree = s.bfree,
				.bavail = s.bavail,
				.files = s.files,
				.ffree = s.ffree,
				.namelen = s.namelen,
				.frsize = s.frsize ? s.frsize : s.bsize };
	return 0;
}

static int sync_fs(struct superblock *sb)
{
	struct fuse_conn *conn = sb->priv;
	struct fuse_syncfs_in in = { 0 };
	long n;

	pagecache_sync_all();
	if (fuse_unsupported(conn, FUSE_SYNCFS)) {
		return 0;
	}
	n = fuse_call(conn, FUSE_SYNCFS, FUSE_ROOT_ID, &in, sizeof(in), NULL, 0);
	return n < 0 && n != -ENOSYS ? (int)n : 0;
}

const struct superblock_ops fuse_super_ops = { .evict = evict, .statfs = statfs, .sync = sync_fs };
