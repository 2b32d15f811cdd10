/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees.  A red node has no red child, and every path down has as many black nodes:
 * insertion and removal break one of the two at one place and carry it upwards until it heals.
 */
#include <lib/rbtree.h>

enum { RED = 0, BLACK = 1 };

static bool is_red(const struct rb_node *n)
{
	return n && !(n->parent_color & BLACK);
}
static void set_parent(struct rb_node *n, struct rb_node *p)
{
	n->parent_color = (uintptr_t)p | (n->parent_color & BLACK);
}
static void set_color(struct rb_node *n, unsigned color)
{
	n->parent_color = (n->parent_color & ~(uintptr_t)1) | color;
}

/* Puts `new` where `old` hangs. */
static void replace_child(struct rb_tree *t, struct rb_node *old, struct rb_node *new)
{
	struct rb_node *p = rb_parent(old);

	if (!p) {
		t->root = new;
	} else if (p->left == old) {
		p->left = new;
	} else {
		p->right = new;
	}
	if (new) {
		set_parent(new, p);
	}
}

static void rotate_left(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *r = n->right;

	n->right = r->left;
	if (r->left) {
		set_parent(r->left, n);
	}
	replace_child(t, n, r);
	r->left = n;
	set_parent(n, r);
}

static void rotate_right(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *l = n->left;

	n->left = l->right;
	if (l->right) {
		set_parent(l->right, n);
	}
	replace_child(t, n, l);
	l->right = n;
	set_parent(n, l);
}

void rb_insert_fix(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *p;

	while ((p = rb_parent(n)) && is_red(p)) {
		struct rb_node *g = rb_parent(p); /* exists: a red node is not the root */
		struct rb_node *uncle = p == g->left ? g->right : g->left;

		if (is_red(uncle)) {
			set_color(p, BLACK);
			set_color(uncle, BLACK);
			set_color(g, RED);
			n = g;
			continue;
		}
		if (p == g->left) {
			if (n == p->right) {
				rotate_left(t, p);
				n = p;
				p = rb_parent(n);
			}
			set_color(p, BLACK);
			set_color(g, RED);
			rotate_right(t, g);
		} else {
			if (n == p->left) {
				rotate_right(t, p);
				n = p;
				p = rb_parent(n);
			}
			set_color(p, BLACK);
			set_color(g, RED);
			rotate_left(t, g);
		}
		break;
	}
	set_color(t->root, BLACK);
}

/* n (maybe NULL) under p lacks one black on its path. */
static void remove_fix(struct rb_tree *t, struct rb_node *n, struct rb_node *p)
{
	while (p && !is_red(n)) {
		bool left = n == p->left;
		struct rb_node *s = left ? p->right : p->left; /* exists: it has a black more */

		if (is_red(s)) {
			set_color(s, BLACK);
			set_color(p, RED);
			if (left) {
				rotate_left(t, p);
				s = p->right;
			} else {
				rotate_right(t, p);
				s = p->left;
			}
		}
		if (!is_red(s->left) && !is_red(s->right)) {
			set_color(s, RED);
			n = p;
			p = rb_parent(n);
			continue;
		}
		if (left) {
			if (!is_red(s->right)) {
				set_color(s->left, BLACK);
				set_color(s, RED);
				rotate_right(t, s);
				s = p->right;
			}
			set_color(s, is_red(p) ? RED : BLACK);
			set_color(s->right, BLACK);
			set_color(p, BLACK);
			rotate_left(t, p);
		} else {
			if (!is_red(s->left)) {
				set_color(s->right, BLACK);
				set_color(s, RED);
				rotate_left(t, s);
				s = p->left;
			}
			set_color(s, is_red(p) ? RED : BLACK);
			set_color(s->left, BLACK);
			set_color(p, BLACK);
			rotate_right(t, p);
		}
		n = t->root;
		break;
	}
	if (n) {
		set_color(n, BLACK);
	}
}

void rb_remove(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *child, *parent;
	bool black;

	if (n->left && n->right) {
		struct rb_node *s = n->right; /* successor: takes n's place */

		while (s->left) {
			s = s->left;
		}
		child = s->right;
		parent = rb_parent(s);
		black = !is_red(s);
		if (parent == n) {
			parent = s;
		} else {
			parent->left = child;
			if (child) {
				set_parent(child, parent);
			}
			s->right = n->right;
			set_parent(s->right, s);
		}
		replace_child(t, n, s);
		s->left = n->left;
		set_parent(s->left, s);
		set_color(s, is_red(n) ? RED : BLACK);
	} else {
		child = n->left ? n->left : n->right;
		parent = rb_parent(n);
		black = !is_red(n);
		replace_child(t, n, child);
	}
	if (black) {
		remove_fix(t, child, parent);
	}
	rb_clear(n);
}

struct rb_node *rb_first(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->left) {
		n = n->left;
	}
	return n;
}

struct rb_node *rb_last(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->right) {
		n = n->right;
	}
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	if (n->right) {
		n = n->right;
		while (n->left) {
			n = n->left;
		}
		return (struct rb_node *)(uintptr_t)n;
	}
	struct rb_node *p;

	while ((p = rb_parent(n)) && n == p->right) {
		n = p;
	}
	return p;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	if (n->left) {
		n = n->left;
		while (n->right) {
			n = n->right;
		}
		return (struct rb_node *)(uintptr_t)n;
	}
	struct rb_node *p;

	while ((p = rb_parent(n)) && n == p->left) {
		n = p;
	}
	return p;
}
