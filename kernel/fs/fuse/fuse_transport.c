/* SPDX-License-Identifier: MIT */
/*
 * The registry of FUSE devices, by tag.  Transports are only ever added, so what a search found
 * is used without the lock.  Interrupts are off under the lock: it is a leaf that a driver may
 * take wherever it probes.
 */
#include <fs/fuse/fuse_transport.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <sync/spinlock.h>

static SPINLOCK(fuse_transports) transports_lock = SPINLOCK_INIT(RANK_LEAF, "fuse_transports");
static struct list transports GUARDED_BY(fuse_transports_role) = LIST_INIT(transports);

static struct fuse_transport *find_locked(const char *tag) REQUIRES(fuse_transports_role)
{
	struct fuse_transport *t;

	spin_assert_held(&transports_lock);
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
