/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: open files, from OPEN to RELEASE.  A struct fuse_file is one handle of the
 * daemon's; it is counted by the open file that it belongs to and by page transfers under way, and
 * the last one sends RELEASE.  While it is on its inode's list the open file has its reference,
 * so fuse_file_find() may take another under fi->lock.
 */
#include "fuse_internal.h"

#include <fs/file.h>
#include <fs/inode.h>
#include <linux/mman.h>

static const struct file_ops file_ops, dir_ops;

static struct fuse_file *fuse_file_alloc(struct fuse_conn *conn, uint64_t nodeid)
{
	struct fuse_file *ff = kzalloc(sizeof(*ff));

	if (ff) {
		list_init(&ff->link);
		atomic_init(&ff->refs, 1);
		ff->conn = conn;
		ff->nodeid = nodeid;
	}
	return ff;
}

/* RELEASE is sent and forgotten: nothing can be done about its failure. */
static void send_release(struct fuse_conn *conn, uint64_t nodeid, uint64_t fh, uint32_t flags,
			 bool dir)
{
	struct fuse_release_in *in;
	struct fuse_req *req = fuse_req_alloc(conn, dir ? FUSE_RELEASEDIR : FUSE_RELEASE, nodeid,
					      sizeof(*in), 0, FUSE_DATA_NONE, 0);

	if (!req) {
		log_warn("fuse: no memory to release a file handle");
		return;
	}
	in = req->args;
	in->fh = fh;
	in->flags = flags;
	fuse_req_send_async(req, NULL);
}

void fuse_release_handle(struct fuse_conn *conn, uint64_t nodeid, uint64_t fh, bool dir)
{
	send_release(conn, nodeid, fh, 0, dir);
}

void fuse_file_put(struct fuse_file *ff)
{
	if (!ff || atomic_fetch_sub_explicit(&ff->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	send_release(ff->conn, ff->nodeid, ff->fh, ff->flags, ff->dir);
	page_put(ff->buf);
	kfree(ff);
}

static struct fuse_req *open_req(struct fuse_conn *conn, uint64_t nodeid, uint32_t flags, bool dir)
{
	struct fuse_req *req = fuse_req_alloc(conn, dir ? FUSE_OPENDIR : FUSE_OPEN, nodeid,
					      sizeof(struct fuse_open_in),
					      sizeof(struct fuse_open_out), FUSE_DATA_NONE, 0);

	if (req) {
		((struct fuse_open_in *)req->args)->flags = flags;
	}
	return req;
}

static bool usable(const struct fuse_file *ff, bool write)
{
	uint32_t acc = ff->flags & O_ACCMODE;

	if (write) {
		/* The daemon's file appends whatever offset we give. */
		return acc != O_RDONLY && !(ff->flags & O_APPEND);
	}
	return acc != O_WRONLY;
}

int fuse_file_find(struct fuse_inode *fi, bool write, struct fuse_file **out)
{
	struct fuse_file *ff;
	struct fuse_open_out o;
	struct fuse_req *req;
	long n;
	int err;

	spin_lock(&fi->lock);
	list_for_each_entry(ff, &fi->files, link) {
		if (usable(ff, write)) {
			atomic_fetch_add_explicit(&ff->refs, 1, memory_order_relaxed);
			spin_unlock(&fi->lock);
			*out = ff;
			return 0;
		}
	}
	spin_unlock(&fi->lock);
	ff = fuse_file_alloc(fi->conn, fi->nodeid);
	req = open_req(fi->conn, fi->nodeid, write ? O_WRONLY : O_RDONLY, false);
	if (!ff || !req) {
		err = -ENOMEM;
	} else {
		req->must_wait = write;
		n = fuse_not_ours(fuse_req_send(req));
		err = n < 0 ? (int)n : fuse_parse_open(req->reply, (size_t)n, &o);
	}
	fuse_req_put(req);
	if (err) {
		kfree(ff);
		return err;
	}
	ff->flags = write ? O_WRONLY : O_RDONLY;
	ff->fh = o.fh;
	ff->open_flags = o.open_flags;
	*out = ff;
	return 0;
}

/* Makes f an open file with the daemon's handle. */
static void attach(struct file *f, struct fuse_file *ff, struct inode *inode, uint32_t flags,
		   const struct fuse_open_out *o)
{
	struct fuse_inode *fi = fuse_inode_of(inode);

	ff->fh = o->fh;
	ff->open_flags = o->open_flags;
	ff->flags = flags;
	ff->dir = S_ISDIR(inode->mode);
	f->ops = ff->dir ? &dir_ops : &file_ops;
	f->private_data = ff;
	if (!ff->dir && o->open_flags & (FOPEN_STREAM | FOPEN_NONSEEKABLE)) {
		f->no_seek = true;
	}
	spin_lock(&fi->lock);
	list_push_front(&fi->files, &ff->link);
	spin_unlock(&fi->lock);
}

int fuse_file_attach(struct file *f, struct inode *inode, uint32_t flags,
		     const struct fuse_open_out *o)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	struct fuse_file *ff = fuse_file_alloc(fi->conn, fi->nodeid);

	if (!ff) {
		fuse_release_handle(fi->conn, fi->nodeid, o->fh, false);
		return -ENOMEM;
	}
	attach(f, ff, inode, flags, o);
	return 0;
}

/* Sends OPEN, with a GETATTR before it when cached pages are at stake (close-to-open). */
static int send_open(struct fuse_inode *fi, uint32_t flags, bool check_attr,
		     struct fuse_open_out *o)
{
	bool dir = S_ISDIR(fi->inode.mode);
	struct fuse_req *req = open_req(fi->conn, fi->nodeid, flags, dir);
	struct fuse_req *attr = check_attr ? fuse_getattr_prepare(fi) : NULL;
	uint64_t version = fuse_version_now(fi->conn);
	long n = -ENOMEM, a = 0;
	int err;

	if (req && attr) {
		fuse_req_send_pair(attr, req, &a, &n);
		a = fuse_getattr_finish(fi, a, attr, version);
	} else if (req) {
		n = fuse_req_send(req);
	}
	err = n < 0 ? (int)n : fuse_parse_open(req->reply, (size_t)n, o);
	if (!err && a < 0) {
		fuse_release_handle(fi->conn, fi->nodeid, o->fh, dir);
		err = (int)a;
	}
	fuse_req_put(attr);
	fuse_req_put(req);
	return err;
}

int fuse_open(struct inode *inode, struct file *f)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	bool dir = S_ISDIR(inode->mode), trunc, check_attr;
	uint32_t flags = atomic_load_explicit(&f->flags, memory_order_relaxed);
	struct fuse_file *ff;
	struct fuse_open_out o;
	int err;

	if (!dir && !S_ISREG(inode->mode)) {
		return -ENXIO;
	}
	trunc = !dir && flags & O_TRUNC && fi->conn->flags & FUSE_ATOMIC_O_TRUNC;
	flags &= ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC | (trunc ? 0 : O_TRUNC));
	flags &= ~(uint32_t)(dir ? O_TMPFILE_BIT : O_TMPFILE); /* done with when we get here */
	ff = fuse_file_alloc(fi->conn, fi->nodeid);
	check_attr = !dir && !trunc && inode->pages.npages > 0;
	err = ff ? send_open(fi, flags, check_attr, &o) : -ENOMEM;
	if (fuse_make_room(fi->conn, err)) {
		err = send_open(fi, flags, check_attr, &o);
	}
	if (err) {
		kfree(ff);
		return err;
	}
	attach(f, ff, inode, flags & ~(uint32_t)O_TRUNC, &o);
	if (trunc) {
		mutex_lock(&inode->lock);
		fuse_attr_wrote(fi, 0);
		pagecache_truncate(&inode->pages, 0);
		mutex_unlock(&inode->lock);
		atomic_fetch_and(&f->flags, ~(uint32_t)O_TRUNC);
	}
	return 0;
}

