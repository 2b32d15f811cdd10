/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * virtio devices (virtio 1.2): what is common to all of them.
 *
 * Layers: ring.c (pure) - device.c (status, features, queues, failure) - a transport
 * (mmio.c; the tests have a fake) below, drivers (fs.c, console.c, rng.c) above.
 *
 * Life of a device (3.1.1): the transport finds it and calls virtio_device_attach(), which
 * looks up the driver by device id, resets, negotiates features and calls probe(); the
 * driver sets its queues up, fills them, calls virtio_device_ready() (DRIVER_OK; from here
 * on interrupts come) and may use kicks.  There is no removal.
 *
 * Locks: each queue has one (RANK_DEVICE, irq), for its ring and whatever the driver says.
 * No wait queue may be woken and no completion function called under it (RANK_WAITQ comes
 * first): collect, unlock, then complete.
 *
 * A device that lies is broken for good: virtio_device_broken() (any context, locks may be
 * held) marks it and logs one line; from then on virtio_queue_submit() fails with -EIO.
 * Whoever notices calls virtio_device_abort_if_broken() after dropping its locks; the first
 * such call resets the device, so that it no longer owns memory, and hands every chain in
 * flight to the driver's abort().  The check under the queue's lock makes this complete: a
 * request is either in the ring before the abort looks (and is aborted) or sees the mark.
 *
 * A slow device is not a broken one: virtiofsd may wait for a disk as long as it likes.
 * There are no timeouts; waits for requests are killable instead.
 */
#include <drivers/virtio_ring.h>
#include <stdatomic.h>
#include <sync/spinlock.h>

enum virtio_device_id {
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4,
	VIRTIO_ID_VSOCK = 19,
	VIRTIO_ID_FS = 26,
};
/* device status, 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER 2
#define VIRTIO_STATUS_DRIVER_OK 4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_NEEDS_RESET 64
#define VIRTIO_STATUS_FAILED 128
/* feature bits, 6 */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
/* causes of an interrupt, 4.2.2 */
#define VIRTIO_IRQ_QUEUE 1
#define VIRTIO_IRQ_CONFIG 2

struct virtio_device;

struct virtio_transport {
	uint8_t (*get_status)(struct virtio_device *dev);
	void (*set_status)(struct virtio_device *dev, uint8_t status); /* 0 waits for the reset */
	uint64_t (*get_features)(struct virtio_device *dev);
	void (*set_features)(struct virtio_device *dev, uint64_t features);
	/* Largest size of a queue, 0 = there is no such queue. */
	uint16_t (*queue_max)(struct virtio_device *dev, uint16_t index);
	/* Tells the device where a queue is and enables it: 0 or -EIO. */
	int (*queue_enable)(struct virtio_device *dev, uint16_t index, uint16_t size, uint64_t desc,
			    uint64_t avail, uint64_t used);
	void (*kick)(struct virtio_device *dev, uint16_t index);
	/* A consistent copy of part of the configuration space (generation loop, 2.5.1). */
	void (*read_config)(struct virtio_device *dev, unsigned offset, void *buf, size_t n);
	/* Reads and acknowledges the pending causes. */
	uint32_t (*irq_ack)(struct virtio_device *dev);
	/* Routes the device's interrupt to virtio_device_irq(dev). */
	int (*irq_connect)(struct virtio_device *dev);
};

struct virtio_queue {
	struct virtio_device *dev;
	uint16_t index;
	SPINLOCK(device) lock;
	struct vring ring GUARDED_BY(device_role);
	void *mem, *slots; /* [I] */
};

struct virtio_driver {
	uint32_t device_id;
	const char *name;
	uint64_t features; /* wanted beside VERSION_1, INDIRECT_DESC and EVENT_IDX */
	/* Sets the queues up and calls virtio_device_ready().  0 or -errno (logged). */
	int (*probe)(struct virtio_device *dev);
	/* Interrupt context, no lock held: something may have completed in q. */
	void (*queue_event)(struct virtio_queue *q);
	/* The device broke: q gives this request back.  Any context, no lock held. */
	void (*abort)(struct virtio_queue *q, void *cookie);
	/* After the last abort(): wake who waits for room or events.  Optional. */
	void (*aborted)(struct virtio_device *dev);
};

struct virtio_device {
	const struct virtio_transport *ops; /* [I] */
	void *transport;		    /* [I] the transport's */
	uint32_t id;			    /* [I] enum virtio_device_id */
	char name[24];			    /* [I] for messages: "virtio-fs@feb00e00" */
	const struct virtio_driver *driver; /* [I] */
	void *driver_data;		    /* [I] the driver's, set before ready */
	uint64_t features;		    /* [I] negotiated */
	struct virtio_queue *queues;	    /* [I] NULL mem = not in use */
	unsigned nqueues;		    /* [I] */
	_Atomic bool broken;		    /* [a] */
	_Atomic bool aborted;		    /* [a] */
};

/* Transport: a device was found.  dev (zeroed except ops, transport, id, name) stays for
 * ever.  0, -ENODEV (no driver for it), -errno. */
MUST_USE int virtio_device_attach(struct virtio_device *dev);
/* Transport: its interrupt came. */
void virtio_device_irq(struct virtio_device *dev);

/* Drivers, from probe(): room for queues 0..n-1 (none set up yet). */
MUST_USE int virtio_queues_alloc(struct virtio_device *dev, unsigned n);
/* Sets queue `index` up with the largest power of two <= size that the device allows. */
MUST_USE int virtio_queue_setup(struct virtio_device *dev, unsigned index, uint16_t size);
MUST_USE int virtio_device_ready(struct virtio_device *dev);

void virtio_device_broken(struct virtio_device *dev, const char *why);
static inline bool virtio_is_broken(const struct virtio_device *dev)
{
	return atomic_load_explicit(&dev->broken, memory_order_acquire);
}
/* No lock held.  True when the device is broken. */
bool virtio_device_abort_if_broken(struct virtio_device *dev) EXCLUDES(device_role);

/* With q->lock held.  As vring_submit(); -EIO when the device is broken. */
MUST_USE int virtio_queue_submit(struct virtio_queue *q, const struct vring_chain *c, void *cookie)
	REQUIRES(device_role);
/* With q->lock held: takes a completion; false when there is none, or when the device broke
 * (then marked). */
MUST_USE bool virtio_queue_pop(struct virtio_queue *q, void **cookie, uint32_t *written)
	REQUIRES(device_role);
/* With q->lock held: is a kick due?  Then call virtio_queue_kick() after dropping it. */
MUST_USE bool virtio_queue_kick_due(struct virtio_queue *q) REQUIRES(device_role);
void virtio_queue_kick(struct virtio_queue *q);

/* The list of drivers (drivers/registry.c). */
extern const struct virtio_driver *const virtio_drivers[];
extern const unsigned virtio_driver_count;
extern const struct virtio_driver virtio_fs_driver, virtio_console_driver, virtio_rng_driver;
