/* SPDX-License-Identifier: MIT */
/*
 * mlock(2), mlockall(2), mincore(2), msync(2).
 *
 * Nothing is ever swapped out: locking means a flag that is accounted, and pages that are
 * brought in.  Flags change with mm->lock held for writing; pages come afterwards, without it.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <mm/usercopy.h>
#include <sched/sched.h>

#define LOCK_FLAGS ((uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT))

/* --- mlock --- */

static uint64_t locked_pages(struct mm *mm, uint64_t start, uint64_t end) REQUIRES(mm_role)
{
	uint64_t pages = 0;

	for (struct vma *v = vma_find(mm, start); v && v->start < end; v = vma_next(v)) {
		if (v->flags & VMA_LOCKED) {
			pages += (MIN(end, v->end) - MAX(start, v->start)) >> PAGE_SHIFT;
		}
	}
	return pages;
}

static int lock_range(struct mm *mm, uint64_t start, uint64_t end, uint32_t lock, struct list *dead)
	REQUIRES(mm_role)
{
	while (start < end) {
		struct vma *v = vma_lookup(mm, start);
		uint64_t stop;
		uint32_t flags;
		int err;

		if (!v) {
			return -ENOMEM;
		}
		stop = MIN(end, v->end);
		flags = (v->flags & ~LOCK_FLAGS) | lock;
		if (flags != v->flags && !(v->flags & VMA_SPECIAL)) {
			err = vma_isolate(mm, &v, start, stop);
			if (err) {
				return err;
			}
			vma_set_flags(mm, v, flags);
			vma_merge(mm, v, dead);
		}
		start = stop;
	}
	return 0;
}

int mm_mlock(struct mm *mm, uint64_t addr, uint64_t len, bool lock, bool onfault)
{
	struct list dead = LIST_INIT(dead);
	struct user_range r;
	uint64_t pages;
	uint32_t flags = lock ? VMA_LOCKED | (onfault ? VMA_LOCKONFAULT : 0u) : 0;
	int err;

	if (lock && mm_rlimit(RLIMIT_MEMLOCK) == 0) {
		return -EPERM;
	}
	if (!user_range_clip(addr, len, &r)) {
		/* Linux compares the length with the limit before the range with the address space */
		return lock && len <= -(uint64_t)PAGE_SIZE && len > mm_rlimit(RLIMIT_MEMLOCK)
			       ? -ENOMEM
			       : -EINVAL;
	}
	pages = (r.end - r.start) >> PAGE_SHIFT;
	err = rwsem_write_lock_killable(&mm->lock);
	if (err) {
		return err;
	}
	if (lock && mm_lock_check(mm, pages) &&
	    mm_lock_check(mm, pages - locked_pages(mm, r.start, r.end))) {
		err = -ENOMEM;
	}
	if (!err) {
		err = lock_range(mm, r.start, r.end, flags, &dead);
	}
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
	if (!err && r.beyond) {
		return -ENOMEM;
	}
	if (err || !lock || onfault) {
		return err;
	}
	err = mm_populate(mm, r.start, r.end, POPULATE_LOCK);
	if (err == -ENOMEM) {
		return -EAGAIN;
	}
	return err == -EFAULT ? -ENOMEM : err;
}

static void lock_all(struct mm *mm, uint32_t flags, struct list *dead) REQUIRES(mm_role)
{
	struct vma *v = vma_find(mm, 0);

	while (v) {
		if (!(v->flags & VMA_SPECIAL)) {
			vma_set_flags(mm, v, (v->flags & ~LOCK_FLAGS) | flags);
			v = vma_merge(mm, v, dead);
		}
		v = vma_next(v);
	}
}

int mm_mlockall(struct mm *mm, int flags)
{
	struct list dead = LIST_INIT(dead);
	uint64_t addr = 0;
	int err;

	if (flags == 0 || flags == MCL_ONFAULT ||
	    (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))) {
		return -EINVAL;
	}
	if (mm_rlimit(RLIMIT_MEMLOCK) == 0) {
		return -EPERM;
	}
	err = rwsem_write_lock_killable(&mm->lock);
	if (err) {
		return err;
	}
	if ((flags & MCL_CURRENT) && mm->total_pages > mm_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT) {
		err = -ENOMEM;
	}
	if (!err) {
		mm->lock_future = flags & MCL_FUTURE;
		if (flags & MCL_CURRENT) {
			lock_all(mm, VMA_LOCKED | (flags & MCL_ONFAULT ? VMA_LOCKONFAULT : 0u),
				 &dead);
		}
	}
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
	if (err || (flags & (MCL_CURRENT | MCL_ONFAULT)) != MCL_CURRENT) {
		return err;
	}
	for (;;) { /* what can't be had is left out, as on Linux */
		uint64_t start = 0, end = 0;
		struct vma *v;

		rwsem_read_lock(&mm->lock);
		v = vma_find(mm, addr);
		if (v) {
			start = MAX(addr, v->start);
			end = v->end;
		}
		rwsem_read_unlock(&mm->lock);
		if (!v) {
			return 0;
		}
		if (mm_populate(mm, start, end, POPULATE_LOCK) == -EINTR) {
			return 0;
		}
		addr = end;
	}
}

