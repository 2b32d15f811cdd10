/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: listing directories.  READDIRPLUS brings names with attributes; both are
 * cached at once, so that `ls -l` asks for nothing more.  A reply that the caller's buffer
 * can't take whole stays with the open file.  A daemon that allows no caching has only READDIR.
 */
#include "fuse_internal.h"

#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/readdir.h>

#define FIRST_ORDER 3 /* 32 KiB: some 190 entries */
#define NEXT_ORDER 6  /* 256 KiB */

static void drop_buffer(struct fuse_file *ff)
{
	page_put(ff->buf);
	ff->buf = NULL;
	ff->buf_len = ff->buf_pos = 0;
	ff->buf_eof = false;
}

static struct page *alloc_buffer(unsigned order, unsigned *got)
{
	for (;; order--) {
		struct page *p = order ? page_alloc(order, PAGE_ALLOC_USER) : page_alloc_user(0, 0);

		if (p || order == 0) {
			*got = order;
			return p;
		}
	}
}

static bool is_dots(const struct fuse_dir_entry *e)
{
	return e->name[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.'));
}

static bool has_plus(const struct fuse_file *ff)
{
	return ff->conn->flags & FUSE_DO_READDIRPLUS;
}

static int next_entry(struct fuse_file *ff, size_t *pos, struct fuse_dir_entry *e)
{
	const void *buf = page_to_virt(ff->buf);

	return has_plus(ff) ? fuse_parse_dirent(buf, ff->buf_len, pos, e)
			    : fuse_parse_plain_dirent(buf, ff->buf_len, pos, e);
}

/* Enters what the reply says into the caches. */
static int cache_listing(struct file *f, struct fuse_file *ff, uint64_t version,
			 struct fuse_dir_entry *e)
{
	struct fuse_inode *dir = fuse_inode_of(f->inode);
	uint64_t now = clock_mono_ns();
	size_t pos = 0;
	int r;

	while ((r = next_entry(ff, &pos, e)) > 0) {
		struct inode *inode;

		if (e->entry.nodeid == 0) {
			continue;
		}
		if (is_dots(e)) {
			fuse_forget_queue(ff->conn, NULL, e->entry.nodeid, 1);
			continue;
		}
		if (fuse_inode_from_entry(ff->conn, &e->entry, version, &inode)) {
			continue; /* it gave the lookup back; the name is listed all the same */
		}
		if (version < READ_ONCE(dir->version) || !f->path.dentry) {
			inode_put(inode); /* names changed meanwhile: don't believe the old */
			continue;
		}
		dentry_cache_child(
			f->path.dentry, e->name, e->name_len, inode,
			fuse_valid_until(now, e->entry.entry_valid, e->entry.entry_valid_nsec));
	}
	if (r < 0 && e->entry.nodeid > FUSE_ROOT_ID) {
		fuse_forget_queue(ff->conn, NULL, e->entry.nodeid, 1);
	}
	return r;
}

/* The next part of the listing into ff's buffer. */
static int fetch_once(struct file *f, struct fuse_file *ff, uint64_t offset,
		      struct fuse_dir_entry *e)
{
	uint64_t version = fuse_version_now(ff->conn);
	struct fuse_read_in *in;
	struct fuse_req *req;
	unsigned order;
	long n;

	drop_buffer(ff);
	req = fuse_req_alloc(ff->conn, has_plus(ff) ? FUSE_READDIRPLUS : FUSE_READDIR, ff->nodeid,
			     sizeof(*in), 0, FUSE_DATA_OUT, 1);
	if (!req) {
		return -ENOMEM;
	}
	ff->buf = alloc_buffer(offset ? NEXT_ORDER : FIRST_ORDER, &order);
	if (!ff->buf) {
		fuse_req_put(req);
		return -ENOMEM;
	}
	in = req->args;
	in->fh = ff->fh;
	in->offset = offset;
	in->size = (uint32_t)PAGE_SIZE << order;
	fuse_req_add_page(req, ff->buf, 0, in->size);
	n = fuse_req_send(req);
	fuse_req_put(req);
	if (n < 0) {
		drop_buffer(ff);
		return (int)n;
	}
	ff->buf_len = (size_t)n;
	ff->buf_next = offset;
	ff->buf_eof = n == 0;
	return cache_listing(f, ff, version, e);
}

static int fetch(struct file *f, struct fuse_file *ff, uint64_t offset, struct fuse_dir_entry *e)
{
	int err = fetch_once(f, ff, offset, e);

	return fuse_make_room(ff->conn, err) ? fetch_once(f, ff, offset, e) : err;
}

static int list_entries(struct file *f, struct dir_context *ctx, struct fuse_dir_entry *e)
{
	struct fuse_file *ff = f->private_data;

	if (ctx->pos != ff->buf_next || ctx->pos == 0) {
		drop_buffer(ff); /* rewound or moved: ask again */
	}
	for (;;) {
		size_t start = ff->buf_pos;
		int r;

		if (ff->buf_eof) {
			return 0;
		}
		if (ff->buf_pos >= ff->buf_len) {
			r = fetch(f, ff, ctx->pos, e);
			if (r < 0) {
				return r;
			}
			continue;
		}
		r = next_entry(ff, &ff->buf_pos, e);
		if (r <= 0) {
			drop_buffer(ff);
			return -EIO;
		}
		if (!ctx->emit(ctx, e->name, e->name_len, e->ino, e->type, e->off)) {
			ff->buf_pos = start;
			return 0;
		}
		ctx->pos = ff->buf_next = e->off;
	}
}

/* file->pos_lock is held. */
int fuse_readdir(struct file *f, struct dir_context *ctx)
{
	struct fuse_dir_entry *e = kmalloc(sizeof(*e));
	int err;

	if (!e) {
		return -ENOMEM;
	}
	err = list_entries(f, ctx, e);
	kfree(e);
	return err;
}
