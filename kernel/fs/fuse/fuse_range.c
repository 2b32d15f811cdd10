/* SPDX-License-Identifier: MIT */
/* The FUSE client: fsync, fallocate, lseek and copy_file_range on open files. */
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
	struct fuse_fsync_in *in;
	struct fuse_req *req;
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
		req = fuse_req_alloc(fi->conn, op, fi->nodeid, sizeof(*in), 0, FUSE_DATA_NONE, 0);
		if (!req) {
			return -ENOMEM;
		}
		in = req->args;
		in->fh = ff->fh;
		in->fsync_flags = data_only ? FUSE_FSYNC_FDATASYNC : 0;
		n = fuse_req_send(req);
		fuse_req_put(req);
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
	struct fuse_fallocate_in *in;
	struct fuse_req *req;
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
	req = fuse_req_alloc(fi->conn, FUSE_FALLOCATE, fi->nodeid, sizeof(*in), 0, FUSE_DATA_NONE,
			     0);
	if (!req) {
		return -ENOMEM;
	}
	in = req->args;
	in->fh = ff->fh;
	in->offset = off;
	in->length = len;
	in->mode = (uint32_t)mode;
	n = fuse_req_send(req);
	fuse_req_put(req);
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
	struct fuse_lseek_in *in;
	struct fuse_req *req;
	uint64_t to = 0;
	long n;
	int err;

	err = pagecache_sync(&fi->inode.pages, 0, UINT64_MAX);
	if (err) {
		return err;
	}
	req = fuse_req_alloc(fi->conn, FUSE_LSEEK, fi->nodeid, sizeof(*in),
			     sizeof(struct fuse_lseek_out), FUSE_DATA_NONE, 0);
	if (!req) {
		return -ENOMEM;
	}
	in = req->args;
	in->fh = ff->fh;
	in->offset = (uint64_t)off;
	in->whence = (uint32_t)whence;
	n = fuse_req_send(req);
	err = n < 0 ? (int)n : fuse_parse_lseek(req->reply, (size_t)n, &to);
	fuse_req_put(req);
	return err ? err : (int64_t)to;
}

static int64_t seek_data_hole(struct fuse_inode *fi, struct fuse_file *ff, int64_t off, int whence)
{
	uint64_t size = atomic_load_explicit(&fi->inode.pages.size, memory_order_acquire);
	int64_t to;

	if (off < 0 || (uint64_t)off >= size) {
		return -ENXIO;
	}
	if (!fuse_unsupported(fi->conn, FUSE_LSEEK)) {
		to = ask_lseek(fi, ff, off, whence);
		if (to != -ENOSYS) {
			return to;
		}
	}
	return whence == SEEK_DATA ? off : (int64_t)size; /* all data, one hole at the end */
}

/* Files and directories; file->pos_lock is held. */
long fuse_lseek(struct file *f, int64_t off, int whence)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	int64_t to = off;
	int err;

	if (whence > SEEK_CUR) {
		err = fuse_attr_refresh(fi, false);
		if (err) {
			return err;
		}
	}
	switch (whence) {
	case SEEK_SET: break;
	case SEEK_CUR:
		if (__builtin_add_overflow((int64_t)f->pos, off, &to)) {
			return -EOVERFLOW;
		}
		break;
	case SEEK_END:
		if (ff->dir) {
			return -EINVAL;
		}
		if (__builtin_add_overflow((int64_t)atomic_load_explicit(&f->inode->pages.size,
									 memory_order_acquire),
					   off, &to)) {
			return -EOVERFLOW;
		}
		break;
	default:
		if (ff->dir) {
			return -EINVAL;
		}
		to = seek_data_hole(fi, ff, off, whence);
		if (to < 0) {
			return to;
		}
		break;
	}
	if (to < 0) {
		return -EINVAL;
	}
	f->pos = (uint64_t)to;
	return to;
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
