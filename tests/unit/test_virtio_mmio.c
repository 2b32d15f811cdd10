/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: drivers/virtio/mmio.c drivers/virtio/device.c drivers/virtio/ring.c kernel/lib/cmdline.c kernel/lib/format.c tests/unit/shim/fake_virtio.c tests/unit/shim/strings.c tests/unit/shim/base.c */
/* Discovery of virtio-mmio devices.  The registers are plain memory: a write reads back. */
#include "test.h"
#include "shim/fake_virtio.h"
#include <arch/irq.h>
#include <arch/paging.h>
#include <drivers/virtio_mmio.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <string.h>

enum { MAGIC = 0, VERSION = 1, DEVICE_ID = 2, FEATURES = 4, QUEUE_MAX = 13, STATUS = 28 };

static uint32_t slots[8][0x200 / 4];
static unsigned probed[8], nprobed, irqs[8], nirqs;

static int probe(struct virtio_device *dev)
{
	uint8_t config[4];

	dev->ops->read_config(dev, 0, config, sizeof(config));
	CHECK_EQ(config[0], 'c');
	dev->ops->read_config(dev, 0xfe, config, sizeof(config)); /* behind the end: zeros */
	CHECK_EQ(config[2], 0);
	probed[nprobed++] = dev->id;
	if (virtio_queues_alloc(dev, 1) || virtio_queue_setup(dev, 0, 256))
		return -ENOMEM;
	CHECK_EQ(dev->queues[0].ring.size, 64); /* what the device allows */
	return virtio_device_ready(dev);
}
static const struct virtio_driver first = { .device_id = 3, .name = "first", .probe = probe };
static const struct virtio_driver second = { .device_id = 26, .name = "second", .probe = probe };
const struct virtio_driver *const virtio_drivers[] = { &first, &second };
const unsigned virtio_driver_count = 2;

void *paging_map_mmio(uint64_t phys, size_t len)
{
	CHECK_EQ(len, 0x200);
	return phys < 0xfeb00000 || phys >= 0xfeb01000 ? NULL : slots[(phys >> 9) & 7];
}
int irq_register(unsigned irq, void (*fn)(void *arg), void *arg, bool level)
{
	(void)fn, (void)arg;
	CHECK(level);
	irqs[nirqs++] = irq;
	return 0;
}
void *kmemdup(const void *p, size_t n)
{
	return memcpy(kmalloc(n), p, n);
}

static void device(unsigned slot, uint32_t id)
{
	uint32_t *r = slots[slot];

	memset(r, 0, sizeof(slots[slot]));
	r[MAGIC] = 0x74726976;
	r[VERSION] = 2;
	r[DEVICE_ID] = id;
	r[FEATURES] = 1; /* both halves: VERSION_1 */
	r[QUEUE_MAX] = 64;
	memset((char *)r + 0x100, 'c', 0x100);
}

static unsigned init(const char *cmdline)
{
	nprobed = nirqs = fake_log_lines = 0;
	return virtio_mmio_init(cmdline);
}

#define THREE                                                                              \
	"quiet virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=512@0xfeb00c00:11 " \
	"virtio_mmio.device=512@0xfeb00a00:10"

static void any_order(void)
{
	device(7, 26);
	device(6, 0); /* empty */
	device(5, 3);
	CHECK_EQ(init(THREE), 2);
	CHECK(probed[0] == 3 && probed[1] == 26); /* the order of the drivers */
	CHECK(irqs[0] == 10 && irqs[1] == 12);
	CHECK_EQ(slots[7][STATUS], 15);
	CHECK_EQ(fake_log_lines, 0);
	device(7, 26);
	device(5, 3);
	device(6, 4711); /* no driver for it: not an error */
	CHECK_EQ(init(THREE), 2);
	CHECK_EQ(fake_log_lines, 0);
}

static void errors(void)
{
	device(7, 26);
	device(6, 3);
	device(5, 3);
	slots[7][MAGIC] = 1;
	slots[6][VERSION] = 1;
	CHECK_EQ(init(THREE), 1);
	CHECK_EQ(fake_log_lines, 2);
	CHECK(strstr(fake_last_log, "force-legacy"));
	slots[5][FEATURES] = 0; /* no VERSION_1 */
	CHECK_EQ(init(THREE), 0);
	CHECK(strstr(fake_last_log, "3 virtio-mmio slots"));
	CHECK(slots[5][STATUS] & VIRTIO_STATUS_FAILED);
	CHECK_EQ(init("quiet"), 0);
	CHECK_EQ(fake_log_lines, 1);
	CHECK(strstr(fake_last_log, "no virtio-mmio slot"));
	CHECK_EQ(init("virtio_mmio.device=rubbish virtio_mmio.device=512@0x1000:5"), 0);
	CHECK_EQ(fake_log_lines, 2);
}

int main(void)
{
	RUN(any_order);
	RUN(errors);
	return test_done();
}
