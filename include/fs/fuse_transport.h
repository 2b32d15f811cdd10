/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the FUSE client needs from a device: declared here, filled by
 * drivers/virtio/fs.c (and by a lying fake in the host tests).
 *
 * A request is a chain of readable parts (header, arguments, data), then writable parts
 * (out header, reply, data).  Parts are kernel memory in the direct map or in the kernel
 * image, physically contiguous each (a page or a kmalloc'd object), and belong to the
 * device until completion.
 *
 * submit() queues and kicks; when the ring is full it sleeps until there is room.  Exactly
 * one complete() per accepted request: from interrupt context or from poll(), with the
 * bytes that the device says it wrote (already clamped to the room given), or -EIO when
 * the device broke.
 */
#include <lib/util.h>
#include <lib/list.h>

struct fuse_part {
	void *data;
	uint32_t len;
};
#define FUSE_MAX_PARTS 264 /* 256 pages + headers */

struct fuse_request_io {
	const struct fuse_part *in; /* device reads */
	unsigned nin;
	const struct fuse_part *out; /* device writes */
	unsigned nout;
	void (*complete)(struct fuse_request_io *io, int err, uint32_t written);
	struct list link;     /* the transport's */
	uint64_t transport_priv; /* the transport's */
};
struct fuse_transport {
	const struct fuse_transport_ops *ops;
	void *priv;
	char tag[37];
};
struct fuse_transport_ops {
	/* 0, or -EIO (device broken), -EINVAL (too many parts).  May sleep. `forget` requests
	 * (no reply) go to the high priority queue. */
	int (*submit)(struct fuse_transport *t, struct fuse_request_io *io, bool forget);
	/* Looks for completions now (adaptive polling before sleeping); true when any. */
	bool (*poll)(struct fuse_transport *t);
};
