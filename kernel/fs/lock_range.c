/* SPDX-License-Identifier: MIT */
/*
 * The algebra of byte ranges.  Invariant of a tree: ranges of one owner do not overlap, and two of
 * one type do not touch.  So a step costs as much as the ranges that it meets, not as there are;
 * a look for conflicts goes from owner to owner.
 */
#include <fs/lock_range.h>

#include <linux/errno.h>

static struct lock_range *entry(struct rb_node *n)
{
	return n ? rb_entry(n, struct lock_range, node) : NULL;
}

static struct lock_range *next_range(const struct lock_range *r)
{
	return entry(rb_next(&r->node));
}

static bool is_after(const struct lock_range *r, const void *owner, int64_t start)
{
	return r->owner == owner ? r->start > start : (uintptr_t)r->owner > (uintptr_t)owner;
}

/* The last range, of any owner, that does not come after owner's at start. */
static struct lock_range *last_until(const struct rb_tree *t, const void *owner, int64_t start)
{
	struct lock_range *last = NULL;

	for (struct rb_node *n = t->root; n;) {
		if (is_after(entry(n), owner, start)) {
			n = n->left;
		} else {
			last = entry(n);
			n = n->right;
		}
	}
	return last;
}

/* Owner's first range that does not end before start. */
static struct lock_range *first_from(const struct rb_tree *t, const void *owner, int64_t start)
{
	struct lock_range *r = last_until(t, owner, start);

	if (!r || r->owner != owner || r->end < start) {
		r = r ? next_range(r) : entry(rb_first(t));
	}
	return r && r->owner == owner ? r : NULL;
}

static void insert(struct rb_tree *t, struct lock_range *r)
{
	struct rb_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = is_after(entry(parent), r->owner, r->start) ? &parent->left : &parent->right;
	}
	rb_link(&r->node, parent, link);
	rb_insert_fix(t, &r->node);
}

static void take_out(struct rb_tree *t, struct lock_range *r, struct list *freed)
{
	rb_remove(t, &r->node);
	list_push_back(freed, &r->link);
}

static bool overlaps(const struct lock_range *r, int64_t start, int64_t end)
{
	return r->start <= end && start <= r->end;
}

struct lock_range *lock_range_conflict(const struct rb_tree *t, const void *owner,
				       enum lock_type type, int64_t start, int64_t end)
{
	struct lock_range *r = entry(rb_first(t));

	while (r) {
		const void *other = r->owner;

		r = other == owner ? NULL : first_from(t, other, start);
		for (; r && r->owner == other && r->start <= end; r = next_range(r)) {
			if (r->type == LOCKR_WRITE || type == LOCKR_WRITE) {
				return r;
			}
		}
		r = next_range(last_until(t, other, INT64_MAX));
	}
	return NULL;
}

static struct lock_range *take_spare(struct lock_range *spare[2], const struct lock_range *model)
{
	struct lock_range *r = spare[0] ? spare[0] : spare[1];

	spare[spare[0] ? 0 : 1] = NULL;
	*r = *model;
	list_init(&r->link);
	return r;
}

static bool mergeable(const struct lock_range *r, const struct lock_range *n)
{
	return r->type == n->type &&
	       ((r->end != INT64_MAX && r->end + 1 == n->start) ||
		(n->end != INT64_MAX && n->end + 1 == r->start) || overlaps(r, n->start, n->end));
}

void lock_range_set(struct rb_tree *t, const struct lock_range *want, struct lock_range *spare[2],
		    struct list *freed)
{
	struct lock_range n = *want, *r, *next, *add;

	for (r = first_from(t, n.owner, n.start ? n.start - 1 : 0); r; r = next) {
		next = next_range(r);
		if (next && next->owner != n.owner) {
			next = NULL;
		}
		if (n.type != LOCKR_NONE && mergeable(r, &n)) {
			n.start = r->start < n.start ? r->start : n.start;
			n.end = r->end > n.end ? r->end : n.end;
			take_out(t, r, freed);
			continue;
		}
		if (r->start > n.end) {
			break;
		}
		if (r->end < n.start) { /* only touches */
			continue;
		}
		if (r->start < n.start && r->end > n.end) { /* cut in two */
			add = take_spare(spare, r);
			add->start = n.end + 1;
			r->end = n.start - 1;
			insert(t, add);
		} else if (r->start < n.start) {
			r->end = n.start - 1;
		} else if (r->end > n.end) {
			r->start = n.end + 1;
		} else {
			take_out(t, r, freed);
		}
	}
	if (n.type != LOCKR_NONE) {
		insert(t, take_spare(spare, &n));
	}
}

bool lock_range_drop(struct rb_tree *t, const void *owner, unsigned max, struct list *freed)
{
	struct lock_range *r;

	while ((r = first_from(t, owner, 0)) && max) {
		take_out(t, r, freed);
		max--;
	}
	return r;
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
