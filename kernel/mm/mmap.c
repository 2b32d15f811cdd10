/* SPDX-License-Identifier: MIT */
/*
 * mmap(2), munmap(2), brk(2).
 *
 * Everything is checked before anything is unmapped or mapped.  What leaves the tree goes to a
 * list `dead`: objects and files are put after mm->lock, for the last put of a file may sleep
 * for its daemon.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/sched.h>

#define LOW_2G_START 0x40000000ul
#define LOW_2G_END 0x80000000ul

/* --- limits --- */

int mm_may_expand(struct mm *mm, uint32_t flags, uint64_t pages)
{
	if (mm->total_pages + pages > mm_rlimit(RLIMIT_AS) >> PAGE_SHIFT) {
		return -ENOMEM;
	}
	if ((flags & (VMA_WRITE | VMA_SHARED | VMA_GROWSDOWN)) == VMA_WRITE &&
	    mm->data_pages + pages > mm_rlimit(RLIMIT_DATA) >> PAGE_SHIFT) {
		return -ENOMEM;
	}
	return 0;
}

int mm_commit_check(uint32_t flags, uint64_t pages)
{
	if ((flags & (VMA_WRITE | VMA_SHARED | VMA_NORESERVE)) != VMA_WRITE) {
		return 0;
	}
	return pages > mem_total_pages() ? -ENOMEM : 0;
}

int mm_lock_check(struct mm *mm, uint64_t pages)
{
	return mm->locked_pages + pages > mm_rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT ? -EAGAIN : 0;
}

/* --- where --- */

/* A range that the caller insists on. */
static int check_fixed(uint64_t addr, uint64_t len)
{
	if (len > USER_END - MMAP_MIN_ADDR || addr > USER_END - len) {
		return -ENOMEM;
	}
	if (!IS_ALIGNED(addr, PAGE_SIZE)) {
		return -EINVAL;
	}
	return addr < MMAP_MIN_ADDR ? -EPERM : 0;
}

long mm_find_area(struct mm *mm, uint64_t addr, uint64_t len, int flags)
{
	uint64_t found;

	ASSERT(len > 0 && IS_ALIGNED(len, PAGE_SIZE));
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		int err = check_fixed(addr, len);

		return err ? err : (long)addr;
	}
	if (len > USER_END - MMAP_MIN_ADDR) {
		return -ENOMEM;
	}
	addr &= PAGE_MASK;
	if (addr) {
		addr = MAX(addr, MMAP_MIN_ADDR);
		if (addr <= USER_END - len && vma_range_free(mm, addr, addr + len) &&
		    (!(flags & MAP_32BIT) || addr + len <= LOW_2G_END)) {
			return (long)addr;
		}
	}
	if (flags & MAP_32BIT) {
		found = vma_find_gap(mm, len, LOW_2G_START, LOW_2G_END);
		return found ? (long)found : -ENOMEM;
	}
	found = vma_find_gap(mm, len, MMAP_MIN_ADDR, mm->mmap_base);
	if (!found) {
		found = vma_find_gap(mm, len, mm->mmap_base, USER_END);
	}
	return found ? (long)found : -ENOMEM;
}

int mm_mmap_check(struct mm *mm, uint64_t addr, uint64_t len, int flags)
{
	int err;

	len = ALIGN_UP(len, PAGE_SIZE);
	if (len == 0) {
		return -ENOMEM;
	}
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		return len > USER_END - MMAP_MIN_ADDR ? -ENOMEM : 0;
	}
	err = check_fixed(addr, len);
	if (err || !(flags & MAP_FIXED_NOREPLACE)) {
		return err;
	}
	rwsem_read_lock(&mm->lock);
	err = vma_find_range(mm, addr, addr + len) ? -EEXIST : 0;
	rwsem_read_unlock(&mm->lock);
	return err;
}

/* --- munmap --- */

/* What lies in [start, end) of v goes; the rest stays. */
static int unmap_from_vma(struct gather *g, struct vma *v, uint64_t start, uint64_t end,
			  struct list *dead) REQUIRES(mm_role)
{
	struct mm *mm = g->mm;
	struct vma *upper;
	bool whole;

	if (v->start < start && v->end > end) {
		int err = vma_split(mm, v, end, &upper);

		if (err) {
			return err;
		}
	}
	start = MAX(start, v->start);
	end = MIN(end, v->end);
	whole = pt_zap(g, v, start, end);
	ASSERT(whole); /* split by the caller, and no fault since */
	if (start == v->start && end == v->end) {
		vma_detach(mm, v, dead);
	} else if (start == v->start) {
		vma_set_range(mm, v, end, v->end);
	} else {
		vma_set_range(mm, v, v->start, start);
	}
	return 0;
}

void mm_free_tables_locked(struct gather *g, uint64_t start, uint64_t end)
{
	struct vma *next = vma_find(g->mm, start);
	struct vma *prev = next ? vma_prev(next) : vma_last(g->mm);

	pt_free_tables(g, start, end, prev ? prev->end : 0,
		       next ? next->start : USER_END + PAGE_SIZE);
}

