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
 */
#include <fs/copy.h>

#include "fs_internal.h"

#include <fs/file.h>
#include <fs/inode.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <sched/thread.h>
#include <sync/mutex.h>

#define CHUNK 65536

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

/* The locks of those ends that use their file's own position. */
static void lock_ends(const struct end *a, const struct end *b)
{
	struct file *first = a && a->own ? a->file : NULL;
	struct file *second = b && b->own ? b->file : NULL;

	if (first == second) {
		second = NULL;
	}
	if (first && second && first > second) {
		struct file *f = first;

		first = second;
		second = f;
	}
	if (first) {
		mutex_lock(&first->pos_lock);
	}
	if (second && first) {
		mutex_lock_nested(&second->pos_lock);
	} else if (second) {
		mutex_lock(&second->pos_lock);
	}
}
static void unlock_ends(const struct end *a, const struct end *b)
{
	if (a && a->own) {
		mutex_unlock(&a->file->pos_lock);
	}
	if (b && b->own && !(a && a->own && a->file == b->file)) {
		mutex_unlock(&b->file->pos_lock);
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

/* One bufferful at most: bytes moved, *more says whether to go on; or -errno. */
static long copy_chunk(const struct end *in, const struct end *out, char *buf, size_t n,
		       unsigned read_flags, unsigned flags, bool *more)
{
	/* The locks are held over the write unless that may wait for somebody. */
	bool hold = in->own && (out->pos || file_nonblock(out->file, flags));
	const struct end *both = hold && out->own ? out : NULL;
	uint64_t after;
	size_t wrote;
	long got, err;

	lock_ends(in, both);
	got = read_chunk(in, buf, n, read_flags);
	if (got <= 0) {
		unlock_ends(in, both);
		*more = false;
		return got;
	}
	after = in->pos ? *in->pos : 0;
	if (!hold) {
		unlock_ends(in, NULL);
		lock_ends(out, NULL);
	}
	wrote = write_chunk(out, buf, (size_t)got, flags, &err);
	if (!hold) {
		unlock_ends(out, NULL);
	}
	*more = wrote == (size_t)got;
	if (!*more && in->pos) {
		if (!hold) {
			lock_ends(in, NULL);
		}
		if (*in->pos == after) {
			*in->pos -= (size_t)got - wrote;
		}
		if (!hold) {
			unlock_ends(in, NULL);
		}
	}
	if (hold) {
		unlock_ends(in, both);
	}
	return wrote ? (long)wrote : err;
}

long file_copy(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t n,
	       unsigned flags)
{
	struct end from = end_of(in, in_pos), to = end_of(out, out_pos);
	size_t size = MIN(n, (size_t)CHUNK), done = 0;
	char *buf = kmalloc(size ? size : 1);
	bool more = true;
	long got = 0;

	if (!buf) {
		return -ENOMEM;
	}
	while (more && done < n) {
		got = copy_chunk(&from, &to, buf, MIN(n - done, size),
				 done ? flags | IO_NOWAIT : flags, flags, &more);
		if (got <= 0) {
			break;
		}
		done += (size_t)got;
		if (atomic_load_explicit(&thread_current()->interrupted, memory_order_relaxed)) {
			break;
		}
	}
	kfree(buf);
	return done ? (long)done : got;
}

/* What copy_file_range(2) refuses, at positions that don't move meanwhile. */
static long check_range(const struct end *in, const struct end *out, size_t n)
{
	uint64_t from = *in->pos, to = *out->pos;

	if (from + n < from || to + n < to) {
		return -EOVERFLOW;
	}
	if (in->file->inode == out->file->inode && from < to + n && to < from + n && n) {
		return -EINVAL;
	}
	return 0;
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
	ret = check_range(&from, &to, n);
	n = MIN(n, MAX_RW_COUNT);
	if (!ret && n) {
		ret = -EOPNOTSUPP;
		if (in->inode->sb == out->inode->sb && in->ops->copy_range) {
			ret = in->ops->copy_range(in, *from.pos, out, *to.pos, n);
		}
		if (ret > 0) {
			*from.pos += (uint64_t)ret;
			*to.pos += (uint64_t)ret;
		}
	}
	unlock_ends(&from, &to);
	if (ret == -EOPNOTSUPP || ret == -ENOSYS || ret == -EXDEV) {
		ret = file_copy(in, in_pos, out, out_pos, n, 0);
	}
	return ret;
}
