/* SPDX-License-Identifier: MIT */
/*
 * mremap(2).  Anonymous pages move by their page-table entries; pages of files and shared
 * objects are just dropped and come back from the cache.  All that can fail (splits,
 * tables, the new vma) is done before the first entry moves.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <linux/errno.h>

struct remap {
	uint64_t old, old_len, new_len, new_addr;
	int flags;
	bool populate; /* locked: bring in what grew */
};

/* --- moving entries --- */

/* A piece of the range that lies in one table on both sides, from old + done on; its
 * source entry, NULL when there is nothing. */
static uint64_t *next_piece(struct mm *mm, const struct remap *r, uint64_t done, uint64_t *n)
{
	uint64_t va = r->old + done, to = r->new_addr + done;
	uint64_t next = (va & HUGE_MASK) + HUGE_SIZE, left;
	uint64_t *src = pt_pmd_skip(mm, va, &next);

	*n = MIN(next, r->old + r->old_len) - va;
	if (!src || !pte_read(src)) {
		return NULL;
	}
	left = HUGE_SIZE - (to & ~HUGE_MASK);
	*n = MIN(*n, left);
	return src;
}

/* Can this 2 MiB page move as one? */
static bool piece_is_huge(const struct remap *r, uint64_t done, uint64_t n)
{
	return n == HUGE_SIZE && IS_ALIGNED(r->old + done, HUGE_SIZE) &&
	       IS_ALIGNED(r->new_addr + done, HUGE_SIZE);
}

static int prepare(struct mm *mm, const struct remap *r) REQUIRES(mm_role)
{
	uint64_t n;

	for (uint64_t done = 0; done < r->old_len; done += n) {
		uint64_t *src = next_piece(mm, r, done, &n), *dst;

		if (!src) {
			continue;
		}
		dst = pt_pmd_alloc(mm, r->new_addr + done);
		if (!dst) {
			return -ENOMEM;
		}
		if (pte_read(src) & PTE_PS) {
			uint64_t inside = ((r->old + done) & HUGE_MASK) + PAGE_SIZE;

			if (piece_is_huge(r, done, n) && !pte_read(dst)) {
				continue;
			}
			if (huge_split_at(mm, inside)) {
				return -ENOMEM;
			}
		}
		if (!pte_read(dst) && !pt_table_alloc(mm, dst)) {
			return -ENOMEM;
		}
	}
	return 0;
}

static void move_entries(struct mm *mm, const struct remap *r) REQUIRES(mm_role)
{
	uint64_t n;

	for (uint64_t done = 0; done < r->old_len; done += n) {
		uint64_t *src = next_piece(mm, r, done, &n), *dst;

		if (!src) {
			continue;
		}
		dst = pt_pmd(mm, r->new_addr + done);
		ASSERT(dst);
		spin_lock(&mm->pt_lock);
		if (pte_read(src) & PTE_PS) {
			ASSERT(piece_is_huge(r, done, n) && !pte_read(dst));
			pte_write(dst, pte_exchange(src, 0));
		} else {
			src = pt_pte(src, r->old + done);
			dst = pt_pte(dst, r->new_addr + done);
			ASSERT(dst);
			for (uint64_t i = 0; i < n >> PAGE_SHIFT; i++) {
				if (pte_read(&src[i])) {
					pte_write(&dst[i], pte_exchange(&src[i], 0));
				}
			}
		}
		spin_unlock(&mm->pt_lock);
	}
	tlb_flush_range(mm, r->old, r->old + r->old_len);
}

/* --- the call --- */

