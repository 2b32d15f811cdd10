/* SPDX-License-Identifier: MIT */
/*
 * Epolls that watch epolls: a limited depth, no circle.
 *
 * Links downwards are the items of an epoll, which only change under the gate; links upwards are
 * its parents, under epoll_nest_lock, as wake functions follow them.
 */
#include "epoll_internal.h"

#include <fs/event/epoll.h>
#include <fs/file.h>
#include <linux/errno.h>

SPINLOCK(epoll_nest) epoll_nest_lock = SPINLOCK_INIT(RANK_EPOLL_NEST, "epoll nest");

/* Depth of epolls below ep (ep itself counts 1); -ELOOP when `find` is among them. */
static int depth_below(struct epoll *ep, const struct epoll *find, int depth)
{
	int max = depth;

	if (ep == find || depth > EPOLL_MAX_NEST) {
		return -ELOOP;
	}
	for (struct rb_node *n = rb_first(&ep->items); n; n = rb_next(n)) {
		struct epoll_item *item = rb_entry(n, struct epoll_item, node);
		int d;

		if (!file_is_epoll(item->file)) {
			continue;
		}
		d = depth_below(item->file->private_data, find, depth + 1);
		if (d < 0) {
			return d;
		}
		max = MAX(max, d);
	}
	return max;
}

static int depth_above(const struct epoll *ep, int depth)
{
	const struct epoll_item *item;
	int max = depth;

	if (depth > EPOLL_MAX_NEST) {
		return depth;
	}
	list_for_each_entry(item, &ep->parents, parent_link) {
		max = MAX(max, depth_above(item->ep, depth + 1));
	}
	return max;
}

int epoll_check_nesting(struct epoll *ep, struct epoll *target)
{
	int below = depth_below(target, ep, 1);
	uint64_t flags;
	int above;

	if (below < 0) {
		return below;
	}
	flags = spin_lock_irqsave(&epoll_nest_lock);
	above = depth_above(ep, 1);
	spin_unlock_irqrestore(&epoll_nest_lock, flags);
	return below + above > EPOLL_MAX_NEST ? -ELOOP : 0;
}
