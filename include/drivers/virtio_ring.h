/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Split virtqueues (virtio 1.2, 2.7), as pure code over memory: no registers, no locks, no
 * allocation.  So it runs on the host against a device that lies.
 *
 * The caller builds a chain in a descriptor table of its own (vring_chain_init, _append:
 * first what the device reads, then what it writes), then submits it.  With a physical
 * address for the table the chain takes one descriptor of the ring (indirect, 2.7.5.3) and
 * the table belongs to the device until completion; without, the table is only a draft that
 * is copied into the ring's descriptors.
 *
 *     vring_chain_init(&c, table, ARRAY_SIZE(table), 0);
 *     vring_chain_append(&c, phys, len, false); ...
 *     err = vring_submit(r, &c, cookie);        -ENOSPC: poll first
 *     if (vring_kick_needed(r)) notify the device
 *     ...
 *     while (vring_poll(r, &cookie, &written) > 0) ...
 *
 * Trust.  The ring lies in memory that the device writes, so the driver never reads back
 * what it wrote there: indices, chain lengths, links, cookies and capacities live in
 * `struct vring_slot`, which only the driver uses.  From the device come used.idx, used.id
 * and used.len (and the two suppression words, where any value is harmless): an index that
 * runs ahead of what is in flight, and an id that heads no chain in flight are lies that
 * break the ring for good (vring_poll: -EIO, r->error says why); a length above the room that
 * the chain gave is cut to it and counted, since real devices have that bug (Linux keeps its
 * check off for them).
 *
 * Barriers (2.7.13).  The available index is stored with release after the entry; used.idx
 * is loaded with acquire before the entry.  A full fence stands where a store must be seen
 * before a later load: avail.idx before avail_event (vring_kick_needed) and used_event before
 * used.idx (vring_irq_enable).  Pages are write-back: lock-prefixed or mfence is enough.
 *
 * Locks: the caller's, one per ring.
 */
#include <lib/util.h>

#define VRING_DESC_NEXT 1
#define VRING_DESC_WRITE 2
#define VRING_DESC_INDIRECT 4
#define VRING_AVAIL_NO_INTERRUPT 1
#define VRING_USED_NO_NOTIFY 1
#define VRING_MAX_SIZE 1024

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
struct vring_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* size entries, then used_event */
};
struct vring_used_elem {
	uint32_t id;
	uint32_t len;
};
struct vring_used {
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[]; /* size entries, then uint16_t avail_event */
};
_Static_assert(sizeof(struct vring_desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(sizeof(struct vring_used_elem) == 8, "virtio 1.2, 2.7.8");

/* What the driver remembers of each descriptor. */
struct vring_slot {
	void *cookie;
	uint32_t capacity; /* bytes that the device may write */
	uint16_t next;	   /* next of the chain or of the free list */
	uint16_t count;	   /* descriptors of the chain that this one heads; 0: heads none */
};
struct vring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_slot *slots;
	uint16_t size;
	bool indirect;	/* negotiated */
	bool event_idx; /* negotiated */
	uint16_t free_head, free_count;
	uint16_t inflight;   /* chains */
	uint16_t avail_idx;  /* next to be published */
	uint16_t kicked_idx; /* avail_idx when the device was last told */
	uint16_t used_idx;   /* next to be consumed */
	uint32_t long_lens;  /* times that used.len had to be cut */
	const char *error;   /* why the ring is broken, NULL = it is not */
};
struct vring_chain {
	struct vring_desc *table;
	uint64_t table_phys; /* 0: copied into the ring on submit */
	unsigned max, count;
	uint32_t capacity;
	bool writing; /* a device-writable part was added */
};

/* Bytes of ring memory for a ring of size descriptors; the offsets of its parts. */
size_t vring_bytes(uint16_t size);
size_t vring_avail_offset(uint16_t size);
size_t vring_used_offset(uint16_t size);

/* mem: vring_bytes() zeroed bytes, 16-aligned, shared with the device; slots: size of them.
 * size: a power of two up to VRING_MAX_SIZE. */
void vring_init(struct vring *r, void *mem, struct vring_slot *slots, uint16_t size, bool indirect,
		bool event_idx);

void vring_chain_init(struct vring_chain *c, struct vring_desc *table, unsigned max,
		      uint64_t table_phys);
/* Parts of length 0 are left out (2.7.5.2 has no meaning for them). */
void vring_chain_append(struct vring_chain *c, uint64_t phys, uint32_t len, bool device_writes);

/* Publishes the chain.  0; -ENOSPC when there is no room now; -EINVAL for an empty chain or
 * one longer than the queue (2.7.5.3.1); -EIO when the ring is broken. */
MUST_USE int vring_submit(struct vring *r, const struct vring_chain *c, void *cookie);
/* Must the device be told of what was submitted since the last call?  Call it once per
 * batch and notify when true (2.7.10). */
bool vring_kick_needed(struct vring *r);

/* Takes one completion: 1, 0 = none now, -EIO = the device lied. */
MUST_USE int vring_poll(struct vring *r, void **cookie, uint32_t *written);
/* Is there one?  A hint without lock or fence. */
bool vring_pending(const struct vring *r);
/* Takes back any chain in flight, done or not; false when none is left.  Only after the
 * device was reset: it must not touch the buffers any more. */
bool vring_detach(struct vring *r, void **cookie);

/* Interrupt suppression (2.7.7); hints, spurious interrupts stay possible.  enable asks for
 * an interrupt after `skip` + 1 further completions and returns true when that many are
 * there already: poll again instead of waiting. */
void vring_irq_disable(struct vring *r);
MUST_USE bool vring_irq_enable(struct vring *r, uint16_t skip);
