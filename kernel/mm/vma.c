/* SPDX-License-Identifier: MIT */
/*
 * The vmas of an address space: a tree by address, with the sums of their sizes.
 *
 * Changes need mm->lock held for writing, lookups for reading.  Vmas do not overlap, are never
 * empty, and neighbours that could be one (kind_matches()) are one after vma_merge().  The range
 * of a vma with an object changes under the object's vmas_lock, too, for unmap_object() reads it
 * without mm->lock.  A vma that left the tree is linked by object_link into a list `dead`.
 *
 * gap_hint: no gap above it is longer than gap_hole, so a search that wants more starts there.
 * Unmapping raises it, finding lowers it.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/slab.h>

static struct kmem_cache *vma_cache;

void vma_init_cache(void)
{
	vma_cache = kmem_cache_create("vma", sizeof(struct vma), 0);
}

static struct vma *vma_of(const struct rb_node *n)
{
	return n ? container_of(n, struct vma, node) : NULL;
}

struct vma *vma_next(const struct vma *v)
{
	return vma_of(rb_next(&v->node));
}

struct vma *vma_prev(const struct vma *v)
{
	return vma_of(rb_prev(&v->node));
}

struct vma *vma_last(struct mm *mm)
{
	return vma_of(rb_last(&mm->vmas));
}

struct vma *vma_find(struct mm *mm, uint64_t addr)
{
	struct vma *best = atomic_load_explicit(&mm->last_hit, memory_order_relaxed);
	struct rb_node *n;

	if (best && best->start <= addr && addr < best->end) {
		return best;
	}
	best = NULL;
	n = mm->vmas.root;
	while (n) {
		struct vma *v = vma_of(n);

		if (addr < v->end) {
			best = v;
			if (addr >= v->start) {
				/* Readers race here, and any vma of the tree is a valid hint; it
				 * can't be one that goes, for that takes the write lock. */
				atomic_store_explicit(&mm->last_hit, v, memory_order_relaxed);
				break;
			}
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static void forget_hit(struct mm *mm) REQUIRES(mm_role)
{
	atomic_store_explicit(&mm->last_hit, NULL, memory_order_relaxed);
}

/* The last with start < addr. */
static struct vma *vma_find_below(struct mm *mm, uint64_t addr) REQUIRES_SHARED(mm_role)
{
	struct rb_node *n = mm->vmas.root;
	struct vma *best = NULL;

	while (n) {
		struct vma *v = vma_of(n);

		if (v->start < addr) {
			best = v;
			n = n->right;
		} else {
			n = n->left;
		}
	}
	return best;
}

/* No atomic addition: changes are made under mm->lock, only readers come without. */
static inline void add(_Atomic uint64_t *sum, uint64_t pages)
{
	atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + pages,
			      memory_order_relaxed);
}

/* Pages of a kind come (or go: negative). */
static void account_kind(struct mm *mm, uint32_t flags, uint64_t pages) REQUIRES(mm_role)
{
	if (flags & VMA_LOCKED) {
		add(&mm->locked_pages, pages);
	}
	if (flags & VMA_GROWSDOWN) {
		add(&mm->stack_pages, pages);
	} else if ((flags & (VMA_WRITE | VMA_SHARED)) == VMA_WRITE) {
		add(&mm->data_pages, pages);
	}
}

static inline void account(struct mm *mm, uint32_t flags, int64_t pages) REQUIRES(mm_role)
{
	add(&mm->total_pages, (uint64_t)pages);
	account_kind(mm, flags, (uint64_t)pages);
}

static bool kind_matches(const struct vma *v, const struct vma_kind *k)
{
	return v->flags == k->flags && v->object == k->object && v->file == k->file &&
	       !v->special && !k->special;
}

static struct vma_kind kind_of(const struct vma *v)
{
	return (struct vma_kind){ v->flags, v->object, v->file, v->special, v->special_name };
}

struct vma *vma_new(struct mm *mm, uint64_t start, uint64_t end, const struct vma_kind *kind,
		    uint64_t pgoff)
{
	struct vma *v = kmem_cache_alloc(vma_cache);

	ASSERT(start < end && end <= USER_END && IS_ALIGNED(start | end, PAGE_SIZE));
	ASSERT(!kind->file || kind->object);
	if (!v) {
		return NULL;
	}
	*v = (struct vma){ .mm = mm,
			   .start = start,
			   .end = end,
			   .flags = kind->flags,
			   .pgoff = pgoff,
			   .object = kind->object,
			   .file = kind->file,
			   .special = kind->special,
			   .special_name = kind->special_name };
	rb_clear(&v->node);
	list_init(&v->object_link);
	if (v->file) {
		mm_file_ops->get(v->file);
	} else if (v->object) {
		pagecache_get(v->object);
	}
	return v;
}

