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

struct search {
	const char *name;
	struct host_port *found;
};

static bool found(void *arg)
{
	struct search *s = arg;

	s->found = host_port_peek(s->name);
	return s->found;
}

struct host_port *host_port_find(const char *name, uint64_t deadline)
{
	struct search s = { .name = name };

	(void)!waitq_wait_until(&port_added, found, &s, WAIT_UNINTR, deadline);
	return s.found;
}
