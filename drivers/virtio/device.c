/* SPDX-License-Identifier: MIT */
/*
 * Status, features, queues and failure of a virtio device; virtio.h has the theory.
 *
 * `broken` is set first and seen under each queue's lock, then the abort empties the queues under
 * the same locks: a request is either in the ring and aborted, or refused.  `aborted` makes one
 * caller of many do it.
 */
#include <arch/paging.h>
#include <drivers/virtio.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>

#define WANTED_ALWAYS (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)
#define RING_ALIGN 64 /* 2.7 asks for 16; a cache line keeps rings apart */

static const struct virtio_driver *driver_find(uint32_t id)
{
	for (unsigned i = 0; i < virtio_driver_count; i++) {
		if (virtio_drivers[i]->device_id == id) {
			return virtio_drivers[i];
		}
	}
	return NULL;
}

static void add_status(struct virtio_device *dev, uint8_t bits)
{
	dev->ops->set_status(dev, dev->ops->get_status(dev) | bits);
}

/* 3.1.1, steps 4 to 6. */
static int negotiate(struct virtio_device *dev)
{
	uint64_t offered = dev->ops->get_features(dev);

	if (!(offered & VIRTIO_F_VERSION_1)) {
		log_error("%s: legacy device (QEMU: -global virtio-mmio.force-legacy=false)",
			  dev->name);
		return -ENODEV;
	}
	dev->features = offered & (WANTED_ALWAYS | dev->driver->features);
	dev->ops->set_features(dev, dev->features);
	add_status(dev, VIRTIO_STATUS_FEATURES_OK);
	if (!(dev->ops->get_status(dev) & VIRTIO_STATUS_FEATURES_OK)) {
		log_error("%s: device refuses features %#llx of %#llx", dev->name,
			  (unsigned long long)dev->features, (unsigned long long)offered);
		return -ENODEV;
	}
	return 0;
}

int virtio_device_attach(struct virtio_device *dev)
{
	int err;

	dev->driver = driver_find(dev->id);
	if (!dev->driver) {
		return -ENODEV;
	}
	dev->ops->set_status(dev, 0);
	dev->ops->set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	err = negotiate(dev);
	if (!err) {
		err = dev->driver->probe(dev);
	}
	if (err) {
		log_error("%s: can't be used (error %d)", dev->name, -err);
		add_status(dev, VIRTIO_STATUS_FAILED);
	}
	return err;
}

int virtio_queues_alloc(struct virtio_device *dev, unsigned n)
{
	ASSERT(!dev->queues);
	dev->queues = kcalloc(n, sizeof(*dev->queues));
	if (!dev->queues) {
		return -ENOMEM;
	}
	dev->nqueues = n;
	for (unsigned i = 0; i < n; i++) {
		dev->queues[i].dev = dev;
		dev->queues[i].index = (uint16_t)i;
		spin_init(&dev->queues[i].lock, RANK_DEVICE, dev->driver->name);
	}
	return 0;
}

int virtio_queue_setup(struct virtio_device *dev, unsigned index, uint16_t size)
{
	struct virtio_queue *q = &dev->queues[index];
	uint16_t max = dev->ops->queue_max(dev, (uint16_t)index);
	uint64_t phys;
	int err;

	ASSERT(index < dev->nqueues && !q->mem);
	if (max == 0) {
		log_error("%s: queue %u is missing", dev->name, index);
		return -ENODEV;
	}
	while (size > max) {
		size /= 2;
	}
	q->mem = kzalloc(vring_bytes(size) + RING_ALIGN);
	q->slots = kcalloc(size, sizeof(struct vring_slot));
	if (!q->mem || !q->slots) {
		err = -ENOMEM;
		goto out_free;
	}
	void *mem = (void *)ALIGN_UP((uintptr_t)q->mem, RING_ALIGN);

	vring_init(&q->ring, mem, q->slots, size, dev->features & VIRTIO_F_INDIRECT_DESC,
		   dev->features & VIRTIO_F_EVENT_IDX);
	phys = virt_to_phys(mem);
	err = dev->ops->queue_enable(dev, (uint16_t)index, size, phys,
				     phys + vring_avail_offset(size),
				     phys + vring_used_offset(size));
	if (err) {
		goto out_free;
	}
	return 0;
out_free:
	kfree(q->mem);
	kfree(q->slots);
	q->mem = NULL;
	q->slots = NULL;
	return err;
}

