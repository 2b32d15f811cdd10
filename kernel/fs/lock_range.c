/* SPDX-License-Identifier: MIT */
/*
 * The algebra of byte ranges.  Invariant of a list: ranges of one owner do not overlap, and two of
 * one type do not touch.
 */
#include <fs/lock_range.h>

#include <lib/list.h>
#include <linux/errno.h>

static bool overlaps(const struct lock_range *r, int64_t start, int64_t end)
{
	return r->start <= end && start <= r->end;
}

struct lock_range *lock_range_conflict(const struct list *head, const void *owner,
				       enum lock_type type, int64_t start, int64_t end)
{
	struct lock_range *r;

	list_for_each_entry(r, head, link) {
		if (r->owner != owner && overlaps(r, start, end) &&
		    (r->type == LOCKR_WRITE || type == LOCKR_WRITE)) {
			return r;
		}
	}
	return NULL;
}

static struct lock_range *take_spare(struct lock_range *spare[2])
{
	struct lock_range *r = spare[0];

	if (r) {
		spare[0] = NULL;
	} else {
		r = spare[1];
		spare[1] = NULL;
	}
	return r;
}

static bool mergeable(const struct lock_range *r, const struct lock_range *n)
{
	return r->type == n->type &&
	       ((r->end != INT64_MAX && r->end + 1 == n->start) ||
		(n->end != INT64_MAX && n->end + 1 == r->start) || overlaps(r, n->start, n->end));
}

void lock_range_set(struct list *head, const struct lock_range *want, struct lock_range *spare[2],
		    struct list *freed)
{
	struct lock_range n = *want, *r, *tmp, *add;

	list_for_each_entry_safe(r, tmp, head, link) {
		if (r->owner != n.owner) {
			continue;
		}
		if (n.type != LOCKR_NONE && mergeable(r, &n)) {
			n.start = r->start < n.start ? r->start : n.start;
			n.end = r->end > n.end ? r->end : n.end;
			list_remove(&r->link);
			list_push_back(freed, &r->link);
			continue;
		}
		if (!overlaps(r, n.start, n.end)) {
			continue;
		}
		if (r->start < n.start && r->end > n.end) { /* cut in two */
			add = take_spare(spare);
			*add = *r;
			list_init(&add->link);
			add->start = n.end + 1;
			r->end = n.start - 1;
			list_insert_before(r->link.next, &add->link);
		} else if (r->start < n.start) {
			r->end = n.start - 1;
		} else if (r->end > n.end) {
			r->start = n.end + 1;
		} else {
			list_remove(&r->link);
			list_push_back(freed, &r->link);
		}
	}
	if (n.type == LOCKR_NONE) {
		return;
	}
	add = take_spare(spare);
	*add = n;
	list_init(&add->link);
	list_for_each_entry(r, head, link) {
		if (r->owner == n.owner && r->start > n.start) {
			list_insert_before(&r->link, &add->link);
			return;
		}
	}
	list_push_back(head, &add->link);
}

int lock_range_from(int64_t base, int64_t l_start, int64_t l_len, int64_t *start, int64_t *end)
{
	if (__builtin_add_overflow(base, l_start, start)) {
		return -EOVERFLOW;
	}
	if (*start < 0) {
		return -EINVAL;
	}
	if (l_len > 0) {
		return __builtin_add_overflow(*start, l_len - 1, end) ? -EOVERFLOW : 0;
	}
	if (l_len < 0) {
		if (*start + l_len < 0) {
			return -EINVAL;
		}
		*end = *start - 1;
		*start += l_len;
		return 0;
	}
	*end = INT64_MAX;
	return 0;
}
