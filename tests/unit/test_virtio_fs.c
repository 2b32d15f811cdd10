/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: drivers/virtio/ring.c drivers/virtio/device.c drivers/virtio/fs.c kernel/fs/fuse/fuse_transport.c tests/unit/shim/fake_virtio.c tests/unit/shim/base.c */
/* The virtiofs driver and the common device code, against a device that lies. */
#include "test.h"
#include "shim/fake_virtio.h"
#include <fs/fuse/fuse_transport.h>
#include <linux/errno.h>
#include <string.h>

const struct virtio_driver *const virtio_drivers[] = { &virtio_fs_driver };
const unsigned virtio_driver_count = 1;

static struct fake_device f;
static struct fuse_transport *t;
static int serial;

struct request {
	struct fuse_request_io io;
	struct fuse_part in[264], out[264];
	uint8_t question[8], answer[64];
	int completions, err;
	uint32_t written;
};

static void completed(struct fuse_request_io *io, int err, uint32_t written)
{
	struct request *r = (struct request *)io;

	r->completions++;
	r->err = err;
	r->written = written;
}

static struct request *request(uint8_t tag)
{
	struct request *r = calloc(1, sizeof(*r));

	memset(r->question, tag, sizeof(r->question));
	r->in[0] = (struct fuse_part){ r->question, sizeof(r->question) };
	r->out[0] = (struct fuse_part){ r->answer, sizeof(r->answer) };
	r->io = (struct fuse_request_io){
		.in = r->in,
		.nin = 1,
		.out = r->out,
		.nout = 1,
		.complete = completed,
	};
	return r;
}

/* A fresh device with a tag of its own, since transports stay registered. */
static int attach(void)
{
	int err;

	snprintf((char *)f.config, 36, "tag%d", serial++);
	err = virtio_device_attach(&f.dev);
	t = err ? NULL : fuse_transport_find((char *)f.config);
	return err;
}

static void start(void)
{
	fake_init(&f, VIRTIO_ID_FS);
	CHECK_EQ(attach(), 0);
	CHECK(t != NULL);
}

/* Takes a request and answers with the question's bytes, xor 1. */
static bool serve(unsigned queue)
{
	static struct fake_chain c;
	uint8_t q[4096];
	uint32_t n;

	if (!fake_take(&f, queue, &c))
		return false;
	n = fake_read(&c, q, sizeof(q));
	for (uint32_t i = 0; i < n; i++)
		q[i] ^= 1;
	fake_give(&f, queue, c.head, fake_fill(&c, q, n));
	return true;
}

