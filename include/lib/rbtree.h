/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intrusive red-black tree.  The user descends by hand (comparison inlined, as
 * the key lives in the user's struct), links the node with rb_link() and
 * rebalances with rb_insert_fix().  The caller's lock protects a tree.
 *
 *     struct rb_node **link = &t->root, *parent = NULL;
 *     while (*link) { parent = *link; link = less ? &parent->left : &parent->right; }
 *     rb_link(&n->node, parent, link);
 *     rb_insert_fix(t, &n->node);
 */
#include <lib/util.h>

struct rb_node {
	uintptr_t parent_color; /* parent pointer | 1 when black */
	struct rb_node *left, *right;
};
struct rb_tree {
	struct rb_node *root;
};

static inline struct rb_node *rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent_color & ~(uintptr_t)1);
}
static inline void rb_link(struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	n->parent_color = (uintptr_t)parent; /* red */
	n->left = n->right = NULL;
	*link = n;
}
/* A node that is in no tree; rb_remove() leaves a node so. */
static inline void rb_clear(struct rb_node *n)
{
	n->parent_color = (uintptr_t)n;
}
static inline bool rb_linked(const struct rb_node *n)
{
	return n->parent_color != (uintptr_t)n;
}
void rb_insert_fix(struct rb_tree *t, struct rb_node *n);
void rb_remove(struct rb_tree *t, struct rb_node *n);
struct rb_node *rb_first(const struct rb_tree *t);
struct rb_node *rb_last(const struct rb_tree *t);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
