/* SPDX-License-Identifier: MIT */
/*
 * virtio entropy device (virtio 1.2, 5.4): one request at start, whose answer goes into the
 * kernel's generator when it comes; nobody waits for it.
 */
#include <arch/paging.h>
#include <drivers/virtio.h>
#include <debug/log.h>
#include <sync/random.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>

#define SEED_BYTES 64

struct rng {
	uint8_t *seed;
};

static void rng_queue_event(struct virtio_queue *q)
{
	struct rng *rng = q->dev->driver_data;
	uint64_t flags = spin_lock_irqsave(&q->lock);
	uint32_t written = 0;
	void *cookie;
	bool got = virtio_queue_pop(q, &cookie, &written);

	spin_unlock_irqrestore(&q->lock, flags);
	if (!got) {
		return;
	}
	random_add(rng->seed, written);
	memset(rng->seed, 0, SEED_BYTES);
}

static void rng_abort(struct virtio_queue *q, void *cookie)
{
	(void)q;
	(void)cookie; /* the kernel's own sources have to do */
}

static int rng_probe(struct virtio_device *dev)
{
	struct rng *rng = kzalloc(sizeof(*rng));
	struct vring_desc draft[1];
	struct virtio_queue *q;
	struct vring_chain c;
	uint64_t flags;
	bool kick;
	int err;

	if (!rng) {
		return -ENOMEM;
	}
	rng->seed = kzalloc(SEED_BYTES);
	if (!rng->seed) {
		kfree(rng);
		return -ENOMEM;
	}
	dev->driver_data = rng;
	err = virtio_queues_alloc(dev, 1);
	if (!err) {
		err = virtio_queue_setup(dev, 0, 4);
	}
	if (!err) {
		err = virtio_device_ready(dev);
	}
	if (err) {
		return err;
	}
	q = &dev->queues[0];
	vring_chain_init(&c, draft, ARRAY_SIZE(draft), 0);
	vring_chain_append(&c, virt_to_phys(rng->seed), SEED_BYTES, true);
	flags = spin_lock_irqsave(&q->lock);
	err = virtio_queue_submit(q, &c, rng);
	kick = !err && virtio_queue_kick_due(q);
	spin_unlock_irqrestore(&q->lock, flags);
	if (kick) {
		virtio_queue_kick(q);
	}
	return err;
}

const struct virtio_driver virtio_rng_driver = {
	.device_id = VIRTIO_ID_RNG,
	.name = "virtio-rng",
	.probe = rng_probe,
	.queue_event = rng_queue_event,
	.abort = rng_abort,
};
