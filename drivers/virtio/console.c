/* SPDX-License-Identifier: MIT */
/*
 * virtio console device with several ports (virtio 1.2, 5.3): this file has the control
 * messages, console_port.c the bytes.
 *
 * Start-up goes on by itself in interrupt context while the kernel boots (5.3.6): we send
 * DEVICE_READY, the device answers with PORT_ADD for each port, we answer PORT_READY, the
 * device sends PORT_NAME and PORT_OPEN.  On its name a port gets its buffers, is registered
 * (host_port_find() waits for that) and we open our end; QEMU drops data for ports that
 * have not done all this.
 *
 * Port 0 is for hvc consoles (QEMU reserves it) and is left alone.
 */
#include <arch/paging.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include "console_port.h"

#define F_MULTIPORT (1ull << 1)
#define CONFIG_MAX_NR_PORTS 4

#define MAX_PORTS 8
#define QUEUE_CONTROL_RX 2
#define QUEUE_CONTROL_TX 3
#define CONTROL_SIZE 32 /* ring; the device drops messages for which no buffer lies ready */
#define CONTROL_BUFFER 128

enum control_event {
	EV_DEVICE_READY = 0,
	EV_PORT_ADD = 1,
	EV_PORT_REMOVE = 2,
	EV_PORT_READY = 3,
	EV_CONSOLE_PORT = 4,
	EV_RESIZE = 5,
	EV_PORT_OPEN = 6,
	EV_PORT_NAME = 7,
};
struct control_msg {
	uint32_t id;
	uint16_t event;
	uint16_t value;
};
_Static_assert(sizeof(struct control_msg) == 8, "virtio 1.2, 5.3.6.2");

struct virtio_console {
	struct virtio_device *dev;
	uint8_t *rx;		/* CONTROL_SIZE buffers of CONTROL_BUFFER bytes */
	struct control_msg *tx; /* CONTROL_SIZE messages */
	uint32_t tx_busy;	/* control transmit lock: bit per message in tx */
	unsigned nports;	/* [I] ports 1 .. nports - 1 have queues */
	struct console_port port[MAX_PORTS];
};
_Static_assert(CONTROL_SIZE == 32, "tx_busy has a bit per message");

/* 5.3.2: port 0 has queues 0 and 1, control 2 and 3, port n 2n + 2 and 2n + 3. */
static unsigned port_rx_queue(unsigned id)
{
	return 2 * id + 2;
}