int virtio_device_ready(struct virtio_device *dev)
{
	int err = dev->ops->irq_connect(dev);

	if (err) {
		log_error("%s: no interrupt (error %d)", dev->name, -err);
		return err;
	}
	add_status(dev, VIRTIO_STATUS_DRIVER_OK);
	if (dev->ops->get_status(dev) & VIRTIO_STATUS_NEEDS_RESET) {
		log_error("%s: device failed at start", dev->name);
		return -EIO;
	}
	return 0;
}

void virtio_device_irq(struct virtio_device *dev)
{
	/* Acknowledge before looking: what completes after the look raises the line again. */
	uint32_t causes = dev->ops->irq_ack(dev);

	if (virtio_is_broken(dev)) {
		return;
	}
	if (causes & VIRTIO_IRQ_CONFIG && dev->ops->get_status(dev) & VIRTIO_STATUS_NEEDS_RESET) {
		virtio_device_broken(dev, "device asks for a reset");
	}
	if (causes & VIRTIO_IRQ_QUEUE) {
		for (unsigned i = 0; i < dev->nqueues; i++) {
			if (dev->queues[i].mem) {
				dev->driver->queue_event(&dev->queues[i]);
			}
		}
	}
	virtio_device_abort_if_broken(dev);
}

void virtio_device_broken(struct virtio_device *dev, const char *why)
{
	if (!atomic_exchange_explicit(&dev->broken, true, memory_order_acq_rel)) {
		log_error("%s: device broken: %s; its requests end with EIO", dev->name, why);
	}
}

bool virtio_device_abort_if_broken(struct virtio_device *dev)
{
	if (!virtio_is_broken(dev)) {
		return false;
	}
	if (atomic_exchange_explicit(&dev->aborted, true, memory_order_acq_rel)) {
		return true;
	}
	/* The buffers are ours again only after this (2.4.1). */
	dev->ops->set_status(dev, 0);
	for (unsigned i = 0; i < dev->nqueues; i++) {
		struct virtio_queue *q = &dev->queues[i];

		while (q->mem) {
			uint64_t flags = spin_lock_irqsave(&q->lock);
			void *cookie;
			bool any = vring_detach(&q->ring, &cookie);

			spin_unlock_irqrestore(&q->lock, flags);
			if (!any) {
				break;
			}
			dev->driver->abort(q, cookie);
		}
	}
	if (dev->driver->aborted) {
		dev->driver->aborted(dev);
	}
	return true;
}

int virtio_queue_submit(struct virtio_queue *q, const struct vring_chain *c, void *cookie)
{
	DEBUG_ASSERT(spin_held(&q->lock));
	if (virtio_is_broken(q->dev)) {
		return -EIO;
	}
	return vring_submit(&q->ring, c, cookie);
}

bool virtio_queue_pop(struct virtio_queue *q, void **cookie, uint32_t *written)
{
	uint32_t long_lens = q->ring.long_lens;
	int got;

	DEBUG_ASSERT(spin_held(&q->lock));
	if (virtio_is_broken(q->dev)) {
		return false;
	}
	got = vring_poll(&q->ring, cookie, written);
	if (got < 0) {
		virtio_device_broken(q->dev, q->ring.error);
	} else if (long_lens == 0 && q->ring.long_lens > 0) {
		log_warn("%s: queue %u: used length above the buffer's, cut", q->dev->name,
			 q->index);
	}
	return got > 0;
}

bool virtio_queue_kick_due(struct virtio_queue *q)
{
	DEBUG_ASSERT(spin_held(&q->lock));
	if (virtio_is_broken(q->dev) || !vring_kick_needed(&q->ring)) {
		return false;
	}
	return true;
}

void virtio_queue_kick(struct virtio_queue *q)
{
	q->dev->ops->kick(q->dev, q->index);
}