void mm_munlockall(struct mm *mm)
{
	struct list dead = LIST_INIT(dead);

	rwsem_write_lock(&mm->lock);
	mm->lock_future = false;
	lock_all(mm, 0, &dead);
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
}

/* --- mincore --- */

static bool page_resident(struct mm *mm, struct vma *v, uint64_t addr) REQUIRES_SHARED(mm_role)
{
	uint64_t *pmd = pt_pmd(mm, addr), *pte;
	struct page *p;

	if (pmd && (pte_read(pmd) & PTE_PS)) {
		return true;
	}
	pte = pt_pte(pmd, addr);
	if (pte && pte_read(pte)) {
		return true;
	}
	if (!v->object) {
		return false;
	}
	p = pagecache_find(v->object, vma_index(v, addr));
	if (!p) {
		return false;
	}
	page_put(p);
	return true;
}

int mm_mincore(struct mm *mm, uint64_t addr, uint64_t len, user_ptr vec)
{
	struct user_range r;

	if (!IS_ALIGNED(addr, PAGE_SIZE)) {
		return -EINVAL;
	}
	if (!user_range(addr, len, &r)) {
		return -ENOMEM;
	}
	if (!user_range_ok(vec, (r.end - r.start) >> PAGE_SHIFT)) {
		return -EFAULT;
	}
	while (addr < r.end) {
		uint8_t bytes[256];
		size_t n = 0;
		bool hole = false;

		rwsem_read_lock(&mm->lock);
		while (addr < r.end && n < sizeof(bytes)) {
			struct vma *v = vma_lookup(mm, addr);

			if (!v) {
				hole = true;
				break;
			}
			bytes[n++] = page_resident(mm, v, addr);
			addr += PAGE_SIZE;
		}
		rwsem_read_unlock(&mm->lock);
		if (copy_to_user(vec, bytes, n)) {
			return -EFAULT;
		}
		if (hole) {
			return -ENOMEM;
		}
		if (sched_yield_killed()) {
			return -EINTR;
		}
		vec = user_ptr_add(vec, n);
	}
	return 0;
}

/* --- msync --- */

/* Writes one vma's part back; mm->lock is dropped for it, the object held. */
static int sync_vma(struct mm *mm, struct vma *v, uint64_t start, uint64_t end)
	REQUIRES_SHARED(mm_role)
{
	struct page_cache *object = v->object;
	struct file *file = v->file;
	uint64_t first = vma_index(v, start), last = vma_index(v, end - 1);
	int err;

	if (file) {
		mm_file_ops->get(file);
	} else {
		pagecache_get(object);
	}
	rwsem_read_unlock(&mm->lock);
	err = pagecache_sync(object, first, last);
	if (file) {
		mm_file_ops->put(file);
	} else {
		pagecache_put(object);
	}
	rwsem_read_lock(&mm->lock);
	return err;
}

static int sync_range(struct mm *mm, uint64_t start, uint64_t end, int flags)
	REQUIRES_SHARED(mm_role)
{
	int hole = 0;

	while (start < end) {
		struct vma *v = vma_find(mm, start);
		uint64_t stop;
		int err;

		if (!v || v->start >= end) {
			return -ENOMEM;
		}
		if (v->start > start) {
			if (flags == MS_ASYNC) {
				return -ENOMEM;
			}
			hole = -ENOMEM;
			start = v->start;
		}
		if ((flags & MS_INVALIDATE) && (v->flags & VMA_LOCKED)) {
			return -EBUSY;
		}
		stop = MIN(end, v->end);
		if ((flags & MS_SYNC) && (v->flags & VMA_SHARED) && v->object &&
		    pagecache_writes_back(v->object)) {
			err = sync_vma(mm, v, start, stop);
			if (err) {
				return err;
			}
		}
		start = stop;
	}
	return hole;
}

int mm_msync(struct mm *mm, uint64_t addr, uint64_t len, int flags)
{
	struct user_range r;
	int err;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !IS_ALIGNED(addr, PAGE_SIZE) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC)) {
		return -EINVAL;
	}
	if (!user_range_clip(addr, len, &r)) {
		return -ENOMEM;
	}
	rwsem_read_lock(&mm->lock);
	err = sync_range(mm, r.start, r.end, flags);
	rwsem_read_unlock(&mm->lock);
	return !err && r.beyond ? -ENOMEM : err;
}
