/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Byte streams to the host: the ports of the virtio console, found by name
 * (lib/launch.h).  Declared here, filled by drivers/virtio/console.c; used by the
 * control channel, the terminal and the stdio files.
 *
 * Host to guest bytes wait in the driver's receive buffers (flow control: the host stops
 * when these are full) until they are read.
 */
#include <lib/util.h>
#include <sync/waitq.h>

struct host_port {
	char name[32];
	const struct host_port_ops *ops;
	void *priv;
	struct waitq readable; /* woken when bytes or hang-up arrive */
	struct waitq writable; /* woken when there is room again */
};
struct host_port_ops {
	/* Takes up to n received bytes: count, 0 = none now. Any thread context, no sleep. */
	size_t (*read)(struct host_port *p, void *buf, size_t n);
	/* Queues up to n bytes (copied into the driver's own buffers): count taken, 0 = full;
	 * -EIO when the device is broken.  No sleep. */
	long (*write)(struct host_port *p, const void *buf, size_t n);
	/* Bytes that can be read / written now without waiting. */
	size_t (*can_read)(struct host_port *p);
	size_t (*can_write)(struct host_port *p);
	/* Waits until the device has consumed all that was written, or the deadline. */
	int (*flush)(struct host_port *p, uint64_t deadline);
	/* Panic path: writes without locks, waits or interrupts, by polling; best effort. */
	void (*emergency_write)(struct host_port *p, const void *buf, size_t n);
	/* True when the host's end is closed. */
	bool (*hung_up)(struct host_port *p);
};
/* The driver announces ports as the device names them; lookup waits for it up to the
 * deadline: NULL when there is none.  kernel/host/port.c */
void host_port_register(struct host_port *p);
struct host_port *host_port_find(const char *name, uint64_t deadline);
/* Without sleeping. */
struct host_port *host_port_peek(const char *name);
