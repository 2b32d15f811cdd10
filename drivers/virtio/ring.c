/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues; virtio_ring.h has the theory: what is trusted, which barrier is where.
 *
 * Of the memory that the device writes, only used.idx, used.id, used.len and the two suppression
 * words are read, each once per use.
 */
#include <drivers/virtio_ring.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <stdatomic.h>

#define NO_SLOT 0xffff

/* used_event stands after the available ring, avail_event after the used ring (2.7.6, 2.7.8). */
static uint16_t *used_event(const struct vring *r)
{
	return &r->avail->ring[r->size];
}

static const uint16_t *avail_event(const struct vring *r)
{
	return (const uint16_t *)(const void *)&r->used->ring[r->size];
}

size_t vring_avail_offset(uint16_t size)
{
	return (size_t)size * sizeof(struct vring_desc);
}

size_t vring_used_offset(uint16_t size)
{
	size_t end = vring_avail_offset(size) + sizeof(struct vring_avail) +
		     ((size_t)size + 1) * sizeof(uint16_t);

	return ALIGN_UP(end, 4);
}

size_t vring_bytes(uint16_t size)
{
	return vring_used_offset(size) + sizeof(struct vring_used) +
	       (size_t)size * sizeof(struct vring_used_elem) + sizeof(uint16_t);
}

void vring_init(struct vring *r, void *mem, struct vring_slot *slots, uint16_t size, bool indirect,
		bool event_idx)
{
	ASSERT(size != 0 && size <= VRING_MAX_SIZE && (size & (size - 1)) == 0);
	ASSERT(IS_ALIGNED((uintptr_t)mem, 16));
	memset(r, 0, sizeof(*r));
	r->desc = mem;
	r->avail = (void *)((char *)mem + vring_avail_offset(size));
	r->used = (void *)((char *)mem + vring_used_offset(size));
	r->slots = slots;
	r->size = size;
	r->indirect = indirect;
	r->event_idx = event_idx;
	for (unsigned i = 0; i < size; i++) {
		slots[i] = (struct vring_slot){
			.next = i + 1u < size ? (uint16_t)(i + 1) : NO_SLOT,
		};
	}
	r->free_head = 0;
	r->free_count = size;
}

void vring_chain_init(struct vring_chain *c, struct vring_desc *table, unsigned max,
		      uint64_t table_phys)
{
	*c = (struct vring_chain){ .table = table, .max = max, .table_phys = table_phys };
}

void vring_chain_append(struct vring_chain *c, uint64_t phys, uint32_t len, bool device_writes)
{
	struct vring_desc *d;

	if (len == 0) {
		return;
	}
	ASSERT(c->count < c->max);
	/* All readable parts come before all writable ones (2.7.4.2). */
	ASSERT(device_writes || !c->writing);
	if (c->count > 0) {
		c->table[c->count - 1].flags |= VRING_DESC_NEXT;
		c->table[c->count - 1].next = (uint16_t)c->count;
	}
	d = &c->table[c->count++];
	d->addr = phys;
	d->len = len;
	d->flags = device_writes ? VRING_DESC_WRITE : 0;
	d->next = 0;
	if (device_writes) {
		c->writing = true;
		/* 2.7.5.2: a chain has at most 2^32 bytes */
		ASSERT(c->capacity + len >= len);
		c->capacity += len;
	}
}

/* Room for the chain now?  Indirect ones need one descriptor. */
static bool vring_has_room(const struct vring *r, const struct vring_chain *c)
{
	return r->free_count >= (c->table_phys ? 1 : c->count);
}

static uint16_t take_free(struct vring *r)
{
	uint16_t i = r->free_head;

	ASSERT(r->free_count > 0 && i < r->size);
	r->free_head = r->slots[i].next;
	r->free_count--;
	return i;
}

static uint16_t place_indirect(struct vring *r, const struct vring_chain *c)
{
	uint16_t head = take_free(r);

	r->desc[head] = (struct vring_desc){
		.addr = c->table_phys,
		.len = c->count * (uint32_t)sizeof(struct vring_desc),
		.flags = VRING_DESC_INDIRECT,
	};
	r->slots[head].count = 1;
	r->slots[head].next = NO_SLOT;
	return head;
}

static uint16_t place_direct(struct vring *r, const struct vring_chain *c)
{
	uint16_t head = take_free(r), at = head;

	for (unsigned i = 0; i < c->count; i++) {
		bool last = i + 1 == c->count;
		uint16_t next = last ? NO_SLOT : take_free(r);

		r->desc[at] = c->table[i];
		r->desc[at].next = last ? 0 : next;
		r->slots[at].next = next;
		at = next;
	}
	r->slots[head].count = (uint16_t)c->count;
	return head;
}

