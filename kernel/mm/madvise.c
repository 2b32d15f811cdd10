/* SPDX-License-Identifier: MIT */
/*
 * madvise(2).  Advice that is a flag of the vma takes mm->lock for writing; all other advice
 * takes it for reading and changes no vma: faults go on beside it.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <sched/thread.h>

struct advice {
	int number;
	uint32_t set, clear; /* vma flags */
	bool flags_change;
};
/* Advice that is a flag of the vma; mm->lock for writing. */
static const struct advice advices[] = {
	{ MADV_DONTFORK, VMA_DONTFORK, 0, true },
	{ MADV_DOFORK, 0, VMA_DONTFORK, true },
	{ MADV_HUGEPAGE, VMA_HUGE, VMA_NOHUGE, true },
	{ MADV_NOHUGEPAGE, VMA_NOHUGE, VMA_HUGE, true },
	{ MADV_DONTDUMP, VMA_DONTDUMP, 0, true },
	{ MADV_DODUMP, 0, VMA_DONTDUMP, true },
	{ MADV_WIPEONFORK, VMA_WIPEONFORK, 0, true },
	{ MADV_KEEPONFORK, 0, VMA_WIPEONFORK, true },
	{ MADV_NORMAL, 0, 0, false },
	{ MADV_RANDOM, 0, 0, false },
	{ MADV_SEQUENTIAL, 0, 0, false },
	{ MADV_WILLNEED, 0, 0, false },
	{ MADV_DONTNEED, 0, 0, false },
	{ MADV_DONTNEED_LOCKED, 0, 0, false },
	{ MADV_FREE, 0, 0, false },
	{ MADV_REMOVE, 0, 0, false },
	{ MADV_MERGEABLE, 0, 0, false },
	{ MADV_UNMERGEABLE, 0, 0, false },
	{ MADV_COLD, 0, 0, false },
	{ MADV_PAGEOUT, 0, 0, false },
	{ MADV_POPULATE_READ, 0, 0, false },
	{ MADV_POPULATE_WRITE, 0, 0, false },
};

static const struct advice *find_advice(int number)
{
	for (unsigned i = 0; i < ARRAY_SIZE(advices); i++) {
		if (advices[i].number == number) {
			return &advices[i];
		}
	}
	return NULL;
}

static int change_flags(struct mm *mm, struct vma *v, uint64_t start, uint64_t end,
			const struct advice *a, struct list *dead) REQUIRES(mm_role)
{
	uint32_t flags = (v->flags & ~a->clear) | a->set;
	int err;

	if (a->number == MADV_WIPEONFORK && v->object) {
		return -EINVAL;
	}
	if ((a->number == MADV_DODUMP || a->number == MADV_DOFORK) && v->special) {
		return -EINVAL;
	}
	if (flags == v->flags) {
		return 0;
	}
	err = vma_isolate(mm, &v, start, end);
	if (err) {
		return err;
	}
	vma_set_flags(mm, v, flags);
	vma_merge(mm, v, dead);
	return 0;
}

