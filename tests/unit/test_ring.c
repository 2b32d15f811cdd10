/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: drivers/virtio/ring.c tests/unit/shim/base.c */
/* The split ring against a device that is honest, random, or a liar. */
#include "test.h"
#include <drivers/virtio_ring.h>
#include <linux/errno.h>
#include <string.h>

#define SIZE 16

static struct vring r;
static struct vring_slot slots[SIZE];
static _Alignas(64) uint8_t mem[4096];
static uint16_t device_seen; /* the device's own last_avail_idx */

static void start(bool indirect, bool event_idx)
{
	memset(mem, 0, sizeof(mem));
	device_seen = 0;
	vring_init(&r, mem, slots, SIZE, indirect, event_idx);
}

static int submit_parts(unsigned in, unsigned out, void *cookie)
{
	struct vring_desc draft[64];
	struct vring_chain c;

	vring_chain_init(&c, draft, 64, 0);
	for (unsigned i = 0; i < in; i++)
		vring_chain_append(&c, 0x1000 + i, 10, false);
	for (unsigned i = 0; i < out; i++)
		vring_chain_append(&c, 0x2000 + i, 20, true);
	return vring_submit(&r, &c, cookie);
}

/* The device takes the next chain: its head, or -1. */
static int device_take(void)
{
	if (device_seen == r.avail->idx)
		return -1;
	return r.avail->ring[device_seen++ % SIZE];
}

static void device_give(uint32_t id, uint32_t len)
{
	r.used->ring[r.used->idx % SIZE] = (struct vring_used_elem){ id, len };
	r.used->idx++;
}

static uint16_t *used_event(void)
{
	return &r.avail->ring[SIZE];
}

static uint16_t *avail_event(void)
{
	return (uint16_t *)&r.used->ring[SIZE];
}

static void layout(void)
{
	CHECK_EQ(vring_avail_offset(256), 4096);
	CHECK_EQ(vring_used_offset(256), 4096 + 6 + 512 + 2); /* 4-aligned */
	CHECK_EQ(vring_bytes(256), vring_used_offset(256) + 6 + 8 * 256);
	CHECK_EQ(vring_bytes(1), 16 + 8 + 6 + 8);
}

static void chain_in_ring(void)
{
	void *cookie;
	uint32_t len;
	int head, n = 1;

	start(false, false);
	CHECK_EQ(submit_parts(2, 3, &r), 0);
	CHECK_EQ(r.free_count, SIZE - 5);
	head = device_take();
	for (int i = head; r.desc[i].flags & VRING_DESC_NEXT; i = r.desc[i].next) {
		CHECK_EQ(!!(r.desc[i].flags & VRING_DESC_WRITE), n > 2);
		n++;
	}
	CHECK_EQ(n, 5);
	CHECK_EQ(vring_poll(&r, &cookie, &len), 0);
	device_give((uint32_t)head, 60);
	CHECK(vring_pending(&r));
	CHECK_EQ(vring_poll(&r, &cookie, &len), 1);
	CHECK(cookie == &r);
	CHECK_EQ(len, 60);
	CHECK_EQ(r.free_count, SIZE);
	CHECK_EQ(r.inflight, 0);
}

static void chain_indirect(void)
{
	struct vring_desc table[40];
	struct vring_chain c;

	start(true, false);
	vring_chain_init(&c, table, 40, 0x5000);
	for (unsigned i = 0; i < SIZE; i++)
		vring_chain_append(&c, i, 1, i > 3);
	CHECK_EQ(vring_submit(&r, &c, NULL), 0);
	CHECK_EQ(r.free_count, SIZE - 1);
	CHECK_EQ(r.desc[0].flags, VRING_DESC_INDIRECT);
	CHECK_EQ(r.desc[0].addr, 0x5000);
	CHECK_EQ(r.desc[0].len, 16 * SIZE);
	CHECK_EQ(table[SIZE - 1].flags, VRING_DESC_WRITE);
	vring_chain_append(&c, 1, 1, true);
	CHECK_EQ(vring_submit(&r, &c, NULL), -EINVAL); /* longer than the queue */
	vring_chain_init(&c, table, 40, 0x5000);
	CHECK_EQ(vring_submit(&r, &c, NULL), -EINVAL); /* empty */
	vring_chain_append(&c, 1, 0, false);
	CHECK_EQ(c.count, 0); /* empty parts are left out */
}

