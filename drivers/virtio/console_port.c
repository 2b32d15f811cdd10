/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one port; console_port.h has the theory.
 *
 * rx_..._locked() need the receive queue's lock, tx_..._locked() the transmit queue's.  In a
 * panic nobody takes them: the other CPUs have stopped, one of them perhaps with the lock.
 * Queues of waiters are woken after the lock was dropped (RANK_WAITQ comes before RANK_DEVICE),
 * so each function decides under the lock and kicks, wakes and frees behind it.
 *
 * A sleeper says what it waits for under the transmit lock (tx_want_room, tx_flushers) and then
 * looks again; an interrupt is asked for only when somebody has said so (tx_arm_locked()).  Whoever
 * takes completions away before that interrupt looked wakes those who wait for them (tx_wake_due_locked()).
 */
#include "console_port.h"
#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/paging.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>

#define FLUSH_SPIN_NS (50 * NSEC_PER_USEC)
#define EMERGENCY_CHUNK 4096u
#define EMERGENCY_WAIT_NS (NSEC_PER_SEC / 2)

static struct console_port *port_of(struct host_port *p)
{
	return p->priv;
}

static bool is_open(const struct console_port *port)
{
	return atomic_load_explicit(&port->host_open, memory_order_acquire);
}

/* Ends a change of the ring. */
RELEASES(device_role)
static void unlock_and_kick(struct virtio_queue *q, uint64_t flags)
{
	bool kick = virtio_queue_kick_due(q);

	spin_unlock_irqrestore(&q->lock, flags);
	if (kick) {
		virtio_queue_kick(q);
	}
}

/* ---- receiving ---- */

REQUIRES(device_role)
static int rx_post_locked(struct console_port *port, struct rx_buffer *b)
{
	struct vring_desc draft[1];
	struct vring_chain c;

	ASSERT(spin_held(&port->rxq->lock));
	b->len = b->pos = 0;
	vring_chain_init(&c, draft, ARRAY_SIZE(draft), 0);
	vring_chain_append(&c, virt_to_phys(b->data), RX_BUFFER, true);
	return virtio_queue_submit(port->rxq, &c, b);
}

static void rx_free(struct rx_buffer *b)
{
	kfree(b->data);
	kfree(b);
}

REQUIRES(device_role)
static int rx_grow_locked(struct console_port *port)
{
	struct rx_buffer *b = kzalloc(sizeof(*b));
	int err;

	ASSERT(spin_held(&port->rxq->lock));
	if (!b) {
		return -ENOMEM;
	}
	list_init(&b->link);
	b->data = kmalloc(RX_BUFFER);
	err = b->data ? rx_post_locked(port, b) : -ENOMEM;
	if (err) {
		rx_free(b);
	} else {
		port->rx_total++;
	}
	return err;
}

/* Collects filled buffers; true when there is something new to read. */
REQUIRES(device_role)
static bool rx_collect_locked(struct console_port *port)
{
	bool any = false;

	ASSERT(spin_held(&port->rxq->lock));
	/* Empty answers go straight back, so that a device that gives nothing else can't hold
	 * the CPU here for ever. */
	for (unsigned budget = 2 * PORT_RING_SIZE; budget > 0; budget--) {
		struct rx_buffer *b;
		uint32_t written;
		void *cookie;

		if (!virtio_queue_pop(port->rxq, &cookie, &written)) {
			if (virtio_is_broken(port->dev) || !vring_irq_enable(&port->rxq->ring, 0)) {
				break;
			}
			continue;
		}
		b = cookie;
		if (written == 0 && rx_post_locked(port, b) == 0) {
			continue;
		}
		b->len = written;
		port->rx_bytes += written;
		list_push_back(&port->rx_ready, &b->link);
		any = true;
	}
	return any;
}

void console_port_rx_event(struct console_port *port)
{
	struct virtio_queue *q = port->rxq;
	uint64_t flags;
	bool any;

	if (!vring_pending(&q->ring)) {
		return;
	}
	flags = spin_lock_irqsave(&q->lock);
	any = rx_collect_locked(port);
	unlock_and_kick(q, flags);
	if (any) {
		waitq_wake_all(&port->host.readable);
	}
}