static void handshake(void)
{
	fake_init(&f, VIRTIO_ID_FS);
	f.offer &= ~VIRTIO_F_VERSION_1;
	CHECK_EQ(attach(), -ENODEV);
	CHECK(f.status & VIRTIO_STATUS_FAILED);
	fake_init(&f, VIRTIO_ID_FS);
	f.refuse_features = true;
	CHECK_EQ(attach(), -ENODEV);
	fake_init(&f, VIRTIO_ID_FS);
	f.queue_limit = 0;
	CHECK_EQ(attach(), -ENODEV);
	fake_init(&f, 99);
	CHECK_EQ(attach(), -ENODEV);
	for (unsigned i = 1; i <= 8; i++) {
		fake_init(&f, VIRTIO_ID_FS);
		fake_alloc_fail_at = i;
		CHECK_EQ(attach(), i < 8 ? -ENOMEM : 0); /* seven allocations */
	}
	start();
	CHECK_EQ(f.status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
				   VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	CHECK_EQ(f.accepted, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
	CHECK(f.connected);
}

static void long_tag(void)
{
	fake_init(&f, VIRTIO_ID_FS);
	memset(f.config, 'x', sizeof(f.config));
	CHECK_EQ(virtio_device_attach(&f.dev), 0);
	CHECK(fuse_transport_find("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") != NULL);
	/* twice the same tag */
	fake_init(&f, VIRTIO_ID_FS);
	memset(f.config, 'x', sizeof(f.config));
	CHECK_EQ(virtio_device_attach(&f.dev), -EEXIST);
}

static void round_trip(void)
{
	struct request *r;

	start();
	r = request(8);
	CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
	CHECK_EQ(f.q[1].kicks, 1);
	CHECK_EQ(r->completions, 0);
	CHECK(serve(1));
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(r->completions, 1);
	CHECK_EQ(r->err, 0);
	CHECK_EQ(r->written, 8);
	CHECK_EQ(r->answer[0], 9);
	free(r);
	/* FORGET: queue 0, no answer */
	r = request(1);
	r->io.nout = 0;
	CHECK_EQ(t->ops->submit(t, &r->io, true), 0);
	CHECK(serve(0));
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(r->completions, 1);
	CHECK_EQ(r->written, 0);
	free(r);
}

static void long_requests(void)
{
	static uint8_t bytes[300];
	struct request *r;

	start();
	r = request(2);
	for (unsigned i = 0; i < 260; i++)
		r->out[i] = (struct fuse_part){ bytes + i, 1 };
	r->io.nout = 260;
	CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
	CHECK_EQ(f.dev.queues[1].ring.free_count, f.dev.queues[1].ring.size - 1);
	CHECK(serve(1));
	CHECK(t->ops->poll(t));
	CHECK(!t->ops->poll(t));
	CHECK_EQ(r->written, 8);
	CHECK_EQ(bytes[7], 3);
	CHECK_EQ(bytes[8], 0);
	/* no memory for the table: the ring's own descriptors */
	fake_alloc_fail_at = 1;
	CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
	CHECK_EQ(f.dev.queues[1].ring.free_count, f.dev.queues[1].ring.size - 261);
	CHECK(serve(1));
	CHECK(t->ops->poll(t));
	CHECK_EQ(r->completions, 2);
	/* too long */
	r->io.nout = 264;
	CHECK_EQ(t->ops->submit(t, &r->io, false), -EINVAL);
	r->io.nin = UINT32_MAX;
	CHECK_EQ(t->ops->submit(t, &r->io, false), -EINVAL);
	r->io.nin = 0;
	r->io.nout = 0;
	CHECK_EQ(t->ops->submit(t, &r->io, false), -EINVAL);
	r->io.nin = 2;
	r->in[0].len = r->in[1].len = 0x80000000u;
	CHECK_EQ(t->ops->submit(t, &r->io, false), -EINVAL);
	CHECK_EQ(r->completions, 2);
	free(r);
}

static void serve_one_and_interrupt(void)
{
	if (serve(1))
		fake_irq(&f, VIRTIO_IRQ_QUEUE);
}

static void ring_full(void)
{
	struct request *r[400];

	start();
	fake_idle = serve_one_and_interrupt;
	for (unsigned i = 0; i < 400; i++) {
		r[i] = request((uint8_t)i);
		CHECK_EQ(t->ops->submit(t, &r[i]->io, false), 0); /* 512 descriptors: sleeps */
	}
	while (serve(1))
		;
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	for (unsigned i = 0; i < 400; i++) {
		CHECK_EQ(r[i]->completions, 1);
		CHECK_EQ(r[i]->answer[0], (uint8_t)i ^ 1);
		free(r[i]);
	}
}

static void batched_kick(void)
{
	struct request *r[3];

	start();
	for (unsigned i = 0; i < 3; i++) {
		r[i] = request(1);
		r[i]->io.more = i < 2;
		CHECK_EQ(t->ops->submit(t, &r[i]->io, false), 0);
		CHECK_EQ(f.q[1].kicks, i == 2);
	}
	while (serve(1))
		;
	t->ops->poll(t);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(r[i]->completions, 1);
		free(r[i]);
	}
}

static void polling_is_quiet(void)
{
	struct request *r = request(1);
	uint16_t old;

	start();
	t->ops->poll_begin(t);
	t->ops->poll_begin(t);
	CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
	old = f.q[1].used->idx;
	CHECK(serve(1));
	CHECK(!fake_wants_irq(&f, 1, old));
	CHECK(t->ops->poll(t));
	CHECK_EQ(r->completions, 1);
	CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
	t->ops->poll_end(t);
	old = f.q[1].used->idx;
	CHECK(serve(1));
	CHECK(!fake_wants_irq(&f, 1, old)); /* the other still polls */
	t->ops->poll_end(t);		    /* collects */
	CHECK_EQ(r->completions, 2);
	CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
	old = f.q[1].used->idx;
	CHECK(serve(1));
	CHECK(fake_wants_irq(&f, 1, old));
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(r->completions, 3);
	free(r);
}

/* What a lie does: every request ends once with -EIO, the next ones fail, one line is
 * logged, the device is reset. */
static void check_broken(struct request **r, unsigned n)
{
	struct request *late = request(1);

	for (unsigned i = 0; i < n; i++) {
		CHECK_EQ(r[i]->completions, 1);
		CHECK_EQ(r[i]->err, -EIO);
		free(r[i]);
	}
	CHECK_EQ(fake_log_lines, 1);
	CHECK_EQ(f.status, 0);
	CHECK_EQ(f.resets, 2);
	CHECK_EQ(t->ops->submit(t, &late->io, false), -EIO);
	CHECK_EQ(t->ops->submit(t, &late->io, true), -EIO);
	CHECK(!t->ops->poll(t));
	fake_irq(&f, VIRTIO_IRQ_QUEUE | VIRTIO_IRQ_CONFIG);
	CHECK_EQ(late->completions, 0);
	CHECK_EQ(fake_log_lines, 1);
	free(late);
}

static void lies(void)
{
	for (unsigned lie = 0; lie < 7; lie++) {
		struct request *r[5];

		start();
		for (unsigned i = 0; i < 5; i++) {
			r[i] = request(1);
			if (i == 3)
				r[i]->io.nout = 0;
			CHECK_EQ(t->ops->submit(t, &r[i]->io, i == 3), 0);
		}
		switch (lie) {
		case 0: fake_give(&f, 1, 0xffffffff, 0); break;
		case 1:
			fake_give(&f, 1, 500, 0); /* in range, not in flight */
			break;
		case 2:
			fake_give(&f, 1, 1, 0); /* the middle of a chain */
			break;
		case 3: f.q[1].used->idx = 0x8000; break;
		case 4:
			f.q[1].used->idx = 0xffff; /* backwards */
			break;
		case 5:
			fake_give(&f, 0, 17, 0); /* the other queue */
			break;
		case 6: f.status |= VIRTIO_STATUS_NEEDS_RESET; break;
		}
		if (lie == 2)
			t->ops->poll(t);
		else
			fake_irq(&f, VIRTIO_IRQ_QUEUE | VIRTIO_IRQ_CONFIG);
		check_broken(r, 5);
	}
}

static void long_answers_are_cut(void)
{
	struct request *r = request(1);
	static struct fake_chain c;

	start();
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
		CHECK(fake_take(&f, 1, &c));
		fake_give(&f, 1, c.head, 100000);
		fake_irq(&f, VIRTIO_IRQ_QUEUE);
		CHECK_EQ(r->written, sizeof(r->answer));
	}
	CHECK_EQ(fake_log_lines, 1); /* once */
	CHECK(!virtio_is_broken(&f.dev));
	free(r);
}

static void slow_device(void)
{
	struct request *r = request(1);

	start();
	CHECK_EQ(t->ops->submit(t, &r->io, false), 0);
	for (int i = 0; i < 10; i++)
		fake_advance(31 * NSEC_PER_SEC);
	CHECK_EQ(fake_log_lines, 1); /* said once, nothing done */
	CHECK_EQ(r->completions, 0);
	CHECK(serve(1));
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(r->completions, 1);
	CHECK_EQ(r->err, 0);
	free(r);
}

int main(void)
{
	RUN(handshake);
	RUN(long_tag);
	RUN(round_trip);
	RUN(long_requests);
	RUN(ring_full);
	RUN(batched_kick);
	RUN(polling_is_quiet);
	RUN(lies);
	RUN(long_answers_are_cut);
	RUN(slow_device);
	return test_done();
}
