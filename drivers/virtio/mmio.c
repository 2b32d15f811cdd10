/* SPDX-License-Identifier: MIT */
#include <arch/irq.h>
#include <arch/paging.h>
#include <drivers/virtio.h>
#include <drivers/virtio_mmio.h>
#include <lib/cmdline.h>
#include <lib/format.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>

/* Register offsets, 4.2.2 */
#define REG_MAGIC 0x000
#define REG_VERSION 0x004
#define REG_DEVICE_ID 0x008
#define REG_DEVICE_FEATURES 0x010
#define REG_DEVICE_FEATURES_SEL 0x014
#define REG_DRIVER_FEATURES 0x020
#define REG_DRIVER_FEATURES_SEL 0x024
#define REG_QUEUE_SEL 0x030
#define REG_QUEUE_NUM_MAX 0x034
#define REG_QUEUE_NUM 0x038
#define REG_QUEUE_READY 0x044
#define REG_QUEUE_NOTIFY 0x050
#define REG_INTERRUPT_STATUS 0x060
#define REG_INTERRUPT_ACK 0x064
#define REG_STATUS 0x070
#define REG_QUEUE_DESC 0x080
#define REG_QUEUE_DRIVER 0x090
#define REG_QUEUE_DEVICE 0x0a0
#define REG_CONFIG_GENERATION 0x0fc
#define REG_CONFIG 0x100

#define MAGIC 0x74726976u
#define MAX_DEVICES 32
#define RESET_TRIES 1000000u

struct mmio_device {
	struct virtio_device dev;
	volatile uint8_t *regs;
	size_t size;
	unsigned irq;
};

static struct mmio_device *mmio_of(struct virtio_device *dev)
{
	return dev->transport;
}

static uint32_t reg_read(struct virtio_device *dev, unsigned reg)
{
	return *(const volatile uint32_t *)(const volatile void *)(mmio_of(dev)->regs + reg);
}

static void reg_write(struct virtio_device *dev, unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)(volatile void *)(mmio_of(dev)->regs + reg) = value;
}

static uint8_t mmio_get_status(struct virtio_device *dev)
{
	return (uint8_t)reg_read(dev, REG_STATUS);
}

static void mmio_set_status(struct virtio_device *dev, uint8_t status)
{
	reg_write(dev, REG_STATUS, status);
	if (status != 0) {
		return;
	}
	/* The reset is done when the status reads 0 (4.2.2.1); each read is an exit, so this
	 * bound is seconds, and a device that needs more is beyond help. */
	for (unsigned i = 0; i < RESET_TRIES; i++) {
		if (reg_read(dev, REG_STATUS) == 0) {
			return;
		}
	}
	log_error("%s: reset does not end", dev->name);
}

static uint64_t mmio_get_features(struct virtio_device *dev)
{
	uint64_t low, high;

	reg_write(dev, REG_DEVICE_FEATURES_SEL, 0);
	low = reg_read(dev, REG_DEVICE_FEATURES);
	reg_write(dev, REG_DEVICE_FEATURES_SEL, 1);
	high = reg_read(dev, REG_DEVICE_FEATURES);
	return high << 32 | low;
}

