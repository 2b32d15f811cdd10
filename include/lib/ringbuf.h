/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A ring of bytes in storage of the caller's, whose size is a power of two.  No locks.
 *
 * Positions count all bytes that ever went in (head) and out (tail) and never wrap; byte p
 * lies at data[p % size].  So tail <= head <= tail + size, and a position that somebody keeps
 * (the log's readers) stays meaningful after its byte was overwritten: it is below tail.
 */
#include <lib/util.h>

struct ringbuf {
	uint8_t *data; /* [I] */
	size_t size;   /* [I] */
	uint64_t head;
	uint64_t tail;
};
/* For an array. */
#define RINGBUF_INIT(storage)                                         \
	{                                                             \
		.data = (uint8_t *)(storage), .size = sizeof(storage) \
	}

void ringbuf_init(struct ringbuf *r, void *storage, size_t size);

static inline size_t ringbuf_used(const struct ringbuf *r)
{
	return (size_t)(r->head - r->tail);
}
static inline size_t ringbuf_room(const struct ringbuf *r)
{
	return r->size - ringbuf_used(r);
}
/* Appends up to n bytes, as many as there is room for; returns how many. */
size_t ringbuf_write(struct ringbuf *r, const void *data, size_t n);
/* Appends all of them; the oldest bytes make way. */
void ringbuf_overwrite(struct ringbuf *r, const void *data, size_t n);
/* Takes up to n bytes out; returns how many. */
size_t ringbuf_read(struct ringbuf *r, void *buf, size_t n);
/* Copies up to n bytes from position pos on, which is not below tail; returns how many. */
size_t ringbuf_peek(const struct ringbuf *r, uint64_t pos, void *buf, size_t n);
/* Drops n bytes, n <= used, from the tail. */
void ringbuf_drop(struct ringbuf *r, size_t n);
/* The bytes from position pos on that lie in one piece: *n of them. */
const uint8_t *ringbuf_run(const struct ringbuf *r, uint64_t pos, size_t *n);