static void full_ring(void)
{
	start(false, false);
	for (int i = 0; i < SIZE / 4; i++)
		CHECK_EQ(submit_parts(3, 1, NULL), 0);
	CHECK_EQ(submit_parts(1, 0, NULL), -ENOSPC);
	CHECK_EQ(r.avail->idx, SIZE / 4);
	CHECK_EQ(r.inflight, SIZE / 4);
}

static void lies(void)
{
	void *cookie;
	uint32_t len;
	const uint32_t bad_ids[] = { SIZE, 0xffff, 0xffffffff, 0x10000, 1 /* mid-chain */,
				     9 /* free */ };

	for (unsigned i = 0; i < ARRAY_SIZE(bad_ids); i++) {
		start(false, false);
		CHECK_EQ(submit_parts(2, 1, &r), 0);
		device_give(bad_ids[i], 0);
		CHECK_EQ(vring_poll(&r, &cookie, &len), -EIO);
		CHECK(r.error != NULL);
		CHECK_EQ(submit_parts(1, 0, NULL), -EIO);
		CHECK_EQ(vring_poll(&r, &cookie, &len), -EIO);
		CHECK(!vring_kick_needed(&r));
		CHECK(vring_detach(&r, &cookie) && cookie == &r);
		CHECK(!vring_detach(&r, &cookie));
		CHECK_EQ(r.free_count, SIZE);
	}
	/* completed twice */
	start(false, false);
	CHECK_EQ(submit_parts(1, 1, &r), 0);
	CHECK_EQ(submit_parts(1, 1, &r), 0);
	device_give(0, 1);
	device_give(0, 1);
	CHECK_EQ(vring_poll(&r, &cookie, &len), 1);
	CHECK_EQ(vring_poll(&r, &cookie, &len), -EIO);
	/* the index jumps */
	for (int jump = 2; jump < 0x10000; jump += 4095) {
		start(false, false);
		CHECK_EQ(submit_parts(1, 1, &r), 0);
		r.used->idx = (uint16_t)jump;
		CHECK_EQ(vring_poll(&r, &cookie, &len), -EIO);
	}
	/* without any request */
	start(false, false);
	device_give(0, 0);
	CHECK_EQ(vring_poll(&r, &cookie, &len), -EIO);
	/* more bytes than there is room for */
	start(false, false);
	CHECK_EQ(submit_parts(1, 2, &r), 0);
	device_give(0, 0xffffffff);
	CHECK_EQ(vring_poll(&r, &cookie, &len), 1);
	CHECK_EQ(len, 40);
	CHECK_EQ(r.long_lens, 1);
}

/* The device may scribble over all that it can see: the driver's state is elsewhere. */
static void scribbled_descriptors(void)
{
	void *cookie;
	uint32_t len;

	start(false, false);
	CHECK_EQ(submit_parts(3, 1, (void *)1), 0);
	CHECK_EQ(submit_parts(3, 1, (void *)2), 0);
	memset(r.desc, 0xff, sizeof(struct vring_desc) * SIZE);
	memset(r.avail->ring, 0xff, 2 * SIZE);
	r.avail->idx = 0x4321;
	device_give(4, 0);
	device_give(0, 0);
	CHECK_EQ(vring_poll(&r, &cookie, &len), 1);
	CHECK(cookie == (void *)2);
	CHECK_EQ(vring_poll(&r, &cookie, &len), 1);
	CHECK(cookie == (void *)1);
	CHECK_EQ(r.free_count, SIZE);
	for (int i = 0; i < SIZE; i++)
		CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK_EQ(r.avail->idx, 2 + SIZE);
}