static void tree_insert(struct mm *mm, struct vma *v) REQUIRES(mm_role)
{
	struct rb_node **link = &mm->vmas.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = v->start < vma_of(parent)->start ? &parent->left : &parent->right;
	}
	rb_link(&v->node, parent, link);
	rb_insert_fix(&mm->vmas, &v->node);
	mm->map_count++;
}

void vma_insert(struct mm *mm, struct vma *v)
{
	mm_assert_exclusive(mm);
	DEBUG_ASSERT(v->mm == mm && !vma_find_range(mm, v->start, v->end));
	tree_insert(mm, v);
	account(mm, v->flags, (int64_t)vma_pages(v));
	if (v->object) {
		spin_lock(&v->object->vmas_lock);
		list_push_back(&v->object->vmas, &v->object_link);
		spin_unlock(&v->object->vmas_lock);
	}
}

void vma_detach(struct mm *mm, struct vma *v, struct list *dead)
{
	mm_assert_exclusive(mm);
	if (v->object) {
		spin_lock(&v->object->vmas_lock);
		list_remove(&v->object_link);
		spin_unlock(&v->object->vmas_lock);
	}
	rb_remove(&mm->vmas, &v->node);
	forget_hit(mm);
	mm->map_count--;
	account(mm, v->flags, -(int64_t)vma_pages(v));
	list_push_back(dead, &v->object_link);
}

