/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: drivers/virtio/ring.c drivers/virtio/device.c drivers/virtio/fs.c drivers/virtio/console.c drivers/virtio/console_port.c kernel/fs/fuse/fuse_transport.c tests/unit/shim/fake_virtio.c tests/unit/shim/base.c */
/*
 * Whole drivers against a device that does what the input says: byte 0 picks the driver, then
 * come steps of the kernel (requests, reads, writes) and of the device (answers, lies,
 * control messages).  Promised: no bad access, no lock held too long (the shim asserts),
 * every request completes exactly once.
 */
#include "fuzz.h"
#include "shim/fake_virtio.h"
#include <host/port.h>
#include <fs/fuse/fuse_transport.h>
#include <string.h>

const struct virtio_driver *const virtio_drivers[] = { &virtio_fs_driver, &virtio_console_driver };
const unsigned virtio_driver_count = 2;

#define REQUESTS 32

static struct fake_device *f;
static struct host_port *ports[16];
static unsigned nports;

struct request {
	struct fuse_request_io io;
	struct fuse_part in[1], out[8];
	uint8_t question[8], answer[8];
	bool out_there;
};
static struct request requests[REQUESTS];
/* After a lie the fake no longer knows which chains are its own, so it may not read any. */
static bool lied[FAKE_QUEUES];

void host_port_register(struct host_port *p)
{
	CLAIM(nports < 8);
	ports[nports++] = p;
}

static void completed(struct fuse_request_io *io, int err, uint32_t written)
{
	struct request *r = (struct request *)io;

	CLAIM(r->out_there);
	CLAIM(err <= 0 && written <= 8 * sizeof(r->answer));
	r->out_there = false;
}

static void submit(struct fuse_transport *t, uint8_t how)
{
	struct request *r = NULL;

	for (unsigned i = 0; i < REQUESTS && !r; i++) {
		if (!requests[i].out_there)
			r = &requests[i];
	}
	if (!r)
		return;
	memset(r, 0, sizeof(*r));
	r->in[0] = (struct fuse_part){ r->question, sizeof(r->question) };
	for (unsigned i = 0; i < 8; i++)
		r->out[i] = (struct fuse_part){ r->answer, sizeof(r->answer) };
	r->io = (struct fuse_request_io){
		.in = r->in,
		.nin = 1,
		.out = r->out,
		.nout = how & 7,
		.more = how & 8,
		.complete = completed,
	};
	r->out_there = true;
	if (t->ops->submit(t, &r->io, (how & 16) && (how & 7) < 4) != 0)
		r->out_there = false;
}

/* A step of the device. */
static void device_step(struct fuzz_input *in)
{
	unsigned queue = fuzz_u8(in) % 10, what = fuzz_u8(in);
	struct fake_queue *q = &f->q[queue];
	static struct fake_chain c;

	if (!q->size)
		return;
	switch (what % 5) {
	case 0: /* an honest answer with bytes of the input (or none) */
	case 1:
		if (!lied[queue] && fake_take(f, queue, &c)) {
			uint8_t bytes[64];
			unsigned n = fuzz_u8(in) % sizeof(bytes);

			for (unsigned i = 0; i < n; i++)
				bytes[i] = fuzz_u8(in);
			fake_give(f, queue, c.head, fake_fill(&c, bytes, n));
		}
		break;
	case 2:
		fake_give(f, queue, fuzz_u8(in), fuzz_u32(in));
		lied[queue] = true;
		break;
	case 3:
		q->used->idx = (uint16_t)(q->used->idx + fuzz_u8(in));
		lied[queue] = true;
		break;
	case 4: {
		size_t at = fuzz_u16(in) % vring_bytes(q->size);

		((uint8_t *)q->desc)[at] = fuzz_u8(in);
		lied[queue] = true;
		break;
	}
	}
	if (what & 0x80)
		fake_irq(f, VIRTIO_IRQ_QUEUE | (what & 0x40 ? VIRTIO_IRQ_CONFIG : 0));
}

static void fs_step(struct fuzz_input *in, struct fuse_transport *t)
{
	uint8_t op = fuzz_u8(in);

	if (op & 0x80) {
		device_step(in);
	} else if (op & 0x40) {
		t->ops->poll_begin(t);
		submit(t, op);
		t->ops->poll(t);
		t->ops->poll_end(t);
	} else if (f->dev.queues[1].ring.inflight + f->dev.queues[0].ring.inflight < 12) {
		submit(t, op);
	} else {
		t->ops->poll(t);
	}
}

static void console_step(struct fuzz_input *in)
{
	uint8_t op = fuzz_u8(in);
	static uint8_t buf[40000];
	struct host_port *p = nports ? ports[(op >> 4 & 3) % nports] : NULL;

	if (op & 0x80 || !p) {
		device_step(in);
		return;
	}
	switch (op & 7) {
	case 0:
	case 1:
		CLAIM(p->ops->write(p, buf, fuzz_u16(in) % sizeof(buf)) <= (long)sizeof(buf));
		break;
	case 2: CLAIM(p->ops->read(p, buf, fuzz_u16(in) % sizeof(buf)) <= sizeof(buf)); break;
	case 3:
		(void)p->ops->can_read(p);
		CLAIM(p->ops->can_write(p) <= 262144);
		break;
	case 4: (void)p->ops->flush(p, 0); break;
	case 5: (void)p->ops->hung_up(p); break;
	case 6: /* memory runs out somewhere */ fake_alloc_fail_at = 1 + (op >> 4); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, data + size };
	bool console = fuzz_u8(&in) & 1;
	static unsigned serial;
	struct fuse_transport *t = NULL;

	f = malloc(sizeof(*f));
	nports = 0;
	memset(requests, 0, sizeof(requests));
	memset(lied, 0, sizeof(lied));
	fake_init(f, console ? VIRTIO_ID_CONSOLE : VIRTIO_ID_FS);
	if (console)
		f->config[4] = 4;
	else
		snprintf((char *)f->config, 30, "%u", serial++);
	CLAIM(virtio_device_attach(&f->dev) == 0);
	if (!console)
		t = fuse_transport_find((char *)f->config);
	while (in.at < in.end) {
		if (console)
			console_step(&in);
		else
			fs_step(&in, t);
	}
	virtio_device_broken(&f->dev, "end");
	CLAIM(virtio_device_abort_if_broken(&f->dev));
	for (unsigned i = 0; i < REQUESTS; i++)
		CLAIM(!requests[i].out_there);
	/* Drivers keep their devices for ever; the fuzzer can't. */
	if (t)
		list_remove(&t->link);
	fake_free_all();
	free(f);
	return 0;
}