static void kicks(void)
{
	start(false, false);
	CHECK(!vring_kick_needed(&r));
	CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK(vring_kick_needed(&r)); /* one for both */
	CHECK(!vring_kick_needed(&r));
	r.used->flags = VRING_USED_NO_NOTIFY;
	CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK(!vring_kick_needed(&r));

	start(false, true);
	CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK(vring_kick_needed(&r)); /* event 0: the first */
	CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK(!vring_kick_needed(&r)); /* the device is still at it */
	*avail_event() = 3;
	CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK(!vring_kick_needed(&r));
	CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK(vring_kick_needed(&r)); /* passed 3 */
	/* A batch that passes the event in its middle. */
	*avail_event() = 5;
	for (int i = 0; i < 4; i++)
		CHECK_EQ(submit_parts(1, 0, NULL), 0);
	CHECK(vring_kick_needed(&r));
}

static void interrupts(void)
{
	void *cookie;
	uint32_t len;

	start(false, true);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(submit_parts(0, 1, NULL), 0);
	CHECK(!vring_irq_enable(&r, 0));
	CHECK_EQ(*used_event(), 0);
	CHECK(!vring_irq_enable(&r, 1));
	CHECK_EQ(*used_event(), 1);
	device_give(0, 0);
	CHECK(!vring_irq_enable(&r, 1)); /* one is there, two were asked for */
	device_give(1, 0);
	CHECK(vring_irq_enable(&r, 1));
	CHECK_EQ(vring_poll(&r, &cookie, &len), 1);
	vring_irq_disable(&r);
	CHECK((uint16_t)(*used_event() - r.used->idx) > 0x4000);

	start(false, false);
	vring_irq_disable(&r);
	CHECK_EQ(r.avail->flags, VRING_AVAIL_NO_INTERRUPT);
	CHECK(!vring_irq_enable(&r, 3));
	CHECK_EQ(r.avail->flags, 0);
}

/* An honest device that answers out of order, long enough for the indices to wrap. */
static void random_order(void)
{
	static char objects[SIZE];
	bool out[SIZE] = { false };
	int heads[SIZE], nheads = 0;
	unsigned seed = 1, done = 0;

	start(false, true);
	while (done < 200000) {
		unsigned x = seed = seed * 1103515245u + 12345u;
		unsigned what = x >> 16 & 3;

		if (what < 2) {
			int o = (int)(x >> 20) % SIZE;

			if (!out[o] &&
			    submit_parts(1 + (x >> 8) % 3, x >> 10 & 1, &objects[o]) == 0)
				out[o] = true;
			(void)vring_kick_needed(&r);
		} else if (what == 2) {
			int h = device_take();

			if (h >= 0)
				heads[nheads++] = h;
			if (nheads) {
				int k = (int)(x >> 20) % nheads;

				device_give((uint32_t)heads[k], 0);
				heads[k] = heads[--nheads];
			}
		} else {
			void *cookie;
			uint32_t len;
			int got;

			while ((got = vring_poll(&r, &cookie, &len)) > 0) {
				long o = (char *)cookie - objects;

				if (o < 0 || o >= SIZE || !out[o]) {
					CHECK(!"cookie in flight");
					return;
				}
				out[o] = false;
				done++;
			}
			if (got < 0) {
				CHECK(!"honest device");
				return;
			}
		}
	}
}

int main(void)
{
	RUN(layout);
	RUN(chain_in_ring);
	RUN(chain_indirect);
	RUN(full_ring);
	RUN(lies);
	RUN(scribbled_descriptors);
	RUN(kicks);
	RUN(interrupts);
	RUN(random_order);
	return test_done();
}