static int resize_check(struct mm *mm, const struct remap *r, struct vma **out) REQUIRES(mm_role)
{
	struct vma *v = vma_lookup(mm, r->old);
	uint64_t pages, pgoff;

	if (!v) {
		return -EFAULT;
	}
	*out = v;
	if (r->old_len == 0 && !(v->flags & VMA_SHARED)) {
		return -EINVAL;
	}
	if ((r->flags & MREMAP_DONTUNMAP) && (v->flags & VMA_SPECIAL)) {
		return -EINVAL;
	}
	if (r->old_len > v->end - r->old) {
		return -EFAULT;
	}
	if (r->new_len == r->old_len) {
		return 0;
	}
	pgoff = v->object ? vma_index(v, r->old) : 0;
	if (pgoff + (r->new_len >> PAGE_SHIFT) < pgoff) {
		return -EINVAL;
	}
	if (v->flags & VMA_SPECIAL) {
		return -EFAULT;
	}
	if (r->new_len <= r->old_len) {
		return 0;
	}
	pages = (r->new_len - r->old_len) >> PAGE_SHIFT;
	if ((v->flags & VMA_LOCKED) && mm_lock_check(mm, pages)) {
		return -EAGAIN;
	}
	if (mm_may_expand(mm, v->flags, pages)) {
		return -ENOMEM;
	}
	return mm_commit_check(v->flags, pages);
}

static long move_vma(struct mm *mm, struct vma *v, struct remap *r, struct list *dead)
	REQUIRES(mm_role)
{
	struct vma_kind kind = { v->flags, v->object, v->file, v->special, v->special_name };
	uint64_t pgoff = v->object || v->special ? vma_index(v, r->old) : 0;
	struct gather g;
	int err;

	if (mm->map_count >= MAX_MAP_COUNT - 3) {
		return -ENOMEM;
	}
	gather_init(&g, mm);
	if (r->old_len) {
		err = vma_isolate(mm, &v, r->old, r->old + r->old_len);
		if (err) {
			return err;
		}
	}
	if ((r->old_len && prepare(mm, r)) ||
	    !vma_map(mm, r->new_addr, r->new_addr + r->new_len, &kind, pgoff, dead)) {
		mm_free_tables_locked(&g, r->new_addr, r->new_addr + r->new_len);
		gather_flush(&g);
		return -ENOMEM;
	}
	r->populate = kind.flags & VMA_LOCKED;
	if (r->old_len == 0) {
		return (long)r->new_addr;
	}
	pt_zap_file(&g, vma_lookup(mm, r->old), r->old, r->old + r->old_len);
	gather_flush(&g);
	move_entries(mm, r);
	if (r->flags & MREMAP_DONTUNMAP) {
		v = vma_lookup(mm, r->old);
		if (v->start == r->old && v->end == r->old + r->old_len) {
			vma_set_flags(mm, v, v->flags & ~(uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT));
		}
		return (long)r->new_addr;
	}
	/* a whole vma, or the end of one that it was merged with: can't fail */
	err = mm_unmap_locked(mm, r->old, r->old + r->old_len, dead);
	ASSERT(!err);
	return (long)r->new_addr;
}

static long remap_to(struct mm *mm, struct remap *r, struct list *dead) REQUIRES(mm_role)
{
	bool fixed = r->flags & MREMAP_FIXED;
	struct remap want = *r;
	struct vma *v;
	long addr;
	int err;

	if (fixed && r->new_addr < MMAP_MIN_ADDR) {
		return -EPERM;
	}
	if (mm->map_count + 2 >= MAX_MAP_COUNT - 3) {
		return -ENOMEM;
	}
	want.old_len = MIN(r->old_len, r->new_len);
	err = resize_check(mm, &want, &v); /* before anything is unmapped */
	if (err) {
		return err;
	}
	if (fixed) {
		err = mm_unmap_locked(mm, r->new_addr, r->new_addr + r->new_len, dead);
		if (err) {
			return err;
		}
	}
	if (r->old_len > r->new_len) {
		err = mm_unmap_locked(mm, r->old + r->new_len, r->old + r->old_len, dead);
		if (err) {
			return err;
		}
		r->old_len = r->new_len;
	}
	err = resize_check(mm, r, &v);
	if (err) {
		return err;
	}
	if ((r->flags & MREMAP_DONTUNMAP) &&
	    mm_may_expand(mm, v->flags, r->old_len >> PAGE_SHIFT)) {
		return -ENOMEM;
	}
	addr = fixed ? (long)r->new_addr : mm_find_area(mm, r->new_addr, r->new_len, 0);
	if (addr < 0) {
		return addr;
	}
	r->new_addr = (uint64_t)addr;
	return move_vma(mm, v, r, dead);
}

