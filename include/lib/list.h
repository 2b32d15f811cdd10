/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intrusive circular doubly linked list.  A head and a node are the same type;
 * an unlinked node points to itself, so that removing twice is harmless and
 * list_linked() can be asked.  The caller's lock protects a list.
 */
#include <lib/util.h>

struct list {
	struct list *next, *prev;
};
#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline bool list_linked(const struct list *n)
{
	return n->next != n;
}
static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}
/* Inserts n first / last; n must be unlinked. */
static inline void list_push_front(struct list *head, struct list *n)
{
	list_insert_between(n, head, head->next);
}
static inline void list_push_back(struct list *head, struct list *n)
{
	list_insert_between(n, head->prev, head);
}
static inline void list_insert_before(struct list *pos, struct list *n)
{
	list_insert_between(n, pos->prev, pos);
}
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
static inline struct list *list_first(const struct list *head)
{
	return list_empty(head) ? NULL : head->next;
}
static inline struct list *list_pop_front(struct list *head)
{
	struct list *n = list_first(head);

	if (n) {
		list_remove(n);
	}
	return n;
}
/* Moves all of src to the end of dst; src is empty afterwards. */
static inline void list_splice_back(struct list *dst, struct list *src)
{
	if (list_empty(src)) {
		return;
	}
	src->next->prev = dst->prev;
	dst->prev->next = src->next;
	src->prev->next = dst;
	dst->prev = src->prev;
	list_init(src);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) list_entry((head)->prev, type, member)
#define list_for_each_entry(pos, head, member)                                                 \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
/* The body may remove (and free) pos. */
#define list_for_each_entry_safe(pos, tmp, head, member)                  \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),    \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
	     &pos->member != (head);                                      \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))
