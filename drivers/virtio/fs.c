/* SPDX-License-Identifier: MIT */
/*
 * virtio file system device (virtio 1.2, 5.11): carries FUSE requests for the client in
 * kernel/fs.  Queue 0 is the high priority queue, for FORGET only; queue 1 takes the rest
 * (virtiofsd has one request queue).
 *
 * Short requests take descriptors of the ring itself; longer ones an indirect table from
 * kmalloc(), so that a 1 MiB transfer (258 parts) takes one descriptor.  When there is no
 * memory for a table (write-back that is to free some), the ring's own descriptors do.
 *
 * A timer that runs only while requests are out says when the daemon has answered nothing
 * for a while; it does nothing about it.
 */
#include <arch/clock.h>
#include <arch/paging.h>
#include <drivers/virtio.h>
#include <fs/fuse/fuse_transport.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <sched/timer.h>
#include <sync/waitq.h>

#define QUEUE_HIPRIO 0
#define QUEUE_REQUEST 1
#define HIPRIO_SIZE 128
#define REQUEST_SIZE 512 /* a chain must not be longer than its queue (2.7.5.3.1) */
#define DIRECT_MAX 4
#define STALL_NS (30 * NSEC_PER_SEC)

struct virtio_fs {
	struct virtio_device *dev;
	struct fuse_transport transport;
	struct waitq room; /* woken when descriptors come back */
	_Atomic unsigned room_waiters;
	unsigned pollers;	  /* request queue's lock */
	struct vring_desc *draft; /* request queue's lock; FUSE_MAX_PARTS entries */
	struct timer stall;
	_Atomic uint64_t completed; /* requests, for the stall timer */
	uint64_t completed_then;    /* timer only */
	bool stalled;		    /* timer only: was logged */
};

static struct virtio_queue *request_queue(struct virtio_fs *fs)
{
	return &fs->dev->queues[QUEUE_REQUEST];
}

static void finish(struct virtio_fs *fs, struct fuse_request_io *io, int err)
{
	kfree((void *)(uintptr_t)io->transport_priv);
	io->transport_priv = 0;
	atomic_fetch_add_explicit(&fs->completed, 1, memory_order_relaxed);
	io->complete(io, err, err ? 0 : io->written); /* io may be gone now */
}

/* Collects completions of q; returns how many. */
static unsigned drain(struct virtio_fs *fs, struct virtio_queue *q)
{
	struct list done = LIST_INIT(done), *l;
	bool quiet, again;
	unsigned n = 0;
	uint64_t flags = spin_lock_irqsave(&q->lock);

	do {
		struct fuse_request_io *io;
		uint32_t written;
		void *cookie;

		while (virtio_queue_pop(q, &cookie, &written)) {
			io = cookie;
			io->written = written;
			list_init(&io->link);
			list_push_back(&done, &io->link);
		}
		quiet = q->index == QUEUE_REQUEST && fs->pollers > 0;
		again = !quiet && !virtio_is_broken(fs->dev) && vring_irq_enable(&q->ring, 0);
	} while (again);
	spin_unlock_irqrestore(&q->lock, flags);

	while ((l = list_pop_front(&done))) {
		finish(fs, list_entry(l, struct fuse_request_io, link), 0);
		n++;
	}
	/* The waiter counts itself before it looks for room, see submit_wait(). */
	if (n && atomic_load_explicit(&fs->room_waiters, memory_order_seq_cst)) {
		waitq_wake_all(&fs->room);
	}
	virtio_device_abort_if_broken(fs->dev);
	return n;
}

static void fs_queue_event(struct virtio_queue *q)
{
	if (vring_pending(&q->ring)) {
		drain(q->dev->driver_data, q);
	}
}

static void fs_abort(struct virtio_queue *q, void *cookie)
{
	finish(q->dev->driver_data, cookie, -EIO);
}

static void fs_aborted(struct virtio_device *dev)
{
	struct virtio_fs *fs = dev->driver_data;

	waitq_wake_all(&fs->room);
}