/* Drops the pages: the next touch finds zeros, or the file. */
static int drop_pages(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
	REQUIRES_SHARED(mm_role)
{
	struct gather g;
	bool whole;

	gather_init(&g, mm);
	do {
		int err = huge_split_at(mm, start);

		if (!err) {
			err = huge_split_at(mm, end);
		}
		if (err) {
			return err;
		}
		/* Between the split and here a fault may have mapped a 2 MiB page; once more
		 * at most, for then the border lies in a table, and that stays. */
		whole = pt_zap(&g, v, start, end);
		gather_flush(&g);
	} while (!whole);
	return 0;
}

/* Reads ahead what the cache lacks. */
static void will_need(struct vma *v, uint64_t start, uint64_t end) REQUIRES_SHARED(mm_role)
{
	uint64_t index = vma_index(v, start), last = vma_index(v, end - 1);
	uint64_t size = atomic_load_explicit(&v->object->size, memory_order_acquire);

	for (; index <= last && index << PAGE_SHIFT < size; index++) {
		struct page *p = pagecache_find(v->object, index);

		if (!p && pagecache_get_page(v->object, index, &p)) {
			return;
		}
		page_put(p);
	}
}

/* Punches a hole: only where memory is the only copy. */
static int remove_pages(struct vma *v, uint64_t start, uint64_t end) REQUIRES_SHARED(mm_role)
{
	if (v->flags & VMA_LOCKED || !v->object) {
		return -EINVAL;
	}
	if ((v->flags & (VMA_SHARED | VMA_WRITE)) != (VMA_SHARED | VMA_WRITE)) {
		return -EACCES;
	}
	if (!pagecache_is_memory(v->object)) {
		return -EOPNOTSUPP;
	}
	/* A seal that leaves a mapping to its writer does not leave it this. */
	if (pagecache_map_write_forbidden(v->object)) {
		return -EPERM;
	}
	pagecache_zero_range(v->object, vma_index(v, start) << PAGE_SHIFT, end - start);
	return 0;
}

static int advise_vma(struct mm *mm, struct vma *v, uint64_t start, uint64_t end, int advice)
	REQUIRES_SHARED(mm_role)
{
	bool drops = advice == MADV_FREE || advice == MADV_DONTNEED ||
		     advice == MADV_DONTNEED_LOCKED || advice == MADV_COLD ||
		     advice == MADV_PAGEOUT;

	if (drops && v->special) {
		return -EINVAL;
	}
	switch (advice) {
	case MADV_FREE:
		if (v->object) {
			return -EINVAL;
		}
		return v->flags & VMA_LOCKED ? -EINVAL : drop_pages(mm, v, start, end);
	case MADV_DONTNEED:
		if (v->flags & VMA_LOCKED) {
			return -EINVAL;
		}
		return drop_pages(mm, v, start, end);
	case MADV_DONTNEED_LOCKED: return drop_pages(mm, v, start, end);
	case MADV_COLD:
	case MADV_PAGEOUT: return v->flags & VMA_LOCKED ? -EINVAL : 0;
	case MADV_WILLNEED:
		if (v->object && !pagecache_is_memory(v->object)) {
			will_need(v, start, end);
		}
		return 0;
	case MADV_REMOVE: return remove_pages(v, start, end);
	default: return 0;
	}
}

/* The part of [*start, end) in the next vma, from *start to *stop; a hole before it is noted.
 * NULL = nothing more. */
static struct vma *next_part(struct mm *mm, uint64_t *start, uint64_t end, uint64_t *stop,
			     int *hole) REQUIRES_SHARED(mm_role)
{
	struct vma *v = vma_find(mm, *start);

	if (!v || v->start > *start) {
		*hole = -ENOMEM;
	}
	if (!v || v->start >= end) {
		return NULL;
	}
	*start = MAX(*start, v->start);
	*stop = MIN(end, v->end);
	return v;
}

/* Both go over every vma of the range; a hole makes -ENOMEM, at the end. */
static int change_range(struct mm *mm, uint64_t start, uint64_t end, const struct advice *a,
			struct list *dead) REQUIRES(mm_role)
{
	int err = 0, hole = 0;
	uint64_t stop;
	struct vma *v;

	for (; start < end && !err && (v = next_part(mm, &start, end, &stop, &hole));
	     start = stop) {
		err = change_flags(mm, v, start, stop, a, dead);
	}
	return err ? err : hole;
}

static int advise_range(struct mm *mm, uint64_t start, uint64_t end, int advice)
	REQUIRES_SHARED(mm_role)
{
	int err = 0, hole = 0;
	uint64_t stop;
	struct vma *v;

	for (; start < end && !err && (v = next_part(mm, &start, end, &stop, &hole));
	     start = stop) {
		err = advise_vma(mm, v, start, stop, advice);
	}
	return err ? err : hole;
}

int mm_madvise(struct mm *mm, uint64_t addr, uint64_t len, int advice)
{
	struct list dead = LIST_INIT(dead);
	const struct advice *a = find_advice(advice);
	struct user_range r;
	int err;

	if (!a || !IS_ALIGNED(addr, PAGE_SIZE) || !user_range_clip(addr, len, &r) ||
	    (len && user_range_empty(&r))) {
		return -EINVAL;
	}
	if (len == 0) {
		return 0;
	}
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE) {
		err = mm_populate(mm, r.start, r.end,
				  advice == MADV_POPULATE_READ ? POPULATE_READ : POPULATE_WRITE);
	} else if (a->flags_change) {
		err = rwsem_write_lock_killable(&mm->lock);
		if (err) {
			return err;
		}
		err = change_range(mm, r.start, r.end, a, &dead);
		rwsem_write_unlock(&mm->lock);
		vma_dispose(&dead);
	} else {
		rwsem_read_lock(&mm->lock);
		err = advise_range(mm, r.start, r.end, advice);
		rwsem_read_unlock(&mm->lock);
	}
	return !err && r.beyond ? -ENOMEM : err;
}