static size_t port_read(struct host_port *p, void *buf, size_t n)
{
	struct console_port *port = port_of(p);
	struct virtio_queue *q = port->rxq;
	size_t done = 0;
	uint64_t flags = spin_lock_irqsave(&q->lock);
	bool starved = port->rx_bytes > 0 && q->ring.inflight == 0;

	while (done < n && !list_empty(&port->rx_ready)) {
		struct rx_buffer *b = list_first_entry(&port->rx_ready, struct rx_buffer, link);
		size_t m = MIN(n - done, (size_t)(b->len - b->pos));

		memcpy((char *)buf + done, b->data + b->pos, m);
		b->pos += (uint32_t)m;
		done += m;
		port->rx_bytes -= m;
		if (b->pos < b->len) {
			break;
		}
		list_remove(&b->link);
		if (rx_post_locked(port, b) != 0) { /* only when the device broke */
			port->rx_total--;
			rx_free(b);
		}
	}
	if (starved && port->rx_total < RX_MAX) {
		(void)!rx_grow_locked(port);
	}
	unlock_and_kick(q, flags);
	return done;
}

static size_t port_can_read(struct host_port *p)
{
	return READ_ONCE(port_of(p)->rx_bytes);
}

void console_port_rx_abort(struct console_port *port, void *cookie)
{
	uint64_t flags = spin_lock_irqsave(&port->rxq->lock);

	port->rx_total--;
	spin_unlock_irqrestore(&port->rxq->lock, flags);
	rx_free(cookie);
}

/* ---- sending ---- */

static struct tx_buffer *tx_alloc(uint32_t size)
{
	struct tx_buffer *b = kzalloc(sizeof(*b));

	if (!b) {
		return NULL;
	}
	list_init(&b->link);
	b->size = size;
	b->data = kmalloc(size);
	if (!b->data) {
		kfree(b);
		return NULL;
	}
	return b;
}

/* A buffer to fill: a spare one, else a new one, large when there is much to write. */
REQUIRES(device_role)
static struct tx_buffer *tx_take_locked(struct console_port *port, size_t n)
{
	struct tx_buffer *b;

	ASSERT(spin_held(&port->txq->lock));
	if (n > TX_SMALL) {
		b = tx_alloc(TX_LARGE);
		if (b) {
			return b;
		}
	}
	if (!list_empty(&port->tx_spare)) {
		return list_entry(list_pop_front(&port->tx_spare), struct tx_buffer, link);
	}
	return tx_alloc(TX_SMALL);
}

REQUIRES(device_role)
static void tx_release_locked(struct console_port *port, struct tx_buffer *b)
{
	ASSERT(spin_held(&port->txq->lock));
	if (b->size == TX_SMALL && list_empty(&port->tx_spare)) {
		b->used = 0;
		list_push_back(&port->tx_spare, &b->link);
		return;
	}
	kfree(b->data);
	kfree(b);
}

/* In a panic without the lock. */
REQUIRES(device_role)
static void tx_submit_open_locked(struct console_port *port)
{
	struct tx_buffer *b = port->open;
	struct vring_desc draft[1];
	struct vring_chain c;

	if (!b || b->used == 0) {
		return;
	}
	if (!is_open(port) && !atomic_load_explicit(&port->was_open, memory_order_acquire)) {
		return;
	}
	vring_chain_init(&c, draft, ARRAY_SIZE(draft), 0);
	vring_chain_append(&c, virt_to_phys(b->data), b->used, false);
	/* Not virtio_queue_submit(), which asserts the lock: the panic path has none. */
	if (virtio_is_broken(port->dev) || vring_submit(&port->txq->ring, &c, b) != 0) {
		return; /* full: goes with the next completion; broken: see abort */
	}
	port->tx_inflight += b->used;
	port->open = NULL;
}

REQUIRES(device_role)
static void tx_reap_locked(struct console_port *port)
{
	uint32_t written;
	void *cookie;

	ASSERT(spin_held(&port->txq->lock));
	while (virtio_queue_pop(port->txq, &cookie, &written)) {
		struct tx_buffer *b = cookie;

		if (!b) {
			continue; /* the panic path's */
		}
		ASSERT(port->tx_inflight >= b->used);
		port->tx_inflight -= b->used;
		tx_release_locked(port, b);
	}
}

REQUIRES(device_role)
static size_t tx_room_locked(const struct console_port *port)
{
	const struct tx_buffer *b = port->open;
	size_t waiting = port->tx_inflight + (b ? b->used : 0);

	ASSERT(spin_held(&port->txq->lock));
	if (b && b->used == b->size) {
		return 0; /* it can't leave yet */
	}
	if (port->txq->ring.free_count == 0) {
		return b ? b->size - b->used : 0;
	}
	return waiting >= TX_LIMIT ? 0 : TX_LIMIT - waiting;
}

/* Is there what a sleeper waits for?  Asked by who has taken completions: no interrupt may come for
 * them any more, or it would find nothing. */
