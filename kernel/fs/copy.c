/* SPDX-License-Identifier: MIT */
/*
 * Copies between files.
 *
 * Which positions are locked: a regular file's own one, from before the read until after the
 * write.  Both files': in the order of their addresses.  Nobody may wait for a stream's other end
 * under such a lock (it might be waiting for this very position): when the output may block, the
 * input's position is advanced before the write, and what was not written is given back if
 * nobody has moved the position since.  Streams have no position; file_read() and file_write()
 * take NULL for them.
 *
 * A pipe gets what fits, and is waited for only while nothing does: as on Linux, a program may
 * read itself what it sent.  What comes out of a pipe leaves it only when it is written.
 */
#include <fs/copy.h>

#include "fs_internal.h"

#include <fs/attr.h>
#include <fs/event/pipe.h>
#include <fs/file.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <sched/sched.h>
#include <sched/thread.h>
#include <sync/mutex.h>
#include <sync/waitq.h>

#define CHUNK 65536
#define RANGE_STEP (16u << 20)

/* One side of a copy. */
struct end {
	struct file *file;
	uint64_t *pos; /* the caller's, or the file's own; NULL: a stream */
	bool own;      /* pos is the file's own: pos_lock */
};

static struct end end_of(struct file *f, uint64_t *pos)
{
	bool own = !pos && S_ISREG(f->inode->mode);

	return (struct end){ f, own ? &f->pos : pos, own };
}

/* The files whose own positions the ends use, in the order of their addresses; NULL: none. */
static void own_files(const struct end *a, const struct end *b, struct file *out[2])
{
	struct file *x = a && a->own ? a->file : NULL;
	struct file *y = b && b->own && b->file != x ? b->file : NULL;
	bool swap = y && (!x || y < x);

	out[0] = swap ? y : x;
	out[1] = swap ? x : y;
}
static void lock_ends(const struct end *a, const struct end *b)
	LOCK_UNCHECKED("taken only for ends that use their file's own position")
{
	struct file *f[2];

	own_files(a, b, f);
	if (f[0]) {
		mutex_lock(&f[0]->pos_lock);
	}
	if (f[1]) {
		mutex_lock_nested(&f[1]->pos_lock);
	}
}
static void unlock_ends(const struct end *a, const struct end *b) LOCK_UNCHECKED("as lock_ends()")
{
	struct file *f[2];

	own_files(a, b, f);
	if (f[1]) {
		mutex_unlock_nested(&f[1]->pos_lock);
	}
	if (f[0]) {
		mutex_unlock(&f[0]->pos_lock);
	}
}

static long read_chunk(const struct end *in, char *buf, size_t n, unsigned flags)
{
	struct uio_seg seg;
	struct uio u;

	uio_init_kernel(&u, &seg, buf, n);
	return file_read(in->file, &u, in->pos, flags);
}

/* Bytes written; *err says why it is less than n, 0 when the file takes no more. */
static size_t write_chunk(const struct end *out, char *buf, size_t n, unsigned flags, long *err)
{
	size_t done = 0;

	*err = 0;
	while (done < n) {
		struct uio_seg seg;
		struct uio u;
		long w;

		uio_init_kernel(&u, &seg, buf + done, n - done);
		w = file_write(out->file, &u, out->pos, flags);
		if (w <= 0) {
			*err = w;
			break;
		}
		done += (size_t)w;
	}
	return done;
}

struct copy {
	struct end in, out;
	unsigned write_flags;
	bool nowait; /* a write does not wait for the stream's other end */
	bool full;   /* the output would have had to wait */
	bool more;   /* all that was read is written */
};

/* One bufferful at most: bytes moved, or -errno. */
static long copy_chunk(struct copy *c, char *buf, size_t n, unsigned read_flags)
{
	const struct end *in = &c->in, *out = &c->out;
	bool hold = in->own && (out->pos || c->nowait); /* the locks, over the write */
	const struct end *both = hold && out->own ? out : NULL;
	uint64_t after;
	size_t wrote;
	long got, err;

	c->full = c->more = false;
	lock_ends(in, both);
	got = read_chunk(in, buf, n, read_flags);
	if (got <= 0) {
		unlock_ends(in, both);
		return got;
	}
	after = in->pos ? *in->pos : 0;
	if (!hold) {
		unlock_ends(in, NULL);
		lock_ends(out, NULL);
	}
	wrote = write_chunk(out, buf, (size_t)got, c->write_flags, &err);
	if (!hold) {
		unlock_ends(out, NULL);
		lock_ends(in, NULL);
	}
	if (in->pos && *in->pos == after) {
		*in->pos -= (size_t)got - wrote;
	}
	unlock_ends(in, both);
	c->more = wrote == (size_t)got;
	c->full = err == -EAGAIN;
	return wrote ? (long)wrote : err;
}

