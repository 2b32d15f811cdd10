/* SPDX-License-Identifier: MIT */
#include <fs/fuse/fuse_transport.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <sync/spinlock.h>

static SPINLOCK(fuse_transports) transports_lock = SPINLOCK_INIT(RANK_LEAF, "fuse_transports");
static struct list transports = LIST_INIT(transports); /* transports_lock */

static struct fuse_transport *find_locked(const char *tag)
{
	struct fuse_transport *t;

	list_for_each_entry(t, &transports, link) {
		if (strcmp(t->tag, tag) == 0) {
			return t;
		}
	}
	return NULL;
}

int fuse_transport_register(struct fuse_transport *t)
{
	uint64_t flags = spin_lock_irqsave(&transports_lock);
	int err = find_locked(t->tag) ? -EEXIST : 0;

	if (!err) {
		list_push_back(&transports, &t->link);
	}
	spin_unlock_irqrestore(&transports_lock, flags);
	return err;
}

struct fuse_transport *fuse_transport_find(const char *tag)
{
	uint64_t flags = spin_lock_irqsave(&transports_lock);
	struct fuse_transport *t = find_locked(tag);

	spin_unlock_irqrestore(&transports_lock, flags);
	return t;
}
