/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where file data goes or comes from: a list of user segments or one kernel buffer.
 * Drivers and file systems move data only through uio_read_from()/uio_write_to().
 */
#include <mm/user_ptr.h>
#include <lib/util.h>

struct uio_seg {
	uint64_t base; /* user address, or kernel address when !user */
	uint64_t len;
};
struct uio {
	const struct uio_seg
		*segs; /* borrowed; checked: total <= INT64_MAX, ranges below USER_END */
	unsigned nsegs;
	bool user;
	unsigned seg;	  /* current segment */
	uint64_t seg_off; /* bytes of it done */
	uint64_t left;	  /* bytes left in all */
};
/* One kernel buffer / one user buffer; seg must live as long as the uio. */
void uio_init_kernel(struct uio *u, struct uio_seg *seg, void *buf, size_t n);
void uio_init_user(struct uio *u, struct uio_seg *seg, user_ptr buf, size_t n);
void uio_init_segs(struct uio *u, const struct uio_seg *segs, unsigned n, uint64_t total);
/* Moves up to n bytes to / from kernel memory and advances; returns the bytes moved, less
 * than min(n, left) only when user memory faulted. */
size_t uio_write_to(struct uio *u, const void *src, size_t n); /* kernel -> uio (a read(2)) */
size_t uio_read_from(struct uio *u, void *dst, size_t n);      /* uio -> kernel (a write(2)) */
size_t uio_zero(struct uio *u, size_t n);		       /* zeros -> uio */
/* Goes back by n bytes that were just moved. */
void uio_rewind(struct uio *u, size_t n);