/* A move without a change of size may span several mappings and the gaps between them, as
 * on Linux since 6.17: each keeps its distance from the first. */
static long remap_move(struct mm *mm, const struct remap *r, struct list *dead, bool *populate)
	REQUIRES(mm_role)
{
	uint64_t end = r->old + r->old_len, at = r->old;

	while (at < end) {
		struct vma *v = vma_find_range(mm, at, end);
		struct remap piece = *r;
		long ret;

		if (!v) {
			break;
		}
		if (at == r->old && v->start > at) {
			return -EFAULT;
		}
		piece.old = MAX(at, v->start);
		piece.old_len = piece.new_len = MIN(end, v->end) - piece.old;
		piece.new_addr = r->new_addr + (piece.old - r->old);
		at = piece.old + piece.old_len;
		ret = remap_to(mm, &piece, dead);
		if (ret < 0) {
			return ret;
		}
		*populate |= piece.populate;
	}
	return (long)r->new_addr;
}

static long remap_locked(struct mm *mm, struct remap *r, struct list *dead) REQUIRES(mm_role)
{
	struct vma *v = vma_lookup(mm, r->old);
	uint64_t end;
	long addr;
	int err;

	if (!v) {
		return -EFAULT;
	}
	if (r->old_len > r->new_len && r->old_len > USER_END - r->old) {
		return -EINVAL;
	}
	if ((r->flags & MREMAP_FIXED) && r->old_len == r->new_len &&
	    r->old_len <= USER_END - r->old) {
		return remap_move(mm, r, dead, &r->populate);
	}
	if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		return remap_to(mm, r, dead);
	}
	if (r->old_len >= r->new_len) {
		if (r->old_len > r->new_len) {
			err = mm_unmap_locked(mm, r->old + r->new_len, r->old + r->old_len, dead);
			if (err) {
				return err;
			}
		}
		return (long)r->old;
	}
	err = resize_check(mm, r, &v);
	if (err) {
		return err;
	}
	end = r->old + r->new_len;
	if (r->old_len == v->end - r->old && end > v->end && end <= USER_END &&
	    vma_range_free(mm, v->end, end)) {
		vma_set_range(mm, v, v->start, end);
		r->populate = v->flags & VMA_LOCKED;
		r->new_addr = r->old;
		vma_merge(mm, v, dead);
		return (long)r->old;
	}
	if (!(r->flags & MREMAP_MAYMOVE)) {
		return -ENOMEM;
	}
	addr = mm_find_area(mm, 0, r->new_len, 0);
	if (addr < 0) {
		return addr;
	}
	r->new_addr = (uint64_t)addr;
	return move_vma(mm, v, r, dead);
}

long mm_mremap(struct mm *mm, uint64_t old, uint64_t old_len, uint64_t new_len, uint64_t flags,
	       uint64_t new_addr)
{
	struct list dead = LIST_INIT(dead);
	struct remap r = { old,
			   ALIGN_UP(old_len, PAGE_SIZE),
			   ALIGN_UP(new_len, PAGE_SIZE),
			   new_addr,
			   (int)flags,
			   false };
	long ret;

	if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) {
		return -EINVAL;
	}
	if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) {
		return -EINVAL;
	}
	if ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || old_len != new_len)) {
		return -EINVAL;
	}
	if (!IS_ALIGNED(old, PAGE_SIZE) || r.new_len == 0 || r.new_len > USER_END) {
		return -EINVAL;
	}
	if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) &&
	    (!IS_ALIGNED(new_addr, PAGE_SIZE) || new_addr > USER_END - r.new_len ||
	     (old + r.old_len > new_addr && new_addr + r.new_len > old))) {
		return -EINVAL;
	}
	ret = rwsem_write_lock_killable(&mm->lock);
	if (ret) {
		return ret;
	}
	ret = remap_locked(mm, &r, &dead);
	rwsem_write_unlock(&mm->lock);
	vma_dispose(&dead);
	if (ret > 0 && r.populate) {
		(void)!mm_populate(mm, (uint64_t)ret, (uint64_t)ret + r.new_len, POPULATE_LOCK);
	}
	return ret;
}