static bool fs_poll(struct fuse_transport *t)
{
	struct virtio_fs *fs = t->priv;

	return vring_pending(&request_queue(fs)->ring) && drain(fs, request_queue(fs)) > 0;
}

static void fs_poll_begin(struct fuse_transport *t)
{
	struct virtio_fs *fs = t->priv;
	struct virtio_queue *q = request_queue(fs);
	uint64_t flags = spin_lock_irqsave(&q->lock);

	fs->pollers++;
	vring_irq_disable(&q->ring);
	spin_unlock_irqrestore(&q->lock, flags);
}

static void fs_poll_end(struct fuse_transport *t)
{
	struct virtio_fs *fs = t->priv;
	struct virtio_queue *q = request_queue(fs);
	uint64_t flags = spin_lock_irqsave(&q->lock);
	bool last;

	ASSERT(fs->pollers > 0);
	last = --fs->pollers == 0;
	spin_unlock_irqrestore(&q->lock, flags);
	if (last) {
		drain(fs, q); /* asks for interrupts again */
	}
}

static void stall_check(struct timer *timer)
{
	struct virtio_fs *fs = container_of(timer, struct virtio_fs, stall);
	uint64_t completed = atomic_load_explicit(&fs->completed, memory_order_relaxed);
	unsigned waiting = READ_ONCE(request_queue(fs)->ring.inflight);

	if (waiting == 0 || virtio_is_broken(fs->dev)) {
		return; /* armed again by the next request */
	}
	if (completed == fs->completed_then && !fs->stalled) {
		log_warn("%s: no answer for %u s, %u requests wait", fs->dev->name,
			 (unsigned)(STALL_NS / NSEC_PER_SEC), waiting);
	}
	fs->stalled = completed == fs->completed_then;
	fs->completed_then = completed;
	timer_arm(timer, clock_mono_ns() + STALL_NS);
}

static void append_parts(struct vring_chain *c, const struct fuse_request_io *io)
{
	for (unsigned i = 0; i < io->nin; i++) {
		vring_chain_append(c, virt_to_phys(io->in[i].data), io->in[i].len, false);
	}
	for (unsigned i = 0; i < io->nout; i++) {
		vring_chain_append(c, virt_to_phys(io->out[i].data), io->out[i].len, true);
	}
}

/* One attempt; -ENOSPC when the ring is full (the device has been kicked then). */
static int submit_once(struct virtio_fs *fs, struct virtio_queue *q, struct fuse_request_io *io)
{
	struct vring_desc *table = (struct vring_desc *)(uintptr_t)io->transport_priv;
	struct vring_desc small[DIRECT_MAX];
	unsigned parts = io->nin + io->nout;
	struct vring_chain c;
	uint64_t flags;
	bool kick;
	int err;

	if (table) {
		vring_chain_init(&c, table, parts, virt_to_phys(table));
		append_parts(&c, io);
	}
	flags = spin_lock_irqsave(&q->lock);
	if (!table) {
		bool fits = parts <= DIRECT_MAX;

		vring_chain_init(&c, fits ? small : fs->draft, fits ? DIRECT_MAX : FUSE_MAX_PARTS,
				 0);
		append_parts(&c, io);
	}
	err = virtio_queue_submit(q, &c, io);
	kick = (!io->more || err == -ENOSPC) && virtio_queue_kick_due(q);
	spin_unlock_irqrestore(&q->lock, flags);
	if (kick) {
		virtio_queue_kick(q);
	}
	return err;
}

struct submission {
	struct virtio_fs *fs;
	struct virtio_queue *q;
	struct fuse_request_io *io;
	int err;
};

static bool submitted(void *arg)
{
	struct submission *s = arg;

	s->err = submit_once(s->fs, s->q, s->io);
	return s->err != -ENOSPC;
}

static int submit_wait(struct virtio_fs *fs, struct virtio_queue *q, struct fuse_request_io *io)
{
	struct submission s = { .fs = fs, .q = q, .io = io };

	atomic_fetch_add_explicit(&fs->room_waiters, 1, memory_order_seq_cst);
	(void)!waitq_wait_until(&fs->room, submitted, &s, WAIT_UNINTR, DEADLINE_NONE);
	atomic_fetch_sub_explicit(&fs->room_waiters, 1, memory_order_relaxed);
	return s.err;
}

