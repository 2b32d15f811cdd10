/* SPDX-License-Identifier: MIT */
/* Packets: the units of a socket's queue. */
#include "net_internal.h"

#include <fs/file.h>
#include <lib/string.h>
#include <mm/slab.h>

void packet_free(struct packet *p)
{
	for (unsigned i = 0; i < p->nfiles; i++) {
		file_put(p->files[i]);
	}
	kfree(p->files);
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

void socket_enqueue(struct socket *to, struct packet *p)
{
	list_push_back(&to->queue, &p->link);
	to->queued += packet_charge(p);
	to->npackets++;
}