static void control_send(struct virtio_console *con, uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_queue *q = &con->dev->queues[QUEUE_CONTROL_TX];
	uint64_t flags = spin_lock_irqsave(&q->lock);
	struct vring_desc draft[1];
	struct vring_chain c;
	uint32_t written;
	unsigned slot;
	void *cookie;
	bool kick = false, sent = false;

	while (virtio_queue_pop(q, &cookie, &written)) {
		con->tx_busy &= ~(1u << ((struct control_msg *)cookie - con->tx));
	}
	if (con->tx_busy != UINT32_MAX) {
		slot = (unsigned)__builtin_ctz(~con->tx_busy);
		con->tx[slot] = (struct control_msg){ .id = id, .event = event, .value = value };
		vring_chain_init(&c, draft, ARRAY_SIZE(draft), 0);
		vring_chain_append(&c, virt_to_phys(&con->tx[slot]), sizeof(con->tx[slot]), false);
		sent = virtio_queue_submit(q, &c, &con->tx[slot]) == 0;
		if (sent) {
			con->tx_busy |= 1u << slot;
		}
		kick = virtio_queue_kick_due(q);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	if (kick) {
		virtio_queue_kick(q);
	}
	if (!sent && !virtio_is_broken(con->dev)) {
		virtio_device_broken(con->dev, "control messages are not taken");
	}
}

static void port_name(struct virtio_console *con, struct console_port *port, const char *name,
		      size_t len)
{
	if (!port->added || port->named) {
		return;
	}
	memcpy(port->host.name, name, MIN(len, sizeof(port->host.name) - 1));
	if (console_port_start(port) != 0) {
		log_error("%s: no memory for port %s", con->dev->name, port->host.name);
		return;
	}
	port->named = true;
	control_send(con, port->id, EV_PORT_OPEN, 1);
	host_port_register(&port->host);
}

static void control_message(struct virtio_console *con, const uint8_t *msg, size_t len)
{
	struct control_msg m;
	struct console_port *port;

	if (len < sizeof(m)) {
		virtio_device_broken(con->dev, "short control message");
		return;
	}
	memcpy(&m, msg, sizeof(m));
	if (m.id == 0 || m.id >= con->nports) {
		return; /* a port that we don't serve */
	}
	port = &con->port[m.id];
	switch (m.event) {
	case EV_PORT_ADD:
		if (!port->added) {
			port->added = true;
			control_send(con, m.id, EV_PORT_READY, 1);
		}
		break;
	case EV_PORT_REMOVE: console_port_set_open(port, false); break;
	case EV_PORT_OPEN: console_port_set_open(port, m.value != 0); break;
	case EV_PORT_NAME:
		port_name(con, port, (const char *)msg + sizeof(m), len - sizeof(m));
		break;
	case EV_CONSOLE_PORT: /* hvc consoles and their window sizes: not used */
	case EV_RESIZE:
	default: break;
	}
}

static int control_post_locked(struct virtio_console *con, uint8_t *buf)
{
	struct vring_desc draft[1];
	struct vring_chain c;

	vring_chain_init(&c, draft, ARRAY_SIZE(draft), 0);
	vring_chain_append(&c, virt_to_phys(buf), CONTROL_BUFFER, true);
	return virtio_queue_submit(&con->dev->queues[QUEUE_CONTROL_RX], &c, buf);
}

/* One message at a time: it is copied and its buffer given back before it is looked at. */
static bool control_receive(struct virtio_console *con)
{
	struct virtio_queue *q = &con->dev->queues[QUEUE_CONTROL_RX];
	uint64_t flags = spin_lock_irqsave(&q->lock);
	uint8_t msg[CONTROL_BUFFER];
	uint32_t written = 0;
	void *cookie;
	bool got, kick;

	got = virtio_queue_pop(q, &cookie, &written);
	if (!got && !virtio_is_broken(con->dev) && vring_irq_enable(&q->ring, 0)) {
		got = virtio_queue_pop(q, &cookie, &written);
	}
	if (got) {
		memcpy(msg, cookie, written); /* written <= CONTROL_BUFFER: the ring's clamp */
		(void)!control_post_locked(con, cookie);
	}
	kick = virtio_queue_kick_due(q);
	spin_unlock_irqrestore(&q->lock, flags);
	if (kick) {
		virtio_queue_kick(q);
	}
	if (got) {
		control_message(con, msg, written);
	}
	return got;
}

static void console_queue_event(struct virtio_queue *q)
{
	struct virtio_console *con = q->dev->driver_data;
	struct console_port *port;

	if (q->index == QUEUE_CONTROL_RX) {
		/* a bound, in case the device never stops */
		for (unsigned i = 0; i < 8 * CONTROL_SIZE && control_receive(con); i++) {
			;
		}
		return;
	}
	if (q->index == QUEUE_CONTROL_TX || !vring_pending(&q->ring)) {
		return;
	}
	port = &con->port[(q->index - 2) / 2];
	if (!port->named) {
		virtio_device_broken(q->dev, "data for a port that is not open");
	} else if (q == port->rxq) {
		console_port_rx_event(port);
	} else {
		console_port_tx_event(port);
	}
}

static void console_abort(struct virtio_queue *q, void *cookie)
{
	struct virtio_console *con = q->dev->driver_data;
	struct console_port *port = &con->port[(q->index - 2) / 2];

	if (q->index == QUEUE_CONTROL_RX || q->index == QUEUE_CONTROL_TX) {
		return;
	}
	if (q == port->rxq) {
		console_port_rx_abort(port, cookie);
	} else {
		console_port_tx_abort(port, cookie);
	}
}

static void console_aborted(struct virtio_device *dev)
{
	struct virtio_console *con = dev->driver_data;

	for (unsigned i = 1; i < con->nports; i++) {
		console_port_set_open(&con->port[i], false);
	}
}

static int setup_queues(struct virtio_console *con, unsigned max_ports)
{
	struct virtio_device *dev = con->dev;
	int err;

	con->nports = MIN(max_ports, (unsigned)MAX_PORTS);
	err = virtio_queues_alloc(dev, port_rx_queue(con->nports));
	if (!err) {
		err = virtio_queue_setup(dev, QUEUE_CONTROL_RX, CONTROL_SIZE);
	}
	if (!err) {
		err = virtio_queue_setup(dev, QUEUE_CONTROL_TX, CONTROL_SIZE);
	}
	for (unsigned i = 1; i < con->nports && !err; i++) {
		struct console_port *port = &con->port[i];

		port->dev = dev;
		port->id = i;
		port->rxq = &dev->queues[port_rx_queue(i)];
		port->txq = port->rxq + 1;
		err = virtio_queue_setup(dev, port->rxq->index, PORT_RING_SIZE);
		if (!err) {
			err = virtio_queue_setup(dev, port->txq->index, PORT_RING_SIZE);
		}
	}
	return err;
}

static void post_control_buffers(struct virtio_console *con)
{
	struct virtio_queue *q = &con->dev->queues[QUEUE_CONTROL_RX];
	uint64_t flags = spin_lock_irqsave(&q->lock);
	bool kick;

	vring_irq_disable(&con->dev->queues[QUEUE_CONTROL_TX].ring);
	for (unsigned i = 0; i < CONTROL_SIZE; i++) {
		(void)!control_post_locked(con, con->rx + i * CONTROL_BUFFER);
	}
	kick = virtio_queue_kick_due(q);
	spin_unlock_irqrestore(&q->lock, flags);
	if (kick) {
		virtio_queue_kick(q);
	}
}

static int console_probe(struct virtio_device *dev)
{
	struct virtio_console *con;
	uint32_t max_ports = 0;
	int err;

	if (!(dev->features & F_MULTIPORT)) {
		log_error("%s: one port only; QEMU needs virtserialport devices", dev->name);
		return -ENODEV;
	}
	con = kzalloc(sizeof(*con));
	if (!con) {
		return -ENOMEM;
	}
	con->rx = kzalloc(CONTROL_SIZE * CONTROL_BUFFER);
	con->tx = kcalloc(CONTROL_SIZE, sizeof(*con->tx));
	if (!con->rx || !con->tx) {
		kfree(con->rx);
		kfree(con->tx);
		kfree(con);
		return -ENOMEM;
	}
	con->dev = dev;
	dev->driver_data = con;
	dev->ops->read_config(dev, CONFIG_MAX_NR_PORTS, &max_ports, sizeof(max_ports));
	err = setup_queues(con, max_ports);
	if (!err) {
		err = virtio_device_ready(dev);
	}
	if (err) {
		return err;
	}
	post_control_buffers(con);
	control_send(con, 0, EV_DEVICE_READY, 1);
	return 0;
}

const struct virtio_driver virtio_console_driver = {
	.device_id = VIRTIO_ID_CONSOLE,
	.name = "virtio-console",
	.features = F_MULTIPORT,
	.probe = console_probe,
	.queue_event = console_queue_event,
	.abort = console_abort,
	.aborted = console_aborted,
};
