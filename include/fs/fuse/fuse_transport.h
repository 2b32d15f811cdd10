/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the FUSE client needs from a device: declared here, filled by
 * drivers/virtio/fs.c (and by a lying fake in the host tests).
 *
 * A request is a chain of readable parts (header, arguments, data), then writable parts
 * (out header, reply, data).  Parts are kernel memory in the direct map or in the kernel
 * image, physically contiguous each (a page or a kmalloc'd object), and belong to the
 * device until completion.  Parts of length 0 are left out.
 *
 * submit() queues and kicks; when the ring is full it sleeps until there is room.  Exactly
 * one complete() per accepted request: from interrupt context or from poll(), never under a
 * lock of the transport, with the bytes that the device says it wrote (already clamped to
 * the room given), or -EIO when the device broke.  There are no timeouts: a slow daemon is
 * not a broken one.
 *
 * Polling before sleeping: poll_begin() asks the device for no interrupts, so that a
 * request which is answered soon costs none; then submit(), poll() for some ten
 * microseconds, and poll_end(), which also collects what came meanwhile, before sleeping.
 * The three nest over threads and CPUs; without them everything works by interrupts.
 *
 * virtiofsd moves the data of a WRITE without copying only when the parts are: fuse_in_header
 * alone, fuse_write_in alone, then data.
 */
#include <lib/util.h>
#include <lib/list.h>

struct fuse_part {
	void *data;
	uint32_t len;
};
#define FUSE_MAX_PARTS 264	/* 256 pages + headers */
#define FUSE_MAX_FORGET_PARTS 4 /* of a request with forget = true */

struct fuse_request_io {
	const struct fuse_part *in; /* device reads; parts are not needed after submit() */
	unsigned nin;
	const struct fuse_part *out; /* device writes */
	unsigned nout;
	/* Another submit() by this thread follows at once, so the device need not be told
	 * yet.  The last of a batch must have it false. */
	bool more;
	void (*complete)(struct fuse_request_io *io, int err, uint32_t written);
	struct list link;	 /* the transport's */
	uint64_t transport_priv; /* the transport's */
	uint32_t written;	 /* the transport's */
};
struct fuse_transport {
	const struct fuse_transport_ops *ops;
	void *priv;
	char tag[37];
	struct list link; /* the registry's */
};
struct fuse_transport_ops {
	/* 0, or -EIO (device broken), -EINVAL (too many parts).  May sleep. `forget` requests
	 * (no reply) go to the high priority queue. */
	int (*submit)(struct fuse_transport *t, struct fuse_request_io *io, bool forget);
	/* Looks for completions now (adaptive polling before sleeping); true when any. */
	bool (*poll)(struct fuse_transport *t);
	/* See above. */
	void (*poll_begin)(struct fuse_transport *t);
	void (*poll_end)(struct fuse_transport *t);
};

/* kernel/fs/fuse/fuse_transport.c.  A driver registers while devices are probed, before anything
 * is mounted; transports stay for ever.  -EEXIST: a second device with the same tag. */
MUST_USE int fuse_transport_register(struct fuse_transport *t);
struct fuse_transport *fuse_transport_find(const char *tag);
