/* SPDX-License-Identifier: MIT */
/*
 * Epolls that watch epolls: a limited depth, no circle, and a limited number of ways from a file up
 * to who waits for it, as each way is climbed with each wake.  One epoll may watch another through
 * any number of descriptors, so the depth alone limits nothing.
 *
 * The links between epolls (children, parents) change under the gate only, so its holder follows them
 * freely.  An epoll whose depth is known for this check (seen_*) is not entered again: what a check
 * costs is the number of links, not of ways.
 *
 * A link against a file that comes to an epoll below it at the same time: the link is made first, then
 * the epoll's mutex is taken to look at its files; who adds a file holds that mutex, and asks for a
 * check when the epoll has parents.  So one of the two sees the other.
 */
#include "epoll_internal.h"

#include <fs/event/epoll.h>
#include <fs/file.h>
#include <linux/errno.h>
#include <sched/sched.h>

/* How many ways may end at an epoll that no other watches, by the links between epolls on the way. */
static const unsigned way_limits[EPOLL_MAX_NEST] = { UINT32_MAX, 500, 100, 50, 10 };

SPINLOCK(epoll_nest) epoll_nest_lock = SPINLOCK_INIT(RANK_EPOLL_NEST, "epoll nest");

static uint64_t check; /* number of this check; gate */

/* Depth of epolls below ep (ep itself counts 1); -ELOOP when `find` is among them. */
static int depth_below(struct epoll *ep, const struct epoll *find)
{
	struct epoll_item *item;
	int max = 0;

	if (ep == find) {
		return -ELOOP;
	}
	if (ep->seen_below == check) {
		return ep->below;
	}
	list_for_each_entry(item, &ep->children, child_link) {
		int d = depth_below(item->file->private_data, find);

		if (d < 0) {
			return d;
		}
		max = MAX(max, d);
	}
	ep->seen_below = check;
	ep->below = max + 1;
	return max + 1;
}

static int depth_above(struct epoll *ep)
{
	const struct epoll_item *item;
	int max = 0;

	if (ep->seen_above == check) {
		return ep->above;
	}
	list_for_each_entry(item, &ep->parents, parent_link) {
		max = MAX(max, depth_above(item->ep));
	}
	ep->seen_above = check;
	ep->above = max + 1;
	return max + 1;
}

int epoll_check_nesting(struct epoll *ep, struct epoll *target)
{
	int below;

	check++;
	below = depth_below(target, ep);
	if (below < 0) {
		return below;
	}
	return below + depth_above(ep) > EPOLL_MAX_NEST ? -ELOOP : 0;
}

/* Counts the ways up from ep, which is `links` links above the file's own epoll; false: too many. */
static bool count_ways(const struct epoll *ep, unsigned links, unsigned count[EPOLL_MAX_NEST])
{
	const struct epoll_item *item;

	if (links >= EPOLL_MAX_NEST) {
		return false;
	}
	if (list_empty(&ep->parents)) {
		return ++count[links] <= way_limits[links];
	}
	list_for_each_entry(item, &ep->parents, parent_link) {
		if (!count_ways(item->ep, links + 1, count)) {
			return false;
		}
	}
	return true;
}

int epoll_check_ways(struct file *f)
{
	unsigned count[EPOLL_MAX_NEST] = { 0 };
	struct epoll_item *item;
	bool ok = true;

	spin_lock(&f->epoll_lock);
	list_for_each_entry(item, &f->epoll_items, file_link) {
		ok = count_ways(item->ep, 0, count);
		if (!ok) {
			break;
		}
	}
	spin_unlock(&f->epoll_lock);
	return ok ? 0 : -EINVAL;
}

static int check_files(struct epoll *ep) REQUIRES(epoll_role)
{
	int err = 0;

	mutex_lock_nested(&ep->mutex);
	for (struct rb_node *n = rb_first(&ep->items); n && !err; n = rb_next(n)) {
		struct epoll_item *item = rb_entry(n, struct epoll_item, node);

		if (!file_is_epoll(item->file)) {
			err = epoll_check_ways(item->file);
			sched_yield_point();
		}
	}
	mutex_unlock_nested(&ep->mutex);
	return err;
}

int epoll_check_ways_below(struct epoll *ep)
{
	struct epoll_item *item;
	int err;

	if (ep->seen_files == check) {
		return 0;
	}
	ep->seen_files = check;
	err = check_files(ep);
	list_for_each_entry(item, &ep->children, child_link) {
		if (err) {
			break;
		}
		err = epoll_check_ways_below(item->file->private_data);
	}
	return err;
}
