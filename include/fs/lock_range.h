/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The algebra of byte-range locks: a tree of ranges, sorted by owner and start, where setting a
 * range merges, splits and replaces the owner's own ranges.  Pure: memory
 * comes from the caller (a split needs up to two spare ranges), nothing sleeps.
 *
 * A range is [start, end], end inclusive; INT64_MAX means "to the end of the file".
 */
#include <lib/list.h>
#include <lib/rbtree.h>

enum lock_type { LOCKR_READ, LOCKR_WRITE, LOCKR_NONE };

struct lock_range {
	struct rb_node node;
	struct list link;  /* of those that went */
	const void *owner; /* descriptor table, or open file */
	bool ofd;
	enum lock_type type;
	int64_t start, end;
	int pid; /* what F_GETLK says: -1 for open-file locks */
};

/* First range that keeps owner from having [start, end] as type; NULL = none. */
struct lock_range *lock_range_conflict(const struct rb_tree *t, const void *owner,
				       enum lock_type type, int64_t start, int64_t end);
/* Gives owner the range as type (LOCKR_NONE: takes it away).  spare[0..1]: two unlinked
 * ranges to use; those used are set to NULL.  Ranges that went are put on `freed`. */
void lock_range_set(struct rb_tree *t, const struct lock_range *want, struct lock_range *spare[2],
		    struct list *freed);
/* Puts up to max of owner's ranges on `freed`; true: there are more. */
MUST_USE bool lock_range_drop(struct rb_tree *t, const void *owner, unsigned max,
			      struct list *freed);
/* flock(2)'s l_whence, l_start, l_len to a range.  0, -EINVAL, -EOVERFLOW. */
MUST_USE int lock_range_from(int64_t base, int64_t l_start, int64_t l_len, int64_t *start,
			     int64_t *end);
