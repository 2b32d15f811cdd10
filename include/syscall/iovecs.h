/* SPDX-License-Identifier: MIT */
#pragma once
/* The segments of readv(2), sendmsg(2) and such, copied in and checked. */
#include <mm/uio.h>

#define IOVECS_INLINE 8
struct iovecs {
	struct uio_seg *segs;
	struct uio_seg few[IOVECS_INLINE];
	uint64_t total;
};
/* -EINVAL, -EFAULT, -ENOMEM; after 0 iovecs_put() is due. */
MUST_USE int iovecs_get(struct iovecs *v, user_ptr iov, uint64_t n);
void iovecs_put(struct iovecs *v);