int mm_unmap_locked(struct mm *mm, uint64_t start, uint64_t end, struct list *dead)
{
	struct vma *v, *next;
	struct gather g;
	int err;

	ASSERT(start < end && end <= USER_END && IS_ALIGNED(start | end, PAGE_SIZE));
	v = vma_find_range(mm, start, end);
	if (!v) {
		return 0;
	}
	if (v->start < start && v->end > end && mm->map_count >= MAX_MAP_COUNT) {
		return -ENOMEM;
	}
	err = huge_split_at(mm, start);
	if (!err) {
		err = huge_split_at(mm, end);
	}
	if (err) {
		return err;
	}
	gather_init(&g, mm);
	while (v && v->start < end && !err) {
		next = vma_next(v);
		err = unmap_from_vma(&g, v, start, end, dead);
		v = next;
	}
	/* only the middle of a single vma can have failed: nothing was removed */
	if (err) {
		return err;
	}
	mm_free_tables_locked(&g, start, end);
	gather_flush(&g);
	vma_note_gap(mm, start);
	return 0;
}

int mm_munmap(struct mm *mm, uint64_t addr, uint64_t len)
{
	struct list dead = LIST_INIT(dead);
	struct user_range r;
	int err;

	if (!IS_ALIGNED(addr, PAGE_SIZE) || !user_range(addr, len, &r) || r.start == r.end) {
		return -EINVAL;
	}
	err = rwsem_write_lock_killable(&mm->lock);
	if (err) {
		return err;
	}
	err = mm_unmap_locked(mm, r.start, r.end, &dead);
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
	return err;
}

/* --- mmap --- */

struct map_request {
	uint64_t addr, len;
	int flags;
	struct vma_kind kind;
	uint64_t pgoff;
};

/* Pages of [start, end) that are mapped now (a fixed mapping replaces them). */
static uint64_t mapped_pages(struct mm *mm, uint64_t start, uint64_t end) REQUIRES(mm_role)
{
	uint64_t pages = 0;

	for (struct vma *v = vma_find(mm, start); v && v->start < end; v = vma_next(v)) {
		pages += (MIN(end, v->end) - MAX(start, v->start)) >> PAGE_SHIFT;
	}
	return pages;
}

static long map_locked(struct mm *mm, struct map_request *r, struct list *dead) REQUIRES(mm_role)
{
	uint64_t pages = r->len >> PAGE_SHIFT, start, end;
	long addr;
	int err;

	if (mm->map_count >= MAX_MAP_COUNT) {
		return -ENOMEM;
	}
	addr = mm_find_area(mm, r->addr, r->len, r->flags);
	if (addr < 0) {
		return addr;
	}
	start = (uint64_t)addr;
	end = start + r->len;
	if ((r->flags & MAP_FIXED_NOREPLACE) && vma_find_range(mm, start, end)) {
		return -EEXIST;
	}
	if (mm->lock_future) {
		r->kind.flags |= VMA_LOCKED;
	}
	if (r->kind.flags & VMA_LOCKED) {
		err = mm_lock_check(mm, pages);
		if (err) {
			return err;
		}
	}
	if (mm_may_expand(mm, r->kind.flags, pages)) {
		uint64_t replaced = r->flags & MAP_FIXED ? mapped_pages(mm, start, end) : 0;

		err = mm_may_expand(mm, r->kind.flags, pages - replaced);
		if (err) {
			return err;
		}
	}
	err = mm_commit_check(r->kind.flags, pages);
	if (err) {
		return err;
	}
	if (r->flags & MAP_FIXED) {
		err = mm_unmap_locked(mm, start, end, dead);
		if (err) {
			return err;
		}
	}
	if (!vma_map(mm, start, end, &r->kind, r->pgoff, dead)) {
		return -ENOMEM;
	}
	return addr;
}

/* Checks the arguments and turns them into a vma's kind. */
static int map_check(struct map_request *r, int prot, uint32_t extra)
{
	int type = r->flags & MAP_TYPE;
	uint32_t flags = vma_prot(prot) | extra;

	if (r->len == 0) {
		return -EINVAL;
	}
	if (r->len > ALIGN_DOWN(UINT64_MAX, PAGE_SIZE)) {
		return -ENOMEM;
	}
	r->len = ALIGN_UP(r->len, PAGE_SIZE);
	if (type != MAP_PRIVATE && type != MAP_SHARED &&
	    (type != MAP_SHARED_VALIDATE || !r->kind.object)) {
		return -EINVAL;
	}
	if (r->pgoff + (r->len >> PAGE_SHIFT) < r->pgoff) {
		return -EOVERFLOW;
	}
	if (r->flags & MAP_HUGETLB) {
		return -ENOMEM; /* as Linux without reserved huge pages */
	}
	if (type == MAP_PRIVATE) {
		flags |= VMA_MAYWRITE;
	} else {
		flags |= VMA_SHARED;
		if (!r->kind.object) {
			flags |= VMA_MAYWRITE;
		}
		if ((flags & VMA_WRITE) && !(flags & VMA_MAYWRITE)) {
			return -EACCES;
		}
	}
	if (r->flags & MAP_GROWSDOWN) {
		if (type != MAP_PRIVATE || r->kind.object) {
			return -EINVAL;
		}
		flags |= VMA_GROWSDOWN;
	}
	if (r->flags & MAP_NORESERVE) {
		flags |= VMA_NORESERVE;
	}
	if (r->flags & MAP_STACK) {
		flags |= VMA_NOHUGE;
	}
	if (r->flags & MAP_LOCKED) {
		if (mm_rlimit(RLIMIT_MEMLOCK) == 0) {
			return -EPERM;
		}
		flags |= VMA_LOCKED;
	}
	r->kind.flags = flags;
	return 0;
}

