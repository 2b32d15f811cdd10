/* SPDX-License-Identifier: MIT */
/*
 * mprotect(2), and vma_isolate() for all that change parts of vmas.
 *
 * mm->lock held for writing keeps faults out while flags and entries change; unmap_object(),
 * which has only pt_lock, takes entries away but never makes one.  Rights that the program loses
 * are gone from every TLB before the call returns.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <sched/thread.h>

#define PROT_MASK (VMA_READ | VMA_WRITE | VMA_EXEC)

int vma_isolate(struct mm *mm, struct vma **vp, uint64_t start, uint64_t end)
{
	struct vma *v = *vp, *upper;
	int err;

	ASSERT(start < end && start < v->end && end > v->start);
	if (v->start < start) {
		if (mm->map_count >= MAX_MAP_COUNT) {
			return -ENOMEM;
		}
		err = huge_split_at(mm, start);
		if (!err) {
			err = vma_split(mm, v, start, &upper);
		}
		if (err) {
			return err;
		}
		v = upper;
	}
	if (v->end > end) {
		if (mm->map_count >= MAX_MAP_COUNT) {
			return -ENOMEM;
		}
		err = huge_split_at(mm, end);
		if (!err) {
			err = vma_split(mm, v, end, &upper);
		}
		if (err) {
			return err;
		}
	}
	*vp = v;
	return 0;
}

static int protect_vma(struct mm *mm, struct vma **vp, uint64_t start, uint64_t end, uint32_t prot,
		       struct list *dead) REQUIRES(mm_role)
{
	struct vma *v = *vp;
	uint32_t flags = (v->flags & ~(uint32_t)PROT_MASK) | prot;
	uint64_t pages = (end - start) >> PAGE_SHIFT;
	int err;

	if (flags == v->flags) {
		return 0;
	}
	if ((prot & VMA_WRITE) && !(v->flags & VMA_MAYWRITE)) {
		return -EACCES;
	}
	if ((prot & VMA_WRITE) && !(v->flags & VMA_WRITE)) {
		/* pages become data that must be backed */
		if ((flags & (VMA_SHARED | VMA_GROWSDOWN)) == 0 &&
		    mm->data_pages + pages > mm_rlimit(RLIMIT_DATA) >> PAGE_SHIFT) {
			return -ENOMEM;
		}
		err = mm_commit_check(flags, pages);
		if (err) {
			return err;
		}
	}
	err = vma_isolate(mm, &v, start, end);
	if (err) {
		return err;
	}
	vma_set_flags(mm, v, flags);
	pt_protect(mm, start, end, flags);
	*vp = vma_merge(mm, v, dead);
	return 0;
}

static int protect_locked(struct mm *mm, const struct user_range *r, int prot, int grows,
			  struct list *dead) REQUIRES(mm_role)
{
	uint64_t start = r->start, end = r->end;
	uint32_t flags = vma_prot(prot);
	struct vma *v = vma_find(mm, start);

	if (!v) {
		return -ENOMEM;
	}
	if (grows == PROT_GROWSDOWN) {
		if (v->start >= end) {
			return -ENOMEM;
		}
		if (!(v->flags & VMA_GROWSDOWN)) {
			return -EINVAL;
		}
		start = v->start;
	} else if (v->start > start) {
		return -ENOMEM;
	} else if (grows) {
		return -EINVAL; /* nothing grows up here */
	}
	while (start < end) {
		uint64_t stop;
		int err;

		if (!v || v->start > start) {
			return -ENOMEM;
		}
		stop = MIN(end, v->end);
		err = protect_vma(mm, &v, start, stop, flags, dead);
		if (err) {
			return err;
		}
		start = stop;
		v = vma_find(mm, start);
	}
	return 0;
}

int mm_mprotect(struct mm *mm, uint64_t addr, uint64_t len, uint64_t prot)
{
	struct list dead = LIST_INIT(dead);
	int grows = (int)prot & (PROT_GROWSDOWN | PROT_GROWSUP), err;
	struct user_range r;

	prot &= ~(uint64_t)grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !IS_ALIGNED(addr, PAGE_SIZE)) {
		return -EINVAL;
	}
	if (len == 0) {
		return 0;
	}
	if (!user_range_clip(addr, len, &r) || user_range_empty(&r)) {
		return -ENOMEM;
	}
	if (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)) {
		return -EINVAL;
	}
	err = rwsem_write_lock_killable(&mm->lock);
	if (err) {
		return err;
	}
	err = protect_locked(mm, &r, (int)prot, grows, &dead);
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
	return !err && r.beyond ? -ENOMEM : err;
}
