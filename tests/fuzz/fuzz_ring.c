/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: drivers/virtio/ring.c tests/unit/shim/base.c */
/*
 * The split ring over memory that the device owns: the input is a list of steps of the driver
 * (submit, poll, ...) and of the device, which may answer honestly or write anything anywhere
 * in the ring.  Promised: no access outside, each request comes back at most once, with no
 * more bytes than it had room for, and no descriptor is ever lost or doubled.
 */
#include "fuzz.h"
#include <drivers/virtio_ring.h>
#include <string.h>

#define SIZE 8

static struct vring r;
static uint8_t *mem;
static struct vring_slot *slots;
static struct vring_desc table[16];
static uint32_t room[64]; /* per request in flight: capacity + 1; 0 = not in flight */

static void submit(struct fuzz_input *in)
{
	struct vring_chain c;
	unsigned shape = fuzz_u8(in), readable = shape & 3, writable = shape >> 2 & 3, id;

	for (id = 1; id < 64 && room[id]; id++)
		;
	if (id == 64)
		return;
	vring_chain_init(&c, table, 16, shape & 0x80 ? 0x1000 : 0);
	for (unsigned i = 0; i < readable; i++)
		vring_chain_append(&c, fuzz_u8(in), fuzz_u8(in), false);
	for (unsigned i = 0; i < writable; i++)
		vring_chain_append(&c, fuzz_u8(in), fuzz_u16(in), true);
	if (vring_submit(&r, &c, (void *)(uintptr_t)id) == 0)
		room[id] = c.capacity + 1;
}

static void take_back(void *cookie, uint32_t written)
{
	uintptr_t id = (uintptr_t)cookie;

	CLAIM(id > 0 && id < 64 && room[id]);
	CLAIM(written < room[id]);
	room[id] = 0;
}

static void check(void)
{
	unsigned used = 0, heads = 0, out = 0;

	for (unsigned i = 0; i < SIZE; i++) {
		used += slots[i].count;
		heads += slots[i].count != 0;
	}
	for (unsigned id = 0; id < 64; id++)
		out += room[id] != 0;
	CLAIM(used + r.free_count == SIZE);
	CLAIM(heads == r.inflight && out == r.inflight);
}

static void step(struct fuzz_input *in)
{
	uint32_t written, a;
	void *cookie;

	switch (fuzz_u8(in) % 9) {
	case 0:
	case 1: submit(in); break;
	case 2:
		if (vring_poll(&r, &cookie, &written) > 0)
			take_back(cookie, written);
		break;
	case 3: (void)vring_kick_needed(&r); break;
	case 4: vring_irq_disable(&r); break;
	case 5: (void)!vring_irq_enable(&r, fuzz_u8(in)); break;
	case 6: /* an answer, perhaps to something that was asked */
		a = fuzz_u8(in);
		r.used->ring[r.used->idx % SIZE].id = a & 0x80 ? fuzz_u32(in) : a % SIZE;
		r.used->ring[r.used->idx % SIZE].len = fuzz_u8(in);
		r.used->idx++;
		break;
	case 7: /* any byte of the ring */
		a = fuzz_u16(in) % vring_bytes(SIZE);
		mem[a] = fuzz_u8(in);
		break;
	case 8: (void)vring_pending(&r); break;
	}
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, data + size };
	uint8_t mode = fuzz_u8(&in);
	void *cookie;

	/* exactly as large as promised, so that ASan guards both ends */
	mem = aligned_alloc(16, ALIGN_UP(vring_bytes(SIZE), 16));
	slots = malloc(SIZE * sizeof(*slots));
	memset(mem, 0, vring_bytes(SIZE));
	memset(room, 0, sizeof(room));
	vring_init(&r, mem, slots, SIZE, true, mode & 1);
	while (in.at < in.end)
		step(&in);
	while (vring_detach(&r, &cookie))
		take_back(cookie, 0);
	check();
	CLAIM(r.free_count == SIZE);
	free(mem);
	free(slots);
	return 0;
}