long mm_mmap(struct mm *mm, uint64_t addr, uint64_t len, int prot, int flags,
	     struct page_cache *object, struct file *file, uint64_t pgoff, uint32_t vma_flags)
{
	struct list dead = LIST_INIT(dead);
	struct map_request r = { addr, len, flags, { .object = object, .file = file }, pgoff };
	struct page_cache *own = NULL;
	long ret = map_check(&r, prot, vma_flags);

	if (ret) {
		return ret;
	}
	if (!object) {
		r.pgoff = 0;
		if (r.kind.flags & VMA_SHARED) {
			if (r.len >> PAGE_SHIFT > mem_total_pages() && !(flags & MAP_NORESERVE)) {
				return -ENOMEM;
			}
			own = pagecache_create_anon(r.len);
			if (!own) {
				return -ENOMEM;
			}
			r.kind.object = own;
		}
	}
	ret = rwsem_write_lock_killable(&mm->lock);
	if (!ret) {
		ret = map_locked(mm, &r, &dead);
		rwsem_write_unlock(&mm->lock);
	}
	pagecache_put(own); /* the vma has its own reference */
	vma_dispose(&dead);
	if (ret > 0 && ((r.kind.flags & (VMA_LOCKED | VMA_LOCKONFAULT)) == VMA_LOCKED ||
			(flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)) {
		/* best effort, as on Linux: the mapping stands */
		(void)!mm_populate(mm, (uint64_t)ret, (uint64_t)ret + r.len, POPULATE_LOCK);
	}
	return ret;
}

long mm_map_special(struct mm *mm, uint64_t addr, struct page **pages, unsigned n,
		    uint32_t vma_flags, const char *name)
{
	struct list dead = LIST_INIT(dead);
	struct map_request r = { addr,
				 n * PAGE_SIZE,
				 0,
				 { .flags = vma_flags | VMA_SPECIAL | VMA_NOHUGE,
				   .special = pages,
				   .special_name = name },
				 0 };
	long ret = rwsem_write_lock_killable(&mm->lock);

	if (ret) {
		return ret;
	}
	ret = map_locked(mm, &r, &dead);
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
	return ret;
}

/* --- brk --- */

static bool brk_grow(struct mm *mm, uint64_t from, uint64_t to, struct list *dead) REQUIRES(mm_role)
{
	struct vma_kind kind = { .flags = VMA_READ | VMA_WRITE | VMA_MAYWRITE | VMA_IS_HEAP };
	uint64_t pages = (to - from) >> PAGE_SHIFT;

	/* a page stays free above, as a guard */
	if (!vma_range_free(mm, from, to + PAGE_SIZE)) {
		return false;
	}
	if (mm->map_count >= MAX_MAP_COUNT || mm_may_expand(mm, kind.flags, pages) ||
	    mm_commit_check(kind.flags, pages)) {
		return false;
	}
	if (mm->lock_future) {
		kind.flags |= VMA_LOCKED;
		if (mm_lock_check(mm, pages)) {
			return false;
		}
	}
	return vma_map(mm, from, to, &kind, 0, dead) != NULL;
}

long mm_brk(struct mm *mm, uint64_t addr)
{
	struct list dead = LIST_INIT(dead);
	uint64_t old, new_end, old_end, data, limit = mm_rlimit(RLIMIT_DATA);
	bool grown = false;

	if (rwsem_write_lock_killable(&mm->lock)) {
		return -EINTR;
	}
	old = mm->brk_end;
	old_end = ALIGN_UP(old, PAGE_SIZE);
	data = mm->end_data - mm->start_data;
	if (addr < mm->brk_start || addr > USER_END - PAGE_SIZE ||
	    (limit != UINT64_MAX && addr - mm->brk_start + data > limit)) {
		goto out;
	}
	new_end = ALIGN_UP(addr, PAGE_SIZE);
	if (new_end < old_end) {
		if (mm_unmap_locked(mm, new_end, old_end, &dead)) {
			goto out;
		}
	} else if (new_end > old_end) {
		if (!brk_grow(mm, old_end, new_end, &dead)) {
			goto out;
		}
		grown = mm->lock_future;
	}
	mm->brk_end = addr;
out:
	addr = mm->brk_end;
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
	if (grown) {
		(void)!mm_populate(mm, ALIGN_UP(old, PAGE_SIZE), ALIGN_UP(addr, PAGE_SIZE),
				   POPULATE_LOCK);
	}
	return (long)addr;
}
