/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: file data.  Reads go through the page cache, which the daemon's replies
 * fill directly; write-back of shared mappings.
 */
#include "fuse_internal.h"

#include <fs/file.h>
#include <fs/inode.h>

/* A READ of len bytes at pos into the pages, from their byte `skip` on.  NULL = no memory. */
static struct fuse_req *read_req(struct fuse_file *ff, uint64_t pos, struct page **pages,
				 size_t skip, size_t len)
{
	size_t first = skip / PAGE_SIZE, last = (skip + len - 1) / PAGE_SIZE;
	struct fuse_read_in *in;
	struct fuse_req *req = fuse_req_alloc(ff->conn, FUSE_READ, ff->nodeid, sizeof(*in), 0,
					      FUSE_DATA_OUT, (unsigned)(last - first + 1));

	if (!req) {
		return NULL;
	}
	in = req->args;
	in->fh = ff->fh;
	in->offset = pos;
	in->size = (uint32_t)len;
	in->flags = ff->flags;
	for (size_t i = first, left = len; left; i++) {
		size_t off = i == first ? skip % PAGE_SIZE : 0;
		size_t part = MIN(left, PAGE_SIZE - off);

		fuse_req_add_page(req, pages[i], (uint32_t)off, (uint32_t)part);
		left -= part;
	}
	return req;
}

/* One READ request.  Bytes or -errno. */
static long read_pages(struct fuse_file *ff, uint64_t pos, struct page **pages, size_t skip,
		       size_t len)
{
	struct fuse_req *req = read_req(ff, pos, pages, skip, len);
	long n = req ? fuse_not_ours(fuse_req_send(req)) : -ENOMEM;

	fuse_req_put(req);
	return n;
}

/* Reads [pos, pos + len) into pages; less than len only at the end of the file: a short reply
 * inside it is asked for again. */
static long read_all(struct fuse_inode *fi, struct fuse_file *ff, uint64_t pos, struct page **pages,
		     size_t len)
{
	size_t max = (size_t)fi->conn->max_pages * PAGE_SIZE, done = 0;

	while (done < len) {
		size_t ask = MIN(len - done, max - done % PAGE_SIZE);
		long n = read_pages(ff, pos + done, pages, done, ask);

		if (n < 0) {
			return n;
		}
		done += (size_t)n;
		if (n == 0 ||
		    ((size_t)n < ask && pos + done >= atomic_load_explicit(&fi->inode.pages.size,
									   memory_order_acquire))) {
			break;
		}
	}
	return (long)done;
}

static int fill(struct page_cache *pc, uint64_t index, struct page **pages, unsigned n)
{
	struct fuse_inode *fi = fuse_inode_of(pc->owner);
	struct fuse_file *ff;
	long got;
	int err = fuse_file_find(fi, false, &ff);

	if (err) {
		return err;
	}
	got = read_all(fi, ff, index * PAGE_SIZE, pages, n * PAGE_SIZE);
	fuse_file_put(ff);
	if (got < 0) {
		return (int)got;
	}
	for (unsigned i = 0; i < n; i++) {
		size_t have = 0;

		if ((size_t)got > i * PAGE_SIZE) {
			have = MIN((size_t)got - i * PAGE_SIZE, PAGE_SIZE);
		}
		if (have < PAGE_SIZE) {
			memset((char *)page_to_virt(pages[i]) + have, 0, PAGE_SIZE - have);
		}
		atomic_fetch_or_explicit(&pages[i]->flags, PAGE_UPTODATE, memory_order_release);
	}
	return 0;
}

struct ahead {
	struct page_cache *pc; /* its locked pages keep it alive */
	struct fuse_file *ff;
	uint64_t pos;
};

/* Worker context.  A page of which only a part came stays out, unless the file ends there. */
static void ahead_done(struct fuse_req *req)
{
	struct ahead *a = req->end_arg;
	long got = fuse_req_result(req);
	uint64_t size = atomic_load_explicit(&a->pc->size, memory_order_acquire);
	bool to_end = got >= 0 && a->pos + (uint64_t)got >= size;

	for (unsigned i = 0; i < req->npages && got >= 0; i++) {
		size_t start = i * PAGE_SIZE, have = 0;

		if ((size_t)got > start) {
			have = MIN((size_t)got - start, PAGE_SIZE);
		}
		if (have < PAGE_SIZE) {
			if (!to_end) {
				break;
			}
			memset((char *)page_to_virt(req->pages[i]) + have, 0, PAGE_SIZE - have);
		}
		atomic_fetch_or_explicit(&req->pages[i]->flags, PAGE_UPTODATE,
					 memory_order_release);
	}
	pagecache_fill_done(a->pc, req->pages, req->npages);
	fuse_file_put(a->ff);
	kfree(a);
}

static int fill_async(struct page_cache *pc, uint64_t index, struct page **pages, unsigned n)
{
	struct fuse_inode *fi = fuse_inode_of(pc->owner);
	struct ahead *a;
	struct fuse_req *req;
	struct fuse_file *ff;
	int err;

	if (n > fi->conn->max_pages) {
		return -EINVAL;
	}
	err = fuse_file_find(fi, false, &ff);
	if (err) {
		return err;
	}
	a = kmalloc(sizeof(*a));
	req = a ? read_req(ff, index * PAGE_SIZE, pages, 0, n * PAGE_SIZE) : NULL;
	if (!req) {
		kfree(a);
		fuse_file_put(ff);
		return -ENOMEM;
	}
	*a = (struct ahead){ pc, ff, index * PAGE_SIZE };
	req->end_arg = a;
	fuse_req_send_async(req, ahead_done);
	return 0;
}

