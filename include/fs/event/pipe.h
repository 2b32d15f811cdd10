/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Pipes and FIFOs: a ring of bytes in pages that exist while they hold data.
 *
 * Capacity 64 KiB (F_SETPIPE_SZ changes it).  Writes of up to PIPE_BUF bytes are atomic: all
 * or wait.  Larger ones move what fits.  pipe->mutex (RANK_PIPE) is held over user copies.
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
/* Copies without consuming (tee): up to n bytes from in to out. */
long pipe_tee(struct file *in, struct file *out, size_t n, bool nowait);
extern uint64_t pipe_max_size; /* /proc/sys/fs/pipe-max-size */