long file_copy(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t n,
	       unsigned flags)
{
	bool pipe = file_is_pipe(out) && S_ISREG(in->inode->mode);
	struct copy c = {
		.in = end_of(in, in_pos),
		.out = end_of(out, out_pos),
		.write_flags = pipe ? flags | IO_NOWAIT : flags,
		.nowait = pipe || file_nonblock(out, flags),
	};
	size_t size = MIN(n, (size_t)CHUNK), done = 0;
	char *buf = kmalloc(size ? size : 1);
	uint64_t same;
	long got = 0;

	if (!buf) {
		return -ENOMEM;
	}
	if (in == out && c.in.own && c.out.own) {
		/* Both begin at the one position that they have; it ends as the input's. */
		same = in->pos;
		c.out = end_of(out, &same);
	}
	while (done < n) {
		got = copy_chunk(&c, buf, MIN(n - done, size), done ? flags | IO_NOWAIT : flags);
		if (c.full && got < 0 && !done && pipe && !file_nonblock(out, flags)) {
			got = pipe_wait_room(out);
			if (!got) {
				continue;
			}
		}
		if (got <= 0) {
			break;
		}
		done += (size_t)got;
		sched_yield_point();
		if (!c.more ||
		    atomic_load_explicit(&thread_current()->interrupted, memory_order_relaxed)) {
			break;
		}
	}
	kfree(buf);
	return done ? (long)done : got;
}

/* --- splice --- */

/* What the output does not take stays in the pipe. */
static long from_pipe(struct file *in, struct file *out, uint64_t *out_pos, char *buf, size_t n,
		      bool nowait)
{
	struct end to = end_of(out, out_pos);
	bool pipe = file_is_pipe(out);
	size_t wrote = 0;
	long got, err;

	nowait |= file_nonblock(in, 0) || (pipe && file_nonblock(out, 0));
	do {
		got = pipe_take_begin(in, buf, n, nowait);
		if (got <= 0) {
			return got;
		}
		lock_ends(&to, NULL);
		wrote = write_chunk(&to, buf, (size_t)got, pipe ? IO_NOWAIT : 0, &err);
		unlock_ends(&to, NULL);
		pipe_take_end(in, wrote);
		if (wrote || err != -EAGAIN || !pipe || nowait) {
			break;
		}
		err = pipe_wait_room(out);
	} while (!err);
	return wrote ? (long)wrote : err;
}

/* What a stream gives could not be given back: no more is read than there is room for. */
static long to_pipe(struct file *in, uint64_t *in_pos, struct file *out, char *buf, size_t n,
		    bool nowait)
{
	struct end from = end_of(in, in_pos);
	long ret, got = pipe_put_begin(out, nowait || file_nonblock(out, 0));

	if (got <= 0) {
		return got;
	}
	got = read_chunk(&from, buf, MIN(n, (size_t)got), nowait ? IO_NOWAIT : 0);
	ret = pipe_put_end(out, buf, got > 0 ? (size_t)got : 0);
	return got > 0 ? ret : got;
}

long file_splice(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t n,
		 bool nowait)
{
	char *buf;
	long ret;

	if (!file_is_pipe(in) && S_ISREG(in->inode->mode)) {
		return file_copy(in, in_pos, out, out_pos, n, nowait ? IO_NOWAIT : 0);
	}
	n = MIN(n, (size_t)CHUNK);
	buf = kmalloc(n);
	if (!buf) {
		return -ENOMEM;
	}
	ret = file_is_pipe(in) ? from_pipe(in, out, out_pos, buf, n, nowait)
			       : to_pipe(in, in_pos, out, buf, n, nowait);
	kfree(buf);
	return ret;
}

/* What copy_file_range(2) refuses, at positions that don't move meanwhile.  A copy within a file
 * ends where the file ends now: what it appends is not copied, and an overlap beyond is none. */
static long check_range(const struct end *in, const struct end *out, size_t *n)
{
	uint64_t from = *in->pos, to = *out->pos;

	if (from + *n < from || to + *n < to) {
		return -EOVERFLOW;
	}
	if (in->file->inode == out->file->inode) {
		uint64_t size = atomic_load(&in->file->inode->pages.size);

		*n = from < size ? MIN(*n, size - from) : 0;
		if (from < to + *n && to < from + *n) {
			return -EINVAL;
		}
	}
	return 0;
}

/* By the file system, step by step: it serves others in between, and a signal ends it. */
static long copy_steps(const struct end *in, const struct end *out, size_t n)
{
	size_t done = 0, step;
	long got;

	do {
		step = MIN(n - done, (size_t)RANGE_STEP);
		got = in->file->ops->copy_range(in->file, *in->pos, out->file, *out->pos, step);
		if (got <= 0) {
			return done ? (long)done : got;
		}
		*in->pos += (uint64_t)got;
		*out->pos += (uint64_t)got;
		done += (size_t)got;
	} while ((size_t)got == step && done < n &&
		 !atomic_load_explicit(&thread_current()->interrupted, memory_order_relaxed));
	return (long)done;
}

long file_copy_range(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos,
		     size_t n)
{
	struct end from = end_of(in, in_pos), to = end_of(out, out_pos);
	long ret;

	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode)) {
		return -EISDIR;
	}
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode)) {
		return -EINVAL;
	}
	if (!in->readable || !out->writable || atomic_load(&out->flags) & O_APPEND) {
		return -EBADF;
	}
	lock_ends(&from, &to);
	ret = check_range(&from, &to, &n);
	n = MIN(n, MAX_RW_COUNT);
	if (!ret && n) {
		ret = -EOPNOTSUPP;
		if (in->inode->sb == out->inode->sb && in->ops->copy_range &&
		    file_write_fits(*to.pos, n)) {
			mutex_lock(&out->inode->lock);
			inode_drop_setid(out->inode);
			mutex_unlock(&out->inode->lock);
			ret = copy_steps(&from, &to, n);
		}
	}
	unlock_ends(&from, &to);
	if (ret == -EOPNOTSUPP || ret == -ENOSYS || ret == -EXDEV) {
		ret = file_copy(in, in_pos, out, out_pos, n, 0);
	}
	return ret;
}