/* Learns the mtime that our own writes gave the file, so that it is not taken for somebody
 * else's change later. */
static bool owes_attr(struct fuse_inode *fi)
{
	return READ_ONCE(fi->own_change) && fi->inode.nlink > 0;
}

/* close(2) of a descriptor. */
static int flush(struct file *f)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	struct fuse_req *req, *attr;
	uint64_t version;
	long n = 0, a;
	int err = 0;

	if (!f->writable) {
		return 0;
	}
	err = pagecache_sync(&f->inode->pages, 0, UINT64_MAX);
	if (!atomic_exchange_explicit(&ff->wrote, false, memory_order_relaxed) ||
	    fuse_unsupported(fi->conn, FUSE_FLUSH) || ff->open_flags & FOPEN_NOFLUSH) {
		return err;
	}
	req = fuse_req_alloc(fi->conn, FUSE_FLUSH, fi->nodeid, sizeof(struct fuse_flush_in), 0,
			     FUSE_DATA_NONE, 0);
	if (!req) {
		return -ENOMEM;
	}
	((struct fuse_flush_in *)req->args)->fh = ff->fh;
	version = fuse_version_now(fi->conn);
	attr = owes_attr(fi) ? fuse_getattr_prepare(fi) : NULL;
	if (attr) {
		fuse_req_send_pair(attr, req, &a, &n);
		(void)!fuse_getattr_finish(fi, a, attr, version);
		fuse_req_put(attr);
	} else {
		n = fuse_req_send(req);
	}
	fuse_req_put(req);
	if (!err && n < 0 && n != -ENOSYS) {
		err = (int)n;
	}
	return err;
}

static void release(struct file *f)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);

	if (!ff->dir && f->writable) {
		int err = pagecache_sync(&f->inode->pages, 0, UINT64_MAX);

		(void)err; /* kept for fsync through another descriptor */
		if (owes_attr(fi)) {
			err = fuse_attr_refresh(fi, true);
		}
	}
	spin_lock(&fi->lock);
	list_remove(&ff->link);
	spin_unlock(&fi->lock);
	fuse_file_put(ff);
}

static int map(struct file *f, int prot, int flags, struct page_cache **object)
{
	struct fuse_file *ff = f->private_data;

	(void)prot;
	/* Without caching a mapping still needs pages.  They agree with what this machine reads
	 * and writes, and with the host at the time of the first mapping. */
	if (ff->open_flags & FOPEN_DIRECT_IO && !pagecache_is_mapped(&f->inode->pages)) {
		pagecache_invalidate(&f->inode->pages, 0, UINT64_MAX);
	}
	if (flags & MAP_SHARED && f->writable) {
		pagecache_start_writeback();
	}
	*object = &f->inode->pages;
	return 0;
}

static const struct file_ops file_ops = {
	.read = fuse_read,
	.write = fuse_write,
	.lseek = fuse_lseek,
	.mmap = map,
	.fsync = fuse_fsync,
	.flush = flush,
	.release = release,
	.fallocate = fuse_fallocate,
	.copy_range = fuse_copy_range,
};
static const struct file_ops dir_ops = {
	.readdir = fuse_readdir,
	.lseek = fuse_lseek,
	.fsync = fuse_fsync,
	.release = release,
};