/* --- write-back of shared mappings --- */

static int write_pages(struct fuse_inode *fi, struct fuse_file *ff, uint64_t pos,
		       struct page **pages, unsigned n, size_t len)
{
	struct fuse_req *req = fuse_req_alloc(fi->conn, FUSE_WRITE, fi->nodeid,
					      sizeof(struct fuse_write_in),
					      sizeof(struct fuse_write_out), FUSE_DATA_IN, n);
	struct fuse_write_in *in;
	uint32_t count = 0;
	size_t left = len;
	long got;
	int err;

	if (!req) {
		return -ENOMEM;
	}
	in = req->args;
	in->fh = ff->fh;
	in->offset = pos;
	in->size = (uint32_t)len;
	in->write_flags = FUSE_WRITE_CACHE;
	for (unsigned i = 0; i < n && left; i++) {
		size_t part = MIN(left, PAGE_SIZE);

		fuse_req_add_page(req, pages[i], 0, (uint32_t)part);
		left -= part;
	}
	req->must_wait = true;
	got = fuse_req_send(req);
	err = got < 0 ? (int)got : fuse_parse_write(req->reply, (size_t)got, (uint32_t)len, &count);
	fuse_req_put(req);
	if (!err && count < len) {
		err = -EIO; /* a short write of a regular file: out of space half way */
	}
	return err;
}

static int write_back(struct page_cache *pc, uint64_t offset, struct page **pages, unsigned n,
		      size_t len)
{
	struct fuse_inode *fi = fuse_inode_of(pc->owner);
	unsigned max = MIN(fi->conn->max_pages, (uint32_t)(fi->conn->max_write / PAGE_SIZE));
	struct fuse_file *ff;
	unsigned done = 0;
	int err = fuse_file_find(fi, true, &ff);

	while (!err && done < n && done * PAGE_SIZE < len) {
		unsigned part = MIN(n - done, max);

		err = write_pages(fi, ff, offset + done * PAGE_SIZE, pages + done, part,
				  MIN(len - done * PAGE_SIZE, part * PAGE_SIZE));
		done += part;
	}
	if (done) {
		fuse_attr_wrote(fi, 0);
		fuse_file_put(ff);
	}
	return err;
}

static int may_write(struct page_cache *pc, struct page *page)
{
	(void)pc;
	(void)page;
	pagecache_start_writeback();
	pagecache_throttle_dirty();
	return 0;
}
static bool hold(struct page_cache *pc)
{
	return inode_try_get(pc->owner);
}
static void unhold(struct page_cache *pc)
{
	inode_put(pc->owner);
}

const struct pagecache_ops fuse_pagecache_ops = {
	.fill = fill,
	.fill_async = fill_async,
	.write = write_back,
	.mkwrite = may_write,
	.hold = hold,
	.unhold = unhold,
};

/* --- read(2) --- */

bool fuse_is_direct(struct file *f)
{
	const struct fuse_file *ff = f->private_data;

	return ff->open_flags & FOPEN_DIRECT_IO ||
	       atomic_load_explicit(&f->flags, memory_order_relaxed) & O_DIRECT;
}

/* Past the cache, up to 1 MiB at a time. */
static long read_direct(struct fuse_inode *fi, struct fuse_file *ff, struct uio *u, uint64_t pos)
{
	uint64_t done = 0;
	struct page **pages = kmalloc(FUSE_READ_PAGES * sizeof(*pages));
	long n = 0;

	if (!pages) {
		return -ENOMEM;
	}
	while (u->left) {
		size_t len = MIN(u->left, (uint64_t)FUSE_READ_PAGES * PAGE_SIZE), moved = 0;
		unsigned have = page_alloc_many(pages, (unsigned)DIV_ROUND_UP(len, PAGE_SIZE));

		len = MIN(len, have * PAGE_SIZE);
		n = have ? read_all(fi, ff, pos + done, pages, len) : -ENOMEM;
		for (unsigned i = 0; i < have; i++) {
			if (n > 0 && moved == i * PAGE_SIZE && moved < (size_t)n) {
				moved += uio_write_to(u, page_to_virt(pages[i]),
						      MIN((size_t)n - moved, PAGE_SIZE));
			}
			page_put(pages[i]);
		}
		done += moved;
		if (n <= 0 || (size_t)n < len || moved < (size_t)n) {
			n = n > 0 && moved < (size_t)n ? -EFAULT : n;
			break;
		}
	}
	kfree(pages);
	return done ? (long)done : MIN(n, 0L);
}

long fuse_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	long n;
	int err;

	(void)flags;
	err = fuse_attr_refresh(fi, false);
	if (err) {
		return err;
	}
	if (fuse_is_direct(f)) {
		err = pagecache_sync(&f->inode->pages, 0, UINT64_MAX);
		n = err ? err : read_direct(fi, ff, u, *pos);
	} else {
		n = pagecache_read(&f->inode->pages, u, *pos);
	}
	if (n > 0) {
		*pos += (uint64_t)n;
	}
	return n;
}
