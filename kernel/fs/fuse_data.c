/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: file data.  Reads go through the page cache, which the daemon's replies
 * fill directly.  A write gathers the program's bytes into pages, sends them, and then
 * offers the same pages to the cache; it returns when the daemon has the data.
 */
#include "fuse_internal.h"

/* One READ of len bytes at pos into the pages, from their byte `skip` on.  Bytes or -errno. */
static long read_pages(struct fuse_file *ff, uint64_t pos, struct page **pages, size_t skip,
		       size_t len)
{
	size_t first = skip / PAGE_SIZE, last = (skip + len - 1) / PAGE_SIZE;
	struct fuse_read_in *in;
	struct fuse_req *req;
	long n;

	req = fuse_req_alloc(ff->conn, FUSE_READ, ff->nodeid, sizeof(*in), 0, FUSE_DATA_OUT,
			     (unsigned)(last - first + 1));
	if (!req) {
		return -ENOMEM;
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
	n = fuse_req_send(req);
	fuse_req_put(req);
	return n;
}

/* Reads [pos, pos + len) into pages; less than len only at the end of the file: a short reply
 * inside it is asked for again. */
static long read_all(struct fuse_inode *fi, struct fuse_file *ff, uint64_t pos,
		     struct page **pages, size_t len)
{
	size_t max = (size_t)fi->conn->max_pages * PAGE_SIZE, done = 0;

	while (done < len) {
		size_t ask = MIN(len - done, max - done % PAGE_SIZE);
		long n = read_pages(ff, pos + done, pages, done, ask);

		if (n < 0) {
			return n;
		}
		done += (size_t)n;
		if (n == 0 || ((size_t)n < ask &&
			       pos + done >= atomic_load_explicit(&fi->inode.pages.size,
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
	for (unsigned i = 0; i < n; i++) {
		size_t have = 0;

		if (got < 0) {
			atomic_fetch_or(&pages[i]->flags, PAGE_ERROR);
			continue;
		}
		if ((size_t)got > i * PAGE_SIZE) {
			have = MIN((size_t)got - i * PAGE_SIZE, PAGE_SIZE);
		}
		if (have < PAGE_SIZE) {
			memset((char *)page_to_virt(pages[i]) + have, 0, PAGE_SIZE - have);
		}
		atomic_fetch_or_explicit(&pages[i]->flags, PAGE_UPTODATE, memory_order_release);
	}
	return got < 0 ? (int)got : 0;
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
    .fill = fill, .write = write_back, .mkwrite = may_write, .hold = hold, .unhold = unhold};

/* --- read(2) --- */

static bool is_direct(struct file *f, struct fuse_file *ff)
{
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
		unsigned have = 0, want = (unsigned)DIV_ROUND_UP(len, PAGE_SIZE);

		while (have < want &&
		       (pages[have] = page_alloc(0, PAGE_ALLOC_USER |
							(have ? PAGE_ALLOC_NORETRY : 0)))) {
			have++;
		}
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
	if (is_direct(f, ff)) {
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

/* --- write(2); inode->lock is held --- */

/* Copies up to len bytes of u into fresh pages of req, placed as in the file.  Bytes copied, or
 * -EFAULT, -ENOMEM when none. */
static long gather(struct fuse_req *req, struct uio *u, uint64_t pos, size_t len)
{
	size_t done = 0;
	int err = 0;

	while (done < len) {
		size_t off = (pos + done) % PAGE_SIZE, part = MIN(len - done, PAGE_SIZE - off);
		struct page *p =
		    page_alloc(0, PAGE_ALLOC_USER | (done ? PAGE_ALLOC_NORETRY : 0));
		size_t moved;

		if (!p) {
			err = -ENOMEM;
			break;
		}
		moved = uio_read_from(u, (char *)page_to_virt(p) + off, part);
		if (moved) {
			fuse_req_add_page(req, p, (uint32_t)off, (uint32_t)moved);
		}
		page_put(p);
		done += moved;
		if (moved < part) {
			err = -EFAULT;
			break;
		}
	}
	return done ? (long)done : err;
}

/* The daemon has `count` bytes from pos on, which lie in req's pages: so shall the cache. */
static void update_cache(struct fuse_inode *fi, struct fuse_req *req, uint64_t pos, size_t count,
			 bool adopt)
{
	struct page_cache *pc = &fi->inode.pages;
	uint64_t end = pos + count;
	uint64_t size = MAX(end, atomic_load_explicit(&pc->size, memory_order_relaxed));

	for (unsigned i = 0; pos < end; i++) {
		struct page *p = req->pages[i];
		size_t off = pos % PAGE_SIZE, part = MIN(end - pos, PAGE_SIZE - off);
		char *data = page_to_virt(p);

		if (adopt && off == 0 && (part == PAGE_SIZE || end == size)) {
			memset(data + part, 0, PAGE_SIZE - part);
			if (pagecache_adopt(pc, pos / PAGE_SIZE, p)) {
				pos += part;
				continue;
			}
		}
		pagecache_update(pc, pos, data + off, part);
		pos += part;
	}
}

/* One WRITE request.  Bytes the daemon took, or -errno; u is advanced by as many. */
static long write_chunk(struct fuse_inode *fi, struct fuse_file *ff, struct uio *u, uint64_t pos,
			bool cached)
{
	struct fuse_conn *conn = fi->conn;
	size_t max = MIN((size_t)conn->max_write, conn->max_pages * PAGE_SIZE - pos % PAGE_SIZE);
	size_t len = MIN(u->left, (uint64_t)max);
	struct fuse_write_in *in;
	struct fuse_req *req;
	uint32_t count = 0;
	long n, got;

	req = fuse_req_alloc(conn, FUSE_WRITE, fi->nodeid, sizeof(*in),
			     sizeof(struct fuse_write_out), FUSE_DATA_IN,
			     (unsigned)DIV_ROUND_UP(pos % PAGE_SIZE + len, PAGE_SIZE));
	if (!req) {
		return -ENOMEM;
	}
	n = gather(req, u, pos, len);
	if (n > 0) {
		in = req->args;
		in->fh = ff->fh;
		in->offset = pos;
		in->size = (uint32_t)n;
		in->flags = ff->flags;
		got = fuse_req_send(req);
		if (got >= 0) {
			got = fuse_parse_write(req->reply, (size_t)got, (uint32_t)n, &count);
		}
		uio_rewind(u, (size_t)n - count);
		if (count) {
			update_cache(fi, req, pos, count, cached);
			fuse_attr_wrote(fi, pos + count);
		} else if (got == -EINTR) {
			/* It may still happen. */
			fuse_attr_wrote(fi, 0);
			pagecache_invalidate(&fi->inode.pages, pos / PAGE_SIZE,
					     (pos + (uint64_t)n - 1) / PAGE_SIZE);
		}
		n = count ? (long)count : got;
	}
	fuse_req_put(req);
	return n;
}

long fuse_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct fuse_file *ff = f->private_data;
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	uint64_t done = 0;
	long n = 0;

	if (flags & IO_APPEND) {
		/* Others may have appended on the host; asked at most once per validity. */
		int err = READ_ONCE(fi->own_change) ? 0 : fuse_attr_refresh(fi, false);

		if (err) {
			return err;
		}
		*pos = atomic_load_explicit(&f->inode->pages.size, memory_order_acquire);
	}
	atomic_store_explicit(&ff->wrote, true, memory_order_relaxed);
	while (u->left) {
		uint64_t asked = u->left;

		n = write_chunk(fi, ff, u, *pos, !is_direct(f, ff));
		if (n <= 0) {
			break;
		}
		done += (uint64_t)n;
		*pos += (uint64_t)n;
		if ((uint64_t)n < MIN(asked, (uint64_t)fi->conn->max_write - PAGE_SIZE)) {
			break; /* short: out of space, or a bad address behind this */
		}
		sched_yield_point();
	}
	return done ? (long)done : n;
}
