/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A virtio device for the host tests: a transport whose device side the test plays, honestly
 * or not, and the few kernel services that the drivers need (locks, wait queues, clock,
 * timers), for one thread.  "Physical" addresses are pointers minus DIRECT_MAP, so that
 * virt_to_phys() works as in the kernel.
 *
 * A thread that would sleep calls fake_idle() instead, which must make progress.
 */
#include <drivers/virtio.h>

#define FAKE_QUEUES 20

struct fake_queue {
	uint16_t size;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t seen; /* last_avail_idx */
	unsigned kicks;
};
struct fake_device {
	struct virtio_device dev;
	uint64_t offer, accepted;
	uint8_t status;
	bool refuse_features;
	uint8_t config[64];
	unsigned queue_limit; /* QueueNumMax */
	struct fake_queue q[FAKE_QUEUES];
	uint32_t causes;
	bool connected;
	unsigned resets;
	void (*on_kick)(struct fake_device *f, unsigned queue);
};
struct fake_part {
	uint8_t *data;
	uint32_t len;
	bool writable;
};
struct fake_chain {
	uint32_t head;
	unsigned n;
	struct fake_part part[600];
};

void fake_init(struct fake_device *f, uint32_t id);
/* The next chain of a queue, as an honest device reads it; false when there is none. */
bool fake_take(struct fake_device *f, unsigned queue, struct fake_chain *c);
void fake_give(struct fake_device *f, unsigned queue, uint32_t id, uint32_t len);
/* Copies into the writable parts; returns the bytes that fit. */
uint32_t fake_fill(const struct fake_chain *c, const void *data, uint32_t n);
/* Copies from the readable parts; returns their bytes. */
uint32_t fake_read(const struct fake_chain *c, void *data, uint32_t max);
/* Does the driver want an interrupt for what was given since used index `old`? */
bool fake_wants_irq(struct fake_device *f, unsigned queue, uint16_t old);
void fake_irq(struct fake_device *f, uint32_t causes);

extern void (*fake_idle)(void);
extern unsigned fake_log_lines;
extern char fake_last_log[256];
extern uint64_t fake_now;
extern unsigned fake_wakes;
/* Moves the clock and runs timers that are due. */
void fake_advance(uint64_t ns);
/* The n-th allocation from now on fails; 0 = none. */
extern unsigned fake_alloc_fail_at;
/* Frees all that the drivers have allocated: their devices must not be used any more. */
void fake_free_all(void);
