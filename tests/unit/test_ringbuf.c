/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/lib/ringbuf.c tests/unit/shim/base.c */
#include "test.h"
#include <lib/ringbuf.h>
#include <stdint.h>
#include <string.h>

/* The model: byte p of the stream is a function of p. */
static uint8_t byte_at(uint64_t p)
{
	return (uint8_t)(p * 7 + (p >> 8));
}

static void produce(uint8_t *buf, uint64_t pos, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf[i] = byte_at(pos + i);
	}
}

static bool matches(const uint8_t *buf, uint64_t pos, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (buf[i] != byte_at(pos + i)) {
			return false;
		}
	}
	return true;
}

static void writes_and_reads_at_every_offset(void)
{
	uint8_t store[16], in[32], out[32];

	for (size_t start = 0; start < 2 * sizeof(store); start++) {
		for (size_t n = 0; n <= 20; n++) {
			struct ringbuf r;
			size_t took = MIN(n, sizeof(store));

			ringbuf_init(&r, store, sizeof(store));
			r.head = r.tail = start;
			produce(in, start, n);
			CHECK_EQ(ringbuf_write(&r, in, n), took);
			CHECK_EQ(ringbuf_used(&r), took);
			CHECK_EQ(ringbuf_room(&r), sizeof(store) - took);
			CHECK_EQ(ringbuf_peek(&r, start, out, sizeof(out)), took);
			CHECK(matches(out, start, took));
			CHECK_EQ(ringbuf_read(&r, out, 3), MIN(took, (size_t)3));
			CHECK_EQ(ringbuf_read(&r, out, sizeof(out)), took - MIN(took, (size_t)3));
			CHECK(matches(out, r.head - (took - MIN(took, (size_t)3)),
				      took - MIN(took, (size_t)3)));
			CHECK_EQ(ringbuf_used(&r), 0);
		}
	}
}

static void random_stream_keeps_its_order(void)
{
	uint8_t store[64], in[100], out[100];
	struct ringbuf r = RINGBUF_INIT(store);
	unsigned seed = 1;

	for (int i = 0; i < 100000; i++) {
		size_t n = (size_t)rand_r(&seed) % sizeof(in);

		if (rand_r(&seed) & 1) {
			produce(in, r.head, n);
			ringbuf_write(&r, in, n);
		} else {
			uint64_t pos = r.tail;

			n = ringbuf_read(&r, out, n);
			CHECK(matches(out, pos, n));
		}
		CHECK(r.tail <= r.head && ringbuf_used(&r) <= sizeof(store));
	}
}

static void the_oldest_bytes_make_way(void)
{
	uint8_t store[32], in[100], out[100];
	struct ringbuf r = RINGBUF_INIT(store);

	for (size_t n = 0; n < sizeof(in); n++) {
		produce(in, r.head, n);
		uint64_t end = r.head + n;

		ringbuf_overwrite(&r, in, n);
		CHECK_EQ(r.head, end);
		CHECK_EQ(r.tail, end > sizeof(store) ? end - sizeof(store) : 0);
		CHECK_EQ(ringbuf_peek(&r, r.tail, out, sizeof(out)), r.head - r.tail);
		CHECK(matches(out, r.tail, r.head - r.tail));
	}
}

static void runs_and_drops(void)
{
	uint8_t store[8];
	struct ringbuf r = RINGBUF_INIT(store);
	size_t n;

	ringbuf_write(&r, "abcdef", 6);
	ringbuf_drop(&r, 4);
	ringbuf_write(&r, "ghijkl", 6);
	CHECK_EQ(ringbuf_room(&r), 0);
	CHECK(memcmp(ringbuf_run(&r, r.tail, &n), "efgh", 4) == 0);
	CHECK_EQ(n, 4);
	CHECK(memcmp(ringbuf_run(&r, r.tail + 4, &n), "ijkl", 4) == 0);
	CHECK_EQ(n, 4);
	ringbuf_run(&r, r.head, &n);
	CHECK_EQ(n, 0);
	ringbuf_drop(&r, 8);
	CHECK_EQ(ringbuf_used(&r), 0);
}

int main(void)
{
	RUN(writes_and_reads_at_every_offset);
	RUN(random_stream_keeps_its_order);
	RUN(the_oldest_bytes_make_way);
	RUN(runs_and_drops);
	return test_done();
}