int vring_submit(struct vring *r, const struct vring_chain *c, void *cookie)
{
	uint16_t head;

	if (r->error) {
		return -EIO;
	}
	if (c->count == 0 || c->count > r->size) {
		return -EINVAL;
	}
	ASSERT(!c->table_phys || r->indirect);
	if (!vring_has_room(r, c)) {
		return -ENOSPC;
	}
	head = c->table_phys ? place_indirect(r, c) : place_direct(r, c);
	r->slots[head].cookie = cookie;
	r->slots[head].capacity = c->capacity;
	WRITE_ONCE(r->avail->ring[r->avail_idx & (r->size - 1)], head);
	r->avail_idx++;
	r->inflight++;
	/* The device may take the chain from here on (2.7.13.3). */
	__atomic_store_n(&r->avail->idx, r->avail_idx, __ATOMIC_RELEASE);
	return 0;
}

bool vring_kick_needed(struct vring *r)
{
	uint16_t old = r->kicked_idx, now = r->avail_idx;

	if (old == now || r->error) {
		return false;
	}
	r->kicked_idx = now;
	/* avail.idx must be visible before the device's wish is read, or both sides sleep:
	 * it stores its wish, then looks at avail.idx (2.7.10.1). */
	atomic_thread_fence(memory_order_seq_cst);
	if (r->event_idx) {
		uint16_t event = READ_ONCE(*avail_event(r));

		return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
	}
	return !(READ_ONCE(r->used->flags) & VRING_USED_NO_NOTIFY);
}

static int ring_broken(struct vring *r, const char *why)
{
	r->error = why;
	return -EIO;
}

/* Gives the chain's descriptors back to the free list. */
static void release_chain(struct vring *r, uint16_t head)
{
	struct vring_slot *s = &r->slots[head];
	uint16_t count = s->count, last = head;

	ASSERT(count > 0 && r->inflight > 0);
	for (unsigned i = 1; i < count; i++) {
		last = r->slots[last].next;
	}
	s->count = 0;
	s->cookie = NULL;
	r->slots[last].next = r->free_head;
	r->free_head = head;
	r->free_count += count;
	r->inflight--;
}

bool vring_pending(const struct vring *r)
{
	return !r->error && READ_ONCE(r->used->idx) != r->used_idx;
}

int vring_poll(struct vring *r, void **cookie, uint32_t *written)
{
	uint16_t device_idx;
	uint32_t id, len;
	struct vring_used_elem *e;

	if (r->error) {
		return -EIO;
	}
	device_idx = __atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE);
	if (device_idx == r->used_idx) {
		return 0;
	}
	if ((uint16_t)(device_idx - r->used_idx) > r->inflight) {
		return ring_broken(r, "used index runs ahead");
	}
	e = &r->used->ring[r->used_idx & (r->size - 1)];
	id = READ_ONCE(e->id); /* once: the device may change it at any time */
	len = READ_ONCE(e->len);
	if (id >= r->size) {
		return ring_broken(r, "used id out of range");
	}
	if (r->slots[id].count == 0) {
		return ring_broken(r, "used id not in flight");
	}
	if (len > r->slots[id].capacity) {
		r->long_lens++;
		len = r->slots[id].capacity;
	}
	*cookie = r->slots[id].cookie;
	*written = len;
	release_chain(r, (uint16_t)id);
	r->used_idx++;
	return 1;
}

bool vring_detach(struct vring *r, void **cookie)
{
	if (r->inflight == 0) {
		return false;
	}
	for (uint16_t i = 0; i < r->size; i++) {
		if (r->slots[i].count == 0) {
			continue;
		}
		*cookie = r->slots[i].cookie;
		release_chain(r, i);
		return true;
	}
	panic("virtqueue: %u chains in flight, none found", r->inflight);
}

void vring_irq_disable(struct vring *r)
{
	/* Half a turn away from where the device is: reached only after 32768 completions. */
	if (r->event_idx) {
		WRITE_ONCE(*used_event(r), (uint16_t)(r->used_idx + 0x8000));
	} else {
		WRITE_ONCE(r->avail->flags, VRING_AVAIL_NO_INTERRUPT);
	}
}

bool vring_irq_enable(struct vring *r, uint16_t skip)
{
	if (r->error) {
		return true;
	}
	if (!r->event_idx) {
		skip = 0;
	}
	if (r->event_idx) {
		WRITE_ONCE(*used_event(r), (uint16_t)(r->used_idx + skip));
	} else {
		WRITE_ONCE(r->avail->flags, 0);
	}
	/* The wish must be visible before used.idx is read; see vring_kick_needed(). */
	atomic_thread_fence(memory_order_seq_cst);
	return (uint16_t)(READ_ONCE(r->used->idx) - r->used_idx) > skip;
}
