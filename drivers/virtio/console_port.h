/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Data of one port of the virtio console: private to console.c (control messages) and
 * console_port.c (bytes).
 *
 * Receiving.  A few buffers lie in the receive ring; filled ones wait in rx_ready until they
 * have been read and only then go back, which is the flow control: the host stops when none
 * is left.  When all of them were full at once, another one is added, up to RX_MAX.
 *
 * Sending.  write() copies into `open`, the buffer being filled.  It is submitted when it is
 * full, and also when nothing is in flight, so that a lone byte leaves at once; while the
 * device is busy, small writes gather in it and go with the next completion interrupt.  At
 * most TX_LIMIT bytes wait.  One small buffer is never freed, so that without memory output
 * becomes slow but does not stop.
 *
 * Before the host has opened its end QEMU drops what it is given, so bytes wait in `open`
 * until then; after the end was closed again they are sent, to be dropped.
 *
 * Locks: receive fields under the receive queue's lock, transmit fields under the transmit
 * queue's.  host_open and was_open are atomic; they change in interrupt context only.
 */
#include <host/port.h>
#include <drivers/virtio.h>
#include <lib/list.h>

#define PORT_RING_SIZE 64
#define RX_BUFFER 4096u /* QEMU's character devices deliver at most this at a time */
#define RX_START 2
#define RX_MAX 8
#define TX_SMALL 4096u
#define TX_LARGE 32768u
#define TX_LIMIT 262144u

struct rx_buffer {
	struct list link; /* in rx_ready */
	uint8_t *data;
	uint32_t len, pos;
};
struct tx_buffer {
	struct list link; /* in tx_spare */
	uint8_t *data;
	uint32_t size, used;
};
struct console_port {
	struct host_port host;
	struct virtio_device *dev;
	struct virtio_queue *rxq, *txq; /* [I] */
	unsigned id;			/* [I] */
	bool added;			/* control messages only */
	bool named;			/* control messages only: host is registered */
	_Atomic bool host_open;
	_Atomic bool was_open;

	/* receive queue's lock */
	struct list rx_ready GUARDED_BY(device_role);
	size_t rx_bytes GUARDED_BY(device_role); /* unread */
	unsigned rx_total GUARDED_BY(device_role);

	/* transmit queue's lock */
	struct tx_buffer *open GUARDED_BY(device_role);
	struct list tx_spare GUARDED_BY(device_role);
	size_t tx_inflight GUARDED_BY(device_role); /* bytes */
	bool tx_want_room GUARDED_BY(device_role);  /* a writer found no room */
	unsigned tx_flushers GUARDED_BY(device_role);
};

extern const struct host_port_ops console_port_ops;

/* Allocates and posts the first buffers.  0 or -ENOMEM. */
MUST_USE int console_port_start(struct console_port *port);
void console_port_rx_event(struct console_port *port);
void console_port_tx_event(struct console_port *port);
/* The host opened or closed its end (or the device broke: closed). */
void console_port_set_open(struct console_port *port, bool is_open);
/* The device broke: a buffer comes back. */
void console_port_rx_abort(struct console_port *port, void *cookie);
void console_port_tx_abort(struct console_port *port, void *cookie);
