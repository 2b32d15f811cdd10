/* SPDX-License-Identifier: MIT */
/*
 * Each copy takes at most two runs: up to the end of the storage, and from its start.
 */
#include <lib/ringbuf.h>

#include <lib/assert.h>
#include <lib/string.h>

void ringbuf_init(struct ringbuf *r, void *storage, size_t size)
{
	ASSERT(size && (size & (size - 1)) == 0);
	*r = (struct ringbuf){ .data = storage, .size = size };
}

static void store(struct ringbuf *r, const uint8_t *data, size_t n)
{
	size_t at = r->head & (r->size - 1), first = MIN(n, r->size - at);

	memcpy(r->data + at, data, first);
	memcpy(r->data, data + first, n - first);
	r->head += n;
}

size_t ringbuf_write(struct ringbuf *r, const void *data, size_t n)
{
	n = MIN(n, ringbuf_room(r));
	store(r, data, n);
	return n;
}

void ringbuf_overwrite(struct ringbuf *r, const void *data, size_t n)
{
	size_t lost = n > r->size ? n - r->size : 0;

	r->head += lost;
	store(r, (const uint8_t *)data + lost, n - lost);
	if (r->head - r->tail > r->size) {
		r->tail = r->head - r->size;
	}
}

const uint8_t *ringbuf_run(const struct ringbuf *r, uint64_t pos, size_t *n)
{
	size_t at = pos & (r->size - 1);

	*n = MIN((size_t)(r->head - pos), r->size - at);
	return r->data + at;
}

size_t ringbuf_peek(const struct ringbuf *r, uint64_t pos, void *buf, size_t n)
{
	DEBUG_ASSERT(pos >= r->tail && pos <= r->head);
	n = MIN(n, (size_t)(r->head - pos));

	size_t first;
	const uint8_t *run = ringbuf_run(r, pos, &first);

	first = MIN(first, n);
	memcpy(buf, run, first);
	memcpy((uint8_t *)buf + first, r->data, n - first);
	return n;
}

void ringbuf_drop(struct ringbuf *r, size_t n)
{
	ASSERT(n <= ringbuf_used(r));
	r->tail += n;
}

size_t ringbuf_read(struct ringbuf *r, void *buf, size_t n)
{
	n = ringbuf_peek(r, r->tail, buf, n);
	r->tail += n;
	return n;
}
