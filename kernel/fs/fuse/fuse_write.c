/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: write(2).  The program's bytes are gathered into pages, sent, and then the
 * same pages are offered to the cache; write() returns when the daemon has the data.  Of a
 * long write several chunks are under way, so that gathering and the daemon's work overlap.
 */
#include "fuse_internal.h"

#include <fs/file.h>

#define CHUNK_BYTES (256u << 10)
#define CHUNKS_MAX 4 /* under way at once */

/* A WRITE under way, or answered already. */
struct chunk {
	struct fuse_req *req;
	uint64_t pos;
	size_t len;
	bool answered;
	long result;
};
struct write_state {
	struct fuse_inode *fi;
	struct fuse_file *ff;
	bool adopt; /* offer the pages to the cache */
	unsigned depth;
	size_t chunk_bytes;
	struct chunk chunks[CHUNKS_MAX]; /* a ring */
	unsigned first, count;
	bool stop;	   /* no more is sent */
	bool gap;	   /* a chunk was not taken whole: later ones don't count */
	int err;	   /* the result when nothing counts */
	uint64_t gathered; /* bytes taken from the program */
	uint64_t done;	   /* of these, what the daemon took without a gap */
};

/* Copies up to len bytes of u into fresh pages of req, placed as in the file.  Bytes copied, or
 * -EFAULT, -ENOMEM when none; fewer than len when memory is short, or with *fault. */
static long gather(struct fuse_req *req, struct uio *u, uint64_t pos, size_t len, bool *fault)
{
	size_t done = 0;
	int err = 0;

	*fault = false;

	while (done < len) {
		size_t off = (pos + done) % PAGE_SIZE, part = MIN(len - done, PAGE_SIZE - off);
		struct page *p = done ? page_alloc(0, PAGE_ALLOC_USER) : page_alloc_user(0, 0);
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
			*fault = true;
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

/* Gathers and sends one chunk at pos; `alone`: waits for it at once. */
static void send_chunk(struct write_state *s, struct uio *u, uint64_t pos, bool alone)
{
	size_t len = MIN(u->left, (uint64_t)s->chunk_bytes - pos % PAGE_SIZE);
	struct chunk *c = &s->chunks[(s->first + s->count) % CHUNKS_MAX];
	struct fuse_write_in *in;
	struct fuse_req *req;
	bool fault = false;
	long n;

	req = fuse_req_alloc(s->fi->conn, FUSE_WRITE, s->fi->nodeid, sizeof(*in),
			     sizeof(struct fuse_write_out), FUSE_DATA_IN,
			     (unsigned)DIV_ROUND_UP(pos % PAGE_SIZE + len, PAGE_SIZE));
	n = req ? gather(req, u, pos, len, &fault) : -ENOMEM;
	/* Short of memory, the write goes on in smaller pieces. */
	s->stop = fault || n <= 0;
	if (n <= 0) {
		s->err = (int)n;
		fuse_req_put(req);
		return;
	}
	s->gathered += (uint64_t)n;
	in = req->args;
	in->fh = s->ff->fh;
	in->offset = pos;
	in->size = (uint32_t)n;
	in->flags = s->ff->flags;
	*c = (struct chunk){ .req = req, .pos = pos, .len = (size_t)n };
	s->count++;
	if (alone) {
		c->answered = true;
		c->result = fuse_req_send(req);
	} else {
		c->result = fuse_req_start(req, false);
		c->answered = c->result < 0;
		s->stop |= c->answered;
	}
}

/* Waits for the oldest chunk and enters it into the cache. */
static void finish_chunk(struct write_state *s)
{
	struct chunk *c = &s->chunks[s->first];
	long got = c->answered ? c->result : fuse_req_finish(c->req);
	uint32_t count = 0;

	if (got >= 0) {
		got = fuse_parse_write(c->req->reply, (size_t)got, (uint32_t)c->len, &count);
	}
	if (count) {
		update_cache(s->fi, c->req, c->pos, count, s->adopt);
		fuse_attr_wrote(s->fi, c->pos + count);
	}
	if (got == -EINTR) { /* it may still happen */
		fuse_attr_wrote(s->fi, 0);
		pagecache_invalidate(&s->fi->inode.pages, c->pos / PAGE_SIZE,
				     (c->pos + c->len - 1) / PAGE_SIZE);
	}
	if (!s->gap) {
		s->done += count;
		s->gap = count < c->len;
		s->err = (int)got;
	}
	s->stop |= s->gap;
	fuse_req_put(c->req);
	s->first = (s->first + 1) % CHUNKS_MAX;
	s->count--;
}

/* Sizes of chunks.  A file that the daemon opened for appending gets them one by one, whole:
 * nobody promises their order. */
static void plan_chunks(struct write_state *s, uint64_t left)
{
	struct fuse_conn *conn = s->fi->conn;
	size_t max = MIN((size_t)conn->max_write, conn->max_pages * PAGE_SIZE);

	if (s->ff->flags & O_APPEND || left <= CHUNK_BYTES) {
		s->chunk_bytes = max;
		s->depth = 1;
	} else {
		s->chunk_bytes = MIN(max, (size_t)CHUNK_BYTES);
		s->depth = CHUNKS_MAX;
	}
}

/* inode->lock is held. */
long fuse_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct fuse_inode *fi = fuse_inode_of(f->inode);
	struct write_state s = { .fi = fi, .ff = f->private_data };
	struct fuse_file *other = NULL;

	if (!(flags & IO_APPEND) && s.ff->flags & O_APPEND) {
		/* F_SETFL has taken O_APPEND away; the daemon's file would go on appending. */
		int err = fuse_file_find(fi, true, &other);

		if (err) {
			return err;
		}
		s.ff = other;
	}
	if (flags & IO_APPEND) {
		/* Others may have appended on the host; asked at most once per validity. */
		int err = READ_ONCE(fi->own_change) ? 0 : fuse_attr_refresh(fi, false);

		if (err) {
			return err;
		}
		*pos = atomic_load_explicit(&f->inode->pages.size, memory_order_acquire);
	}
	/* The end may be as far as the daemon likes to say. */
	if (u->left > INT64_MAX - *pos) {
		fuse_file_put(other);
		return -EFBIG;
	}
	s.adopt = !fuse_is_direct(f);
	plan_chunks(&s, u->left);
	atomic_store_explicit(&s.ff->wrote, true, memory_order_relaxed);
	while (s.count || (u->left && !s.stop)) {
		if (u->left && !s.stop && s.count < s.depth) {
			send_chunk(&s, u, *pos + s.gathered, s.depth == 1);
		} else {
			finish_chunk(&s);
			sched_yield_point();
		}
	}
	uio_rewind(u, s.gathered - s.done);
	*pos += s.done;
	fuse_file_put(other);
	if (!s.done && !s.err && s.gathered) {
		return -EIO; /* nothing, for no reason: a program might try for ever */
	}
	return s.done ? (long)s.done : s.err;
}