void vma_set_range(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
{
	uint64_t pgoff = v->object || v->special ? vma_index(v, start) : 0;

	mm_assert_exclusive(mm);
	ASSERT(start < end && end <= USER_END && IS_ALIGNED(start | end, PAGE_SIZE));
	account(mm, v->flags, (int64_t)((end - start) >> PAGE_SHIFT) - (int64_t)vma_pages(v));
	if (!v->object) {
		v->start = start;
		v->end = end;
		v->pgoff = pgoff;
		return;
	}
	/* one step for unmap_object() */
	spin_lock(&v->object->vmas_lock);
	v->start = start;
	v->end = end;
	v->pgoff = pgoff;
	spin_unlock(&v->object->vmas_lock);
}

void vma_set_flags(struct mm *mm, struct vma *v, uint32_t flags)
{
	mm_assert_exclusive(mm);
	account_kind(mm, v->flags, -vma_pages(v));
	v->flags = flags;
	account_kind(mm, v->flags, vma_pages(v));
}

int vma_split(struct mm *mm, struct vma *v, uint64_t addr, struct vma **upper)
{
	struct vma_kind kind = kind_of(v);
	uint64_t pgoff = v->object || v->special ? vma_index(v, addr) : 0;
	struct vma *u;

	mm_assert_exclusive(mm);
	ASSERT(addr > v->start && addr < v->end && IS_ALIGNED(addr, PAGE_SIZE));
	u = vma_new(mm, addr, v->end, &kind, pgoff);
	if (!u) {
		return -ENOMEM;
	}
	if (v->object) {
		/* one step for unmap_object(): else it would miss pages of the upper part */
		spin_lock(&v->object->vmas_lock);
		v->end = addr;
		list_push_back(&v->object->vmas, &u->object_link);
		spin_unlock(&v->object->vmas_lock);
	} else {
		v->end = addr;
	}
	tree_insert(mm, u);
	*upper = u;
	return 0;
}

/* b follows a and is more of the same. */
static bool continues(const struct vma *a, const struct vma *b)
{
	struct vma_kind kind = kind_of(b);

	return a && b && a->end == b->start && kind_matches(a, &kind) &&
	       (!a->object || a->pgoff + vma_pages(a) == b->pgoff);
}

/* b's range goes to a, its lower neighbour. */
static void absorb(struct mm *mm, struct vma *a, struct vma *b, struct list *dead) REQUIRES(mm_role)
{
	uint64_t end = b->end;

	mm_assert_exclusive(mm);
	if (a->object) {
		/* One step for unmap_object(), which may have been at a, but not at b. */
		spin_lock(&a->object->vmas_lock);
		list_remove(&b->object_link);
		list_remove(&a->object_link);
		list_push_back(&a->object->vmas, &a->object_link);
		a->end = end;
		spin_unlock(&a->object->vmas_lock);
	} else {
		a->end = end;
	}
	rb_remove(&mm->vmas, &b->node);
	forget_hit(mm);
	mm->map_count--;
	list_push_back(dead, &b->object_link);
}

struct vma *vma_merge(struct mm *mm, struct vma *v, struct list *dead)
{
	struct vma *prev, *next;

	if (v->special) {
		return v;
	}
	prev = vma_prev(v);
	if (prev && continues(prev, v)) {
		absorb(mm, prev, v, dead);
		v = prev;
	}
	next = vma_next(v);
	if (next && continues(v, next)) {
		absorb(mm, v, next, dead);
	}
	return v;
}

struct vma *vma_map(struct mm *mm, uint64_t start, uint64_t end, const struct vma_kind *kind,
		    uint64_t pgoff, struct list *dead)
{
	struct vma *next = vma_find(mm, start);
	struct vma *prev = next ? vma_prev(next) : vma_last(mm);
	uint64_t pages = (end - start) >> PAGE_SHIFT;
	struct vma *v;

	ASSERT(!next || next->start >= end);
	if (prev && prev->end == start && kind_matches(prev, kind) &&
	    (!kind->object || prev->pgoff + vma_pages(prev) == pgoff)) {
		vma_set_range(mm, prev, prev->start, end);
		if (next && continues(prev, next)) {
			absorb(mm, prev, next, dead);
		}
		return prev;
	}
	if (next && next->start == end && kind_matches(next, kind) &&
	    (!kind->object || pgoff + pages == next->pgoff)) {
		vma_set_range(mm, next, start, next->end);
		return next;
	}
	v = vma_new(mm, start, end, kind, pgoff);
	if (v) {
		vma_insert(mm, v);
	}
	return v;
}

/* Where free space below v ends. */
static uint64_t gap_top(const struct vma *v)
{
	if (!(v->flags & VMA_GROWSDOWN)) {
		return v->start;
	}
	return v->start > STACK_GUARD_GAP ? v->start - STACK_GUARD_GAP : 0;
}

uint64_t vma_find_gap(struct mm *mm, uint64_t len, uint64_t low, uint64_t high)
{
	bool cached = high == mm->mmap_base;
	uint64_t top = high, hole = 0;
	struct vma *v, *above;

	if (cached && len > mm->gap_hole && mm->gap_hint < high) {
		top = mm->gap_hint;
		hole = mm->gap_hole;
	}
	v = vma_find_below(mm, top);
	/* top may lie in the guard gap of what is above it */
	above = v ? vma_next(v) : vma_of(rb_first(&mm->vmas));
	if (above) {
		top = MIN(top, gap_top(above));
	}
	for (;;) {
		uint64_t bottom = v ? MAX(v->end, low) : low;

		if (top > bottom) {
			if (top - bottom >= len) {
				if (cached) {
					mm->gap_hint = top - len;
					mm->gap_hole = hole;
				}
				return top - len;
			}
			hole = MAX(hole, top - bottom);
		}
		if (!v || v->start <= low) {
			return 0;
		}
		top = MIN(top, gap_top(v));
		v = vma_prev(v);
	}
}

void vma_note_gap(struct mm *mm, uint64_t addr)
{
	struct vma *next = vma_find(mm, addr);
	uint64_t top = next ? gap_top(next) : mm->mmap_base;

	top = MIN(top, mm->mmap_base);
	if (top > mm->gap_hint) {
		mm->gap_hint = top;
	}
}

bool vma_range_free(struct mm *mm, uint64_t start, uint64_t end)
{
	struct vma *next = vma_find(mm, start);

	return !next || gap_top(next) >= end;
}

void vma_dispose(struct list *dead)
{
	struct list *l;

	while ((l = list_pop_front(dead))) {
		struct vma *v = list_entry(l, struct vma, object_link);

		if (v->object && (v->flags & VMA_SHARED) && (v->flags & VMA_MAYWRITE) &&
		    pagecache_writes_back(v->object) &&
		    atomic_load_explicit(&v->object->ndirty, memory_order_relaxed)) {
			/* an error stays with the cache, for fsync() */
			(void)!pagecache_sync(v->object, v->pgoff, v->pgoff + vma_pages(v) - 1);
		}
		if (v->file) {
			mm_file_ops->put(v->file);
		} else if (v->object) {
			pagecache_put(v->object);
		}
		kmem_cache_free(vma_cache, v);
	}
}
