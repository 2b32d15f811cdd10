/* SPDX-License-Identifier: MIT */
#include <host/port.h>
#include <lib/list.h>
#include <lib/string.h>

#define MAX_HOST_PORTS 16

/* Ports are only ever added, so a reader needs no lock: the count is published after the
 * entry (release, pairs with the acquire in host_port_peek). */
static SPINLOCK(host_ports) ports_lock = SPINLOCK_INIT(RANK_LEAF, "host_ports");
static struct host_port *ports[MAX_HOST_PORTS];
static _Atomic unsigned port_count;
static struct waitq port_added = {
	.lock = SPINLOCK_INIT(RANK_WAITQ, "port_added"),
	.entries = LIST_INIT(port_added.entries),
};

void host_port_register(struct host_port *p)
{
	uint64_t flags = spin_lock_irqsave(&ports_lock);
	unsigned n = atomic_load_explicit(&port_count, memory_order_relaxed);

	if (n < MAX_HOST_PORTS) {
		ports[n] = p;
		atomic_store_explicit(&port_count, n + 1, memory_order_release);
	}
	spin_unlock_irqrestore(&ports_lock, flags);
	waitq_wake_all(&port_added);
}

struct host_port *host_port_peek(const char *name)
{
	unsigned n = atomic_load_explicit(&port_count, memory_order_acquire);

	for (unsigned i = 0; i < n; i++) {
		if (strcmp(ports[i]->name, name) == 0) {
			return ports[i];
		}
	}
	return NULL;
}

struct host_port *host_port_find(const char *name, uint64_t deadline)
{
	struct host_port *p = host_port_peek(name);
	int err = 0;

	while (!p && !err) {
		struct waitq_entry e;

		waitq_entry_init(&e);
		waitq_add(&port_added, &e);
		block_prepare(WAIT_UNINTR);
		p = host_port_peek(name);
		if (p) {
			block_cancel();
		} else {
			err = block(deadline);
		}
		waitq_remove(&e);
		if (!p) {
			p = host_port_peek(name);
		}
	}
	return p;
}