REQUIRES(device_role)
static bool tx_wake_due_locked(struct console_port *port)
{
	bool room = port->tx_want_room && tx_room_locked(port) >= TX_LIMIT / 2;
	bool drained = port->tx_flushers && port->txq->ring.inflight == 0 && !port->open;

	if (room) {
		port->tx_want_room = false;
	}
	return room || drained;
}

/* Asks for the interrupt that somebody needs: after half of what is in flight, which leaves
 * the device work while we react. */
REQUIRES(device_role)
static void tx_arm_locked(struct console_port *port)
{
	struct vring *r = &port->txq->ring;

	ASSERT(spin_held(&port->txq->lock));
	for (;;) {
		bool needed = port->open || port->tx_want_room || port->tx_flushers;

		if (virtio_is_broken(port->dev)) {
			return;
		}
		if (r->inflight == 0 || !needed) {
			vring_irq_disable(r);
			return;
		}
		if (!vring_irq_enable(r, (uint16_t)((r->inflight - 1) / 2))) {
			return;
		}
		tx_reap_locked(port);
		tx_submit_open_locked(port);
		if (virtio_is_broken(port->dev)) {
			return;
		}
	}
}

RELEASES(device_role)
static void tx_unlock(struct console_port *port, uint64_t flags, bool wake)
{
	unlock_and_kick(port->txq, flags);
	if (wake) {
		waitq_wake_all(&port->host.writable);
	}
}

void console_port_tx_event(struct console_port *port)
{
	uint64_t flags = spin_lock_irqsave(&port->txq->lock);
	bool wake;

	tx_reap_locked(port);
	tx_submit_open_locked(port);
	wake = tx_wake_due_locked(port) || port->tx_flushers;
	tx_arm_locked(port);
	tx_unlock(port, flags, wake);
}

static long port_write(struct host_port *p, const void *buf, size_t n)
{
	struct console_port *port = port_of(p);
	struct virtio_queue *q = port->txq;
	size_t done = 0;
	uint64_t flags;
	bool wake;

	if (virtio_is_broken(port->dev)) {
		return -EIO;
	}
	flags = spin_lock_irqsave(&q->lock);
	tx_reap_locked(port);
	while (done < n) {
		struct tx_buffer *b = port->open;
		size_t m = MIN(n - done, tx_room_locked(port));

		if (m == 0) {
			break;
		}
		if (!b) {
			b = port->open = tx_take_locked(port, n - done);
			if (!b) {
				break;
			}
		}
		m = MIN(m, (size_t)(b->size - b->used));
		memcpy(b->data + b->used, (const char *)buf + done, m);
		b->used += (uint32_t)m;
		done += m;
		if (b->used == b->size) {
			tx_submit_open_locked(port);
			if (port->open) {
				break; /* full buffer, full ring or not open yet */
			}
		}
	}
	if (q->ring.inflight == 0) {
		tx_submit_open_locked(port);
	}
	wake = tx_wake_due_locked(port);
	if (done < n) {
		port->tx_want_room = true;
	}
	tx_arm_locked(port);
	tx_unlock(port, flags, wake);
	virtio_device_abort_if_broken(port->dev);
	return (long)done;
}

static size_t port_can_write(struct host_port *p)
{
	struct console_port *port = port_of(p);
	uint64_t flags;
	size_t room;
	bool wake;

	if (virtio_is_broken(port->dev)) {
		return TX_LIMIT; /* a write fails at once */
	}
	flags = spin_lock_irqsave(&port->txq->lock);
	tx_reap_locked(port);
	if (port->txq->ring.inflight == 0) {
		tx_submit_open_locked(port); /* it waited for what is taken now */
	}
	room = tx_room_locked(port);
	wake = tx_wake_due_locked(port);
	port->tx_want_room |= room == 0;
	tx_arm_locked(port);
	tx_unlock(port, flags, wake);
	return room;
}

/* One look: true when all is out (or never will be). */
static bool tx_drained(void *arg)
{
	struct console_port *port = arg;
	struct virtio_queue *q = port->txq;
	uint64_t flags = spin_lock_irqsave(&q->lock);
	bool drained, wake;

	tx_reap_locked(port);
	tx_submit_open_locked(port);
	wake = tx_wake_due_locked(port);
	drained = virtio_is_broken(port->dev) || (q->ring.inflight == 0 && !port->open);
	if (!drained) {
		tx_arm_locked(port);
	}
	tx_unlock(port, flags, wake);
	return drained;
}

static void tx_count_flusher(struct console_port *port, int delta)
{
	uint64_t flags = spin_lock_irqsave(&port->txq->lock);

	port->tx_flushers += (unsigned)delta;
	spin_unlock_irqrestore(&port->txq->lock, flags);
}