static void mmio_set_features(struct virtio_device *dev, uint64_t features)
{
	reg_write(dev, REG_DRIVER_FEATURES_SEL, 0);
	reg_write(dev, REG_DRIVER_FEATURES, (uint32_t)features);
	reg_write(dev, REG_DRIVER_FEATURES_SEL, 1);
	reg_write(dev, REG_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static uint16_t mmio_queue_max(struct virtio_device *dev, uint16_t index)
{
	uint32_t max;

	reg_write(dev, REG_QUEUE_SEL, index);
	max = reg_read(dev, REG_QUEUE_NUM_MAX);
	return (uint16_t)MIN(max, 0x8000u);
}

static void write_address(struct virtio_device *dev, unsigned reg, uint64_t phys)
{
	reg_write(dev, reg, (uint32_t)phys);
	reg_write(dev, reg + 4, (uint32_t)(phys >> 32));
}

/* 4.2.3.2 */
static int mmio_queue_enable(struct virtio_device *dev, uint16_t index, uint16_t size,
			     uint64_t desc, uint64_t avail, uint64_t used)
{
	reg_write(dev, REG_QUEUE_SEL, index);
	if (reg_read(dev, REG_QUEUE_READY) != 0) {
		log_error("%s: queue %u is in use after a reset", dev->name, index);
		return -EIO;
	}
	reg_write(dev, REG_QUEUE_NUM, size);
	write_address(dev, REG_QUEUE_DESC, desc);
	write_address(dev, REG_QUEUE_DRIVER, avail);
	write_address(dev, REG_QUEUE_DEVICE, used);
	reg_write(dev, REG_QUEUE_READY, 1);
	return 0;
}

static void mmio_kick(struct virtio_device *dev, uint16_t index)
{
	/* All stores to the ring are visible before this one: x86 orders stores, and the
	 * registers are uncached. */
	barrier();
	reg_write(dev, REG_QUEUE_NOTIFY, index);
}

static void mmio_read_config(struct virtio_device *dev, unsigned offset, void *buf, size_t n)
{
	struct mmio_device *m = mmio_of(dev);
	uint32_t before, after;
	unsigned tries = 0;

	do {
		before = reg_read(dev, REG_CONFIG_GENERATION);
		for (size_t i = 0; i < n; i++) {
			size_t at = REG_CONFIG + offset + i;

			((uint8_t *)buf)[i] = at < m->size ? m->regs[at] : 0;
		}
		after = reg_read(dev, REG_CONFIG_GENERATION);
	} while (before != after && ++tries < 1000);
}

static uint32_t mmio_irq_ack(struct virtio_device *dev)
{
	uint32_t causes = reg_read(dev, REG_INTERRUPT_STATUS);

	if (causes) {
		reg_write(dev, REG_INTERRUPT_ACK, causes);
	}
	return causes;
}

static void mmio_irq(void *arg)
{
	virtio_device_irq(arg);
}

static int mmio_irq_connect(struct virtio_device *dev)
{
	/* Level triggered: an edge entry loses interrupts under load. */
	return irq_register(mmio_of(dev)->irq, mmio_irq, dev, dev->name, true);
}

static const struct virtio_transport mmio_transport = {
	.get_status = mmio_get_status,
	.set_status = mmio_set_status,
	.get_features = mmio_get_features,
	.set_features = mmio_set_features,
	.queue_max = mmio_queue_max,
	.queue_enable = mmio_queue_enable,
	.kick = mmio_kick,
	.read_config = mmio_read_config,
	.irq_ack = mmio_irq_ack,
	.irq_connect = mmio_irq_connect,
};

static const char *device_name(uint32_t id)
{
	switch (id) {
	case VIRTIO_ID_CONSOLE: return "virtio-console";
	case VIRTIO_ID_RNG: return "virtio-rng";
	case VIRTIO_ID_VSOCK: return "virtio-vsock";
	case VIRTIO_ID_FS: return "virtio-fs";
	default: return "virtio";
	}
}

/* The device in a slot, not yet attached; NULL when there is none that we understand. */
static struct mmio_device *find_device(const struct cmdline_mmio *slot)
{
	struct mmio_device probe = {
		.regs = paging_map_mmio(slot->base, slot->size),
		.size = slot->size,
		.irq = slot->irq,
	};
	struct mmio_device *m;
	uint32_t id;

	if (!probe.regs) {
		return NULL;
	}
	probe.dev.transport = &probe;
	/* The id first: most slots are empty, and each read is an exit. */
	id = reg_read(&probe.dev, REG_DEVICE_ID);
	if (id == 0) {
		return NULL;
	}
	if (reg_read(&probe.dev, REG_MAGIC) != MAGIC) {
		log_error("virtio-mmio at %#llx: no virtio device", (unsigned long long)slot->base);
		return NULL;
	}
	if (reg_read(&probe.dev, REG_VERSION) != 2) {
		log_error("virtio-mmio at %#llx: legacy interface; start QEMU with "
			  "-global virtio-mmio.force-legacy=false",
			  (unsigned long long)slot->base);
		return NULL;
	}
	m = kmemdup(&probe, sizeof(probe));
	if (!m) {
		return NULL;
	}
	m->dev.ops = &mmio_transport;
	m->dev.transport = m;
	m->dev.id = id;
	fmt_snprintf(m->dev.name, sizeof(m->dev.name), "%s@%llx", device_name(id),
		     (unsigned long long)slot->base);
	return m;
}

/* Devices start in the order of the registry, whatever slots they sit in, so that the
 * slowest handshake overlaps with the rest.  A device is not freed after a failure: its
 * interrupt may be connected already. */
static unsigned attach_all(struct mmio_device *const *found, unsigned n)
{
	unsigned working = 0;

	for (unsigned d = 0; d < virtio_driver_count; d++) {
		for (unsigned i = 0; i < n; i++) {
			if (found[i]->dev.id == virtio_drivers[d]->device_id) {
				working += virtio_device_attach(&found[i]->dev) == 0;
			}
		}
	}
	return working;
}

unsigned virtio_mmio_init(const char *cmdline)
{
	static const char key[] = "virtio_mmio.device=";
	struct mmio_device *found[MAX_DEVICES];
	unsigned slots = 0, n = 0, working;
	char word[80];

	while (cmdline_next(&cmdline, word, sizeof(word))) {
		struct cmdline_mmio slot;

		if (!str_starts_with(word, key)) {
			continue;
		}
		if (!cmdline_parse_mmio(word + sizeof(key) - 1, &slot)) {
			log_error("command line: bad %s", word);
			continue;
		}
		slots++;
		if (n < MAX_DEVICES) {
			found[n] = find_device(&slot);
			n += found[n] != NULL;
		}
	}
	working = attach_all(found, n);
	if (slots == 0) {
		log_error("no virtio-mmio slot on the command line: start QEMU with "
			  "-M microvm,acpi=off");
	} else if (working == 0) {
		log_error("%u virtio-mmio slots, none with a device that can be used", slots);
	}
	return working;
}
