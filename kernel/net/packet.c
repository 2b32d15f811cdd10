/* SPDX-License-Identifier: MIT */
/*
 * Packets: the units of a socket's queue.  A packet owns its bytes and its flight, the references
 * to the files that it carries (flight.c); whoever has it in no list owns it.
 *
 * A file in a packet may be a socket whose queue has packets with files, and so on, deeper than
 * the stack is.  So packets that carry files are freed through the grave: one thread at a time
 * empties it, and what that frees in turn only joins the grave.
 */
#include "net_internal.h"

#include <fs/file.h>
#include <lib/string.h>
#include <mm/slab.h>

static SPINLOCK(net_grave) grave_lock = SPINLOCK_INIT(RANK_NET_SOCKET, "net grave");
static struct list grave = LIST_INIT(grave);
static bool digging; /* somebody is emptying it */

void packet_free(struct packet *p)
{
	if (p->flight) {
		struct socket_msg m = { 0 };

		flight_unload(p, &m);
		socket_msg_drop(&m);
	}
	kfree(p);
}

void socket_msg_drop(struct socket_msg *m)
{
	for (unsigned i = 0; i < m->nfiles; i++) {
		file_put(m->files[i]);
	}
	kfree(m->files);
	m->files = NULL;
	m->nfiles = 0;
}

struct packet *packet_read(struct uio *u, size_t n, bool whole, const struct sock_addr *from,
			   int *err)
{
	size_t data = ALIGN_UP(n, sizeof(uint64_t));
	struct packet *p = kmalloc(sizeof(*p) + data + (from ? sizeof(*from) : 0));

	if (!p) {
		*err = -ENOBUFS;
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	list_init(&p->link);
	p->len = uio_read_from(u, p->data, n);
	if (p->len < n && (whole || p->len == 0)) {
		*err = -EFAULT;
		kfree(p);
		return NULL;
	}
	if (from) {
		p->from = (struct sock_addr *)(p->data + data);
		*p->from = *from;
	}
	return p;
}

bool packets_unread(const struct list *packets)
{
	const struct packet *p;

	list_for_each_entry(p, packets, link) {
		if (p->len > p->off) {
			return true;
		}
	}
	return false;
}

void packets_bury(struct list *packets)
{
	struct packet *p, *next;

	list_for_each_entry_safe(p, next, packets, link) {
		if (!p->flight) {
			list_remove(&p->link);
			packet_free(p);
		}
	}
	if (list_empty(packets)) {
		return;
	}
	spin_lock(&grave_lock);
	list_splice_back(&grave, packets);
	while (!digging && !list_empty(&grave)) {
		p = list_first_entry(&grave, struct packet, link);
		list_remove(&p->link);
		digging = true;
		spin_unlock(&grave_lock);
		packet_free(p);
		spin_lock(&grave_lock);
		digging = false;
	}
	spin_unlock(&grave_lock);
}