static bool lengths_sane(const struct fuse_request_io *io)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < io->nin; i++) {
		total += io->in[i].len;
	}
	for (unsigned i = 0; i < io->nout; i++) {
		total += io->out[i].len;
	}
	return total > 0 && total <= INT32_MAX;
}

static int fs_submit(struct fuse_transport *t, struct fuse_request_io *io, bool forget)
{
	struct virtio_fs *fs = t->priv;
	struct virtio_queue *q = &fs->dev->queues[forget ? QUEUE_HIPRIO : QUEUE_REQUEST];
	unsigned max = forget ? FUSE_MAX_FORGET_PARTS : FUSE_MAX_PARTS;
	int err;

	if (io->nin > max || io->nout > max - io->nin || !lengths_sane(io)) {
		return -EINVAL;
	}
	io->transport_priv = 0;
	if (io->nin + io->nout > DIRECT_MAX && q->ring.indirect) {
		io->transport_priv =
			(uintptr_t)kmalloc((io->nin + io->nout) * sizeof(struct vring_desc));
	}
	/* before the submit, after which io belongs to its completion */
	if (!forget && !timer_pending(&fs->stall)) {
		timer_arm(&fs->stall, clock_mono_ns() + STALL_NS);
	}
	err = submit_once(fs, q, io);
	if (err == -ENOSPC) {
		err = submit_wait(fs, q, io);
	}
	if (err) {
		kfree((void *)(uintptr_t)io->transport_priv);
	}
	return err;
}

static const struct fuse_transport_ops fs_ops = {
	.submit = fs_submit,
	.poll = fs_poll,
	.poll_begin = fs_poll_begin,
	.poll_end = fs_poll_end,
};

/* Configuration space, 5.11.4: char tag[36], not terminated when it is 36 long.  Each byte
 * read is an exit, so a short tag is not read to the end. */
static void read_tag(struct virtio_device *dev, char tag[37])
{
	memset(tag, 0, 37);
	dev->ops->read_config(dev, 0, tag, 8);
	if (!memchr(tag, 0, 8)) {
		dev->ops->read_config(dev, 0, tag, 36);
	}
}

static int fs_probe(struct virtio_device *dev)
{
	struct virtio_fs *fs = kzalloc(sizeof(*fs));
	int err = -ENOMEM;

	if (!fs) {
		return -ENOMEM;
	}
	fs->draft = kcalloc(FUSE_MAX_PARTS, sizeof(*fs->draft));
	if (!fs->draft) {
		goto out_free;
	}
	fs->dev = dev;
	waitq_init(&fs->room);
	timer_init(&fs->stall, stall_check);
	fs->transport.ops = &fs_ops;
	fs->transport.priv = fs;
	read_tag(dev, fs->transport.tag);
	dev->driver_data = fs;
	err = virtio_queues_alloc(dev, 2);
	if (!err) {
		err = virtio_queue_setup(dev, QUEUE_HIPRIO, HIPRIO_SIZE);
	}
	if (!err) {
		err = virtio_queue_setup(dev, QUEUE_REQUEST, REQUEST_SIZE);
	}
	if (err) {
		goto out_free;
	}
	err = virtio_device_ready(dev);
	if (err) {
		return err; /* the interrupt may come: nothing is freed */
	}
	err = fuse_transport_register(&fs->transport);
	if (err) {
		log_error("%s: a second device has the tag %s", dev->name, fs->transport.tag);
	}
	return err;
out_free:
	kfree(fs->draft);
	kfree(fs);
	return err;
}

const struct virtio_driver virtio_fs_driver = {
	.device_id = VIRTIO_ID_FS,
	.name = "virtio-fs",
	.probe = fs_probe,
	.queue_event = fs_queue_event,
	.abort = fs_abort,
	.aborted = fs_aborted,
};
