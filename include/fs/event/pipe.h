/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Pipes and FIFOs: a ring of bytes in pages that exist while they hold data.
 *
 * Capacity 64 KiB (F_SETPIPE_SZ changes it).  Writes of up to PIPE_BUF bytes are atomic: all
 * or wait.  Larger ones move what fits.  pipe->mutex (RANK_PIPE) is held over user copies.
 * A user is charged with the capacity of its pipes, whether there is data or not.
 * A pipe lives as long as its inode's open files (counted in users).
 */
#include <lib/util.h>
#include <mm/uio.h>

struct file;

MUST_USE int pipe_create(int flags, struct file **reader, struct file **writer);
/* F_SETPIPE_SZ / F_GETPIPE_SZ: bytes or -errno (-EBADF: not a pipe). */
long pipe_set_size(struct file *f, uint64_t size);
long pipe_get_size(struct file *f);
bool file_is_pipe(const struct file *f);
/*
 * splice: bytes on the way from or into a pipe, see pipe_splice.c.  When a beginning gives > 0 (0
 * is the end of the data, else -errno), that much is the caller's alone until its end, which must
 * come on any path.
 */
/* The oldest bytes, up to n, are copied to buf and stay in the pipe ... */
MUST_USE long pipe_take_begin(struct file *f, char *buf, size_t n, bool nowait);
/* ... until the first n of them go. */
void pipe_take_end(struct file *f, size_t n);
/* How many bytes there is room for ... */
MUST_USE long pipe_put_begin(struct file *f, bool nowait);
/* ... and n of them: n, or -errno. */
MUST_USE long pipe_put_end(struct file *f, char *buf, size_t n);
/* Until a pipe may take something, or nobody will read it any more. */
MUST_USE int pipe_wait_room(struct file *f);
/* Copies without consuming (tee): up to n bytes from in to out. */
long pipe_tee(struct file *in, struct file *out, size_t n, bool nowait);
extern uint64_t pipe_max_size; /* /proc/sys/fs/pipe-max-size */
/* /proc/sys/fs/pipe-user-pages-soft, in pages: a user who has more gets small pipes, see pipe(7). */
#define PIPE_USER_PAGES_SOFT 16384
