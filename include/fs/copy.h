/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * From file to file inside the kernel: sendfile, splice, copy_file_range.
 *
 * A position of NULL is the file's own.  Those of regular files are kept for as long as the bytes
 * are on the way, so that of several threads that share them each byte moves once.
 */
#include <lib/util.h>

struct file;

/* Moves up to n bytes through a kernel buffer; stops at a short read or write.  Bytes, or -errno
 * when none moved.  flags: enum io_flags. */
long file_copy(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t n,
	       unsigned flags);
/* splice(2), one of them a pipe: at most one bufferful, and no byte is lost. */
long file_splice(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos, size_t n,
		 bool nowait);
/* copy_file_range(2): regular files, inside the file system where it can. */
long file_copy_range(struct file *in, uint64_t *in_pos, struct file *out, uint64_t *out_pos,
		     size_t n);
