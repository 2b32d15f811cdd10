/* SPDX-License-Identifier: MIT */
/*
 * The page cache's radix tree: page offset to page.  All under pc->lock; allocations for nodes
 * do not sleep.  A node is there while one of its slots is used: count says how many.
 */
#include "pagecache_internal.h"
#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/slab.h>

#define NODE_BITS 6
#define NODE_SLOTS (1u << NODE_BITS)
#define MAX_HEIGHT 11 /* 66 bits: more than any index has */

struct tree_node {
	void *slot[NODE_SLOTS];
	unsigned count;
};
static struct kmem_cache *node_cache;

void pagecache_tree_init(void)
{
	node_cache = kmem_cache_create("pagecache_node", sizeof(struct tree_node), 0);
	ASSERT(node_cache);
}

static unsigned slot_of(uint64_t index, unsigned height)
{
	return (unsigned)(index >> ((height - 1) * NODE_BITS)) & (NODE_SLOTS - 1);
}

/* Does a tree of this height have a place for index? */
static bool tree_covers(unsigned height, uint64_t index)
{
	if (height * NODE_BITS >= 64) {
		return true;
	}
	return index >> (height * NODE_BITS) == 0;
}

struct page *pagecache_tree_find(const struct page_cache *pc, uint64_t index)
{
	void *p = pc->root;

	if (!tree_covers(pc->height, index)) {
		return NULL;
	}
	for (unsigned h = pc->height; h > 0 && p; h--) {
		p = ((struct tree_node *)p)->slot[slot_of(index, h)];
	}
	return p;
}

static void count_pages(struct page_cache *pc, int n) REQUIRES(pagecache_role)
{
	uint64_t old = atomic_load_explicit(&pc->npages, memory_order_relaxed);

	atomic_store_explicit(&pc->npages, old + (uint64_t)(int64_t)n, memory_order_relaxed);
}

static int tree_grow(struct page_cache *pc, uint64_t index) REQUIRES(pagecache_role)
{
	while (!tree_covers(pc->height, index)) {
		if (pc->root) {
			struct tree_node *n = kmem_cache_zalloc(node_cache);

			if (!n) {
				return -ENOMEM;
			}
			n->slot[0] = pc->root;
			n->count = 1;
			pc->root = n;
		}
		pc->height++;
		ASSERT(pc->height <= MAX_HEIGHT);
	}
	return 0;
}

int pagecache_tree_insert(struct page_cache *pc, uint64_t index, struct page *p)
{
	struct tree_node *node = NULL;
	void **link = &pc->root;
	int err = tree_grow(pc, index);

	if (err) {
		return err;
	}
	for (unsigned h = pc->height; h > 0; h--) {
		if (!*link) {
			*link = kmem_cache_zalloc(node_cache);
			if (!*link) {
				/* Empty nodes that were just made stay: harmless, and
				 * pagecache_destroy() does not look for them, so undo. */
				pagecache_tree_remove(pc, index);
				return -ENOMEM;
			}
			if (node) {
				node->count++;
			}
		}
		node = *link;
		link = &node->slot[slot_of(index, h)];
	}
	ASSERT(!*link);
	*link = p;
	if (node) {
		node->count++;
	}
	count_pages(pc, 1);
	return 0;
}

/* Clears the slot of index (when it is set) and frees the nodes that this leaves empty. */
void pagecache_tree_remove(struct page_cache *pc, uint64_t index)
{
	struct tree_node *path[MAX_HEIGHT + 1];
	void *p = pc->root;
	unsigned h;

	if (!tree_covers(pc->height, index)) {
		return;
	}
	for (h = pc->height; h > 0 && p; h--) {
		path[h] = p;
		p = path[h]->slot[slot_of(index, h)];
	}
	/* h levels were not reached: path[h + 1] is the lowest node there. */
	if (p && h == 0) {
		count_pages(pc, -1);
		if (pc->height == 0) {
			pc->root = NULL;
		} else {
			path[1]->slot[slot_of(index, 1)] = NULL;
			path[1]->count--;
		}
	}
	for (h++; h <= pc->height && path[h]->count == 0; h++) {
		kmem_cache_free(node_cache, path[h]);
		if (h < pc->height) {
			path[h + 1]->slot[slot_of(index, h + 1)] = NULL;
			path[h + 1]->count--;
		} else {
			pc->root = NULL;
		}
	}
	if (!pc->root) {
		pc->height = 0;
	}
}

struct page *pagecache_tree_next(const struct page_cache *pc, uint64_t *index, uint64_t last)
{
	uint64_t i = *index;

	if (pc->height == 0) {
		*index = 0;
		return i == 0 ? pc->root : NULL;
	}
	while (i <= last && tree_covers(pc->height, i)) {
		struct tree_node *node = pc->root;
		unsigned h = pc->height;

		while (node) {
			unsigned shift = (h - 1) * NODE_BITS;
			unsigned s = slot_of(i, h);

			while (s < NODE_SLOTS && !node->slot[s]) {
				uint64_t next = ((i >> shift) + 1) << shift;

				if (next <= i) {
					return NULL; /* wrapped: past the largest index */
				}
				i = next;
				s++;
			}
			if (s == NODE_SLOTS) {
				break; /* i now starts the node's right neighbour */
			}
			if (h == 1) {
				*index = i;
				return i <= last ? node->slot[s] : NULL;
			}
			node = node->slot[s];
			h--;
		}
		if (!node) {
			return NULL;
		}
	}
	return NULL;
}
