/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: fsync, fallocate, lseek and copy_file_range on open files.  The daemon works on
 * its own copy of the data: dirty pages go out before it is asked, and what it changed is dropped
 * from the cache, or zeroed there, after.
 */
#include "fuse_internal.h"

#include <fs/file.h>

#define FALLOC_KEEP_SIZE 1
#define FALLOC_PUNCH_HOLE 2
#define FALLOC_ZERO_RANGE 16
#define COPY_MAX (1u << 30) /* the reply's count has 32 bits */

int fuse_fsync(struct file *f, bool data_only)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	enum fuse_opcode op = ff->dir ? FUSE_FSYNCDIR : FUSE_FSYNC;
	struct fuse_fsync_in in = { .fh = ff->fh,
				    .fsync_flags = data_only ? FUSE_FSYNC_FDATASYNC : 0 };
	uint32_t failed;
	long n = 0;
	int err = 0;

	if (!ff->dir) {
		err = pagecache_sync(&f->inode->pages, 0, UINT64_MAX);
		failed = atomic_exchange_explicit(&f->inode->pages.write_error, 0,
						  memory_order_acq_rel);
		if (!err && failed) {
			err = -(int)failed;
		}
	}
	if (!fuse_unsupported(fi->conn, op)) {
		n = fuse_call(fi->conn, op, fi->nodeid, &in, sizeof(in), NULL, 0);
	}
	if (!err && n < 0 && n != -ENOSYS) {
		err = (int)n;
	}
	return err;
}

/* inode->lock is held. */
int fuse_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	struct page_cache *pc = &f->inode->pages;
	struct fuse_fallocate_in in = {
		.fh = ff->fh, .offset = off, .length = len, .mode = (uint32_t)mode
	};
	long n;
	int err;

	if (mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE) ||
	    fuse_unsupported(fi->conn, FUSE_FALLOCATE)) {
		return -EOPNOTSUPP;
	}
	if (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) {
		err = pagecache_sync(pc, off / PAGE_SIZE, (off + len - 1) / PAGE_SIZE);
		if (err) {
			return err;
		}
	}
	n = fuse_call(fi->conn, FUSE_FALLOCATE, fi->nodeid, &in, sizeof(in), NULL, 0);
	if (n < 0) {
		return n == -ENOSYS ? -EOPNOTSUPP : (int)n;
	}
	if (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE)) {
		pagecache_zero_range(pc, off, len);
	}
	fuse_attr_wrote(fi, mode & FALLOC_KEEP_SIZE ? 0 : off + len);
	return 0;
}

static int64_t ask_lseek(struct fuse_inode *fi, struct fuse_file *ff, int64_t off, int whence)
{
	struct fuse_lseek_in in = { .fh = ff->fh,
				    .offset = (uint64_t)off,
				    .whence = (uint32_t)whence };
	struct fuse_lseek_out out;
	uint64_t to = 0;
	long n;
	int err;

	err = pagecache_sync(&fi->inode.pages, 0, UINT64_MAX);
	if (err) {
		return err;
	}
	n = fuse_call(fi->conn, FUSE_LSEEK, fi->nodeid, &in, sizeof(in), &out, sizeof(out));
	err = n < 0 ? (int)n : fuse_parse_lseek(&out, (size_t)n, &to);
	return err ? err : (int64_t)to;
}

/* Files and directories; file->pos_lock is held. */
long fuse_lseek(struct file *f, int64_t off, int whence)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	bool hole = whence == SEEK_DATA || whence == SEEK_HOLE;
	int err = whence > SEEK_CUR ? fuse_attr_refresh(fi, false) : 0;
	uint64_t size = atomic_load_explicit(&fi->inode.pages.size, memory_order_acquire);

	if (err || (ff->dir && whence > SEEK_CUR)) {
		return err ? err : -EINVAL;
	}
	if (hole && off >= 0 && (uint64_t)off < size && !fuse_unsupported(fi->conn, FUSE_LSEEK)) {
		int64_t to = ask_lseek(fi, ff, off, whence);

		if (to != -ENOSYS) {
			return to < 0 ? to : generic_lseek(f, to, SEEK_SET);
		}
	}
	return generic_lseek(f, off, whence);
}

long fuse_copy_range(struct file *in, uint64_t in_off, struct file *out, uint64_t out_off,
		     uint64_t len)
{
	struct fuse_file *fin = in->private_data, *fout = out->private_data;
	struct fuse_inode *src = fuse_inode_of(in->inode), *dst = fuse_inode_of(out->inode);
	struct fuse_copy_file_range_in *args;
	struct fuse_req *req;
	uint32_t count = 0;
	long n;
	int err;

	if (fuse_unsupported(src->conn, FUSE_COPY_FILE_RANGE) || fout->flags & O_APPEND) {
		return -EOPNOTSUPP;
	}
	len = MIN(len, (uint64_t)COPY_MAX);
	if (len == 0) {
		return 0;
	}
	req = fuse_req_alloc(src->conn, FUSE_COPY_FILE_RANGE, src->nodeid, sizeof(*args),
			     sizeof(struct fuse_write_out), FUSE_DATA_NONE, 0);
	if (!req) {
		return -ENOMEM;
	}
	args = req->args;
	*args = (struct fuse_copy_file_range_in){ .fh_in = fin->fh,
						  .off_in = in_off,
						  .nodeid_out = dst->nodeid,
						  .fh_out = fout->fh,
						  .off_out = out_off,
						  .len = len };
	mutex_lock(&out->inode->lock);
	err = pagecache_sync(&in->inode->pages, 0, UINT64_MAX);
	if (!err) {
		err = pagecache_sync(&out->inode->pages, 0, UINT64_MAX);
	}
	n = err;
	if (!err) {
		n = fuse_req_send(req);
		err = n < 0 ? (int)n
			    : fuse_parse_write(req->reply, (size_t)n, (uint32_t)len, &count);
		atomic_store_explicit(&fout->wrote, true, memory_order_relaxed);
		fuse_attr_wrote(dst, count ? out_off + count : 0);
		pagecache_invalidate(&out->inode->pages, out_off / PAGE_SIZE,
				     (out_off + len - 1) / PAGE_SIZE);
	}
	mutex_unlock(&out->inode->lock);
	fuse_req_put(req);
	if (err) {
		return err == -ENOSYS ? -EOPNOTSUPP : err;
	}
	return count;
}