static int port_flush(struct host_port *p, uint64_t deadline)
{
	struct console_port *port = port_of(p);
	uint64_t spin_until = MIN(clock_mono_ns() + FLUSH_SPIN_NS, deadline);
	bool drained;
	int err = 0;

	while (!(drained = tx_drained(port)) && clock_mono_ns() < spin_until) {
		cpu_pause();
	}
	if (!drained) {
		tx_count_flusher(port, 1);
		err = waitq_wait_until(&p->writable, tx_drained, port, WAIT_UNINTR, deadline);
		tx_count_flusher(port, -1);
	}
	virtio_device_abort_if_broken(port->dev);
	return virtio_is_broken(port->dev) ? -EIO : err;
}

void console_port_tx_abort(struct console_port *port, void *cookie)
{
	struct tx_buffer *b = cookie;
	uint64_t flags = spin_lock_irqsave(&port->txq->lock);

	port->tx_inflight = 0;
	spin_unlock_irqrestore(&port->txq->lock, flags);
	if (b) {
		kfree(b->data);
		kfree(b);
	}
}

/* ---- both ---- */

static bool port_hung_up(struct host_port *p)
{
	struct console_port *port = port_of(p);

	return virtio_is_broken(port->dev) ||
	       (!is_open(port) && atomic_load_explicit(&port->was_open, memory_order_acquire));
}

void console_port_set_open(struct console_port *port, bool open)
{
	if (open) {
		atomic_store_explicit(&port->was_open, true, memory_order_release);
	}
	atomic_store_explicit(&port->host_open, open, memory_order_release);
	if (!port->named) {
		return;
	}
	if (!virtio_is_broken(port->dev)) {
		console_port_tx_event(port); /* what waited for the host can go */
	}
	waitq_wake_all(&port->host.readable);
	waitq_wake_all(&port->host.writable);
}

/* The panic path: other CPUs are stopped and one of them, or this one, may hold the lock, so
 * it is ignored.  At worst the ring's state is torn and nothing gets out. */
LOCK_UNCHECKED("a panic has stopped whoever holds the lock")
static void port_emergency_write(struct host_port *p, const void *buf, size_t n)
{
	static uint8_t chunk[EMERGENCY_CHUNK] ALIGNED(4096);
	struct console_port *port = port_of(p);
	struct virtio_queue *q = port->txq;
	uint64_t give_up = clock_mono_ns() + EMERGENCY_WAIT_NS;

	if (virtio_is_broken(port->dev) || !is_open(port)) {
		return;
	}
	tx_submit_open_locked(port); /* keeps the order of the bytes */
	while (n > 0) {
		size_t m = MIN(n, (size_t)EMERGENCY_CHUNK);
		struct vring_desc draft[1];
		struct vring_chain c;
		uint32_t written;
		void *cookie;

		memcpy(chunk, buf, m);
		vring_chain_init(&c, draft, ARRAY_SIZE(draft), 0);
		vring_chain_append(&c, virt_to_phys(chunk), (uint32_t)m, false);
		while (vring_submit(&q->ring, &c, NULL) != 0) {
			if (q->ring.error || clock_mono_ns() > give_up) {
				return;
			}
			virtio_queue_kick(q);
			(void)!vring_poll(&q->ring, &cookie, &written);
		}
		virtio_queue_kick(q);
		while (q->ring.inflight > 0) {
			if (vring_poll(&q->ring, &cookie, &written) < 0 ||
			    clock_mono_ns() > give_up) {
				return;
			}
			cpu_pause();
		}
		buf = (const char *)buf + m;
		n -= m;
	}
}

int console_port_start(struct console_port *port)
{
	struct tx_buffer *spare = tx_alloc(TX_SMALL);
	uint64_t flags;
	int err = 0;

	if (!spare) {
		return -ENOMEM;
	}
	list_init(&port->rx_ready);
	list_init(&port->tx_spare);
	list_push_back(&port->tx_spare, &spare->link);
	waitq_init(&port->host.readable);
	waitq_init(&port->host.writable);
	port->host.ops = &console_port_ops;
	port->host.priv = port;
	vring_irq_disable(&port->txq->ring);
	flags = spin_lock_irqsave(&port->rxq->lock);
	for (unsigned i = 0; i < RX_START && !err; i++) {
		err = rx_grow_locked(port);
	}
	if (port->rx_total > 0) {
		err = 0;
	}
	unlock_and_kick(port->rxq, flags);
	return err;
}

const struct host_port_ops console_port_ops = {
	.read = port_read,
	.write = port_write,
	.can_read = port_can_read,
	.can_write = port_can_write,
	.flush = port_flush,
	.emergency_write = port_emergency_write,
	.hung_up = port_hung_up,
};
