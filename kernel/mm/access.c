/* SPDX-License-Identifier: MIT */
/*
 * Reaching into an address space from outside: ptrace, /proc/PID/mem, process_vm_*(2), core
 * dumps; and the keys of futexes.  The space may belong to another process that runs.
 *
 * A page is reached through the tables and touched through the direct map, so the program's
 * own rights do not matter; `permitted` decides.  mm->lock is held for reading until the bytes
 * have moved: it keeps the vma and its object.  The entry may change as soon as pt_lock is
 * gone; the reference that was taken under it keeps the page.
 */
#include "mm_internal.h"

#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>

/* What an entry maps: the page's bytes, and the page whose reference keeps them (NULL:
 * they stay anyway). */
struct reached {
	void *bytes;
	struct page *held;
};

/* The entry is good enough for the access: takes a reference. */
static bool reach_entry(uint64_t e, uint64_t addr, bool write, bool force, struct reached *out)
	REQUIRES(pagetable_role)
{
	struct page *p;

	if (!e) {
		return false;
	}
	p = pte_page(e);
	if (e & PTE_PS) {
		p = phys_to_page(e & PTE_ADDR & HUGE_MASK);
	}
	if (write && !(e & PTE_W)) {
		/* a private copy that only this process has may be written for a debugger */
		if (!force || (e & (PTE_SPECIAL | PTE_FILE | PTE_PS)) || page_refs(p) != 1) {
			return false;
		}
	}
	out->bytes = page_to_virt(p);
	if (e & PTE_PS) {
		out->bytes = (char *)out->bytes + (addr & ~HUGE_MASK & PAGE_MASK);
	}
	out->held = e & PTE_SPECIAL ? NULL : p;
	if (out->held) {
		page_get(out->held);
	}
	return true;
}

static bool reach(struct mm *mm, uint64_t addr, bool write, bool force, struct reached *out)
	REQUIRES_SHARED(mm_role)
{
	uint64_t *entry;
	bool ok = false;

	spin_lock(&mm->pt_lock);
	entry = pt_pmd(mm, addr);
	if (entry && !(pte_read(entry) & PTE_PS)) {
		entry = pt_pte(entry, addr);
	}
	if (entry) {
		ok = reach_entry(pte_read(entry), addr, write, force, out);
	}
	spin_unlock(&mm->pt_lock);
	return ok;
}

static bool permitted(const struct vma *v, bool write, bool force)
{
	if (write) {
		return (v->flags & VMA_WRITE) ||
		       (force && (v->flags & (VMA_MAYWRITE | VMA_SHARED)) == VMA_MAYWRITE);
	}
	return force || (v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC));
}

/* Moves bytes of one page; n of them, or -EFAULT. */
static long access_page(struct mm *mm, uint64_t addr, void *buf, size_t n, bool write, bool force)
{
	struct reached r = { NULL, NULL };
	struct vma *v;

	if (addr >= USER_END) {
		return -EFAULT;
	}
	rwsem_read_lock(&mm->lock);
	v = vma_lookup(mm, addr);
	if (v && permitted(v, write, force)) {
		/* what the fault brought in may be gone again: a few tries */
		for (int tries = 0; tries < 64 && !reach(mm, addr, write, force, &r); tries++) {
			if (fault_in_vma(mm, v, addr, write ? ACCESS_WRITE : ACCESS_READ) !=
			    FAULT_OK) {
				break;
			}
		}
	}
	if (r.bytes && write) {
		memcpy((char *)r.bytes + (addr & ~PAGE_MASK), buf, n);
		/* A write-back may have made the entry read-only and sent the page since
		 * reach(): then its flag went before our bytes came. */
		if ((v->flags & VMA_SHARED) && v->object) {
			pagecache_mark_dirty(v->object, r.held);
		}
	} else if (r.bytes) {
		memcpy(buf, (char *)r.bytes + (addr & ~PAGE_MASK), n);
	}
	rwsem_read_unlock(&mm->lock);
	page_put(r.held);
	return r.bytes ? (long)n : -EFAULT;
}

long mm_access(struct mm *mm, uint64_t addr, void *buf, size_t n, bool write, bool force)
{
	size_t done = 0;

	while (done < n) {
		size_t piece = MIN(n - done, PAGE_SIZE - ((addr + done) & ~PAGE_MASK));
		long moved = access_page(mm, addr + done, (char *)buf + done, piece, write, force);

		if (moved < 0) {
			return done ? (long)done : moved;
		}
		done += piece;
	}
	return (long)done;
}

uint64_t mm_untouched(struct mm *mm, uint64_t addr, uint64_t end)
{
	uint64_t at = addr, next;
	struct vma *v;

	rwsem_read_lock(&mm->lock);
	v = vma_lookup(mm, addr);
	if (v && !v->object && !v->special) {
		end = MIN(end, v->end);
		for (; at < end; at = next) {
			uint64_t *pmd;

			next = (at & HUGE_MASK) + HUGE_SIZE;
			pmd = pt_pmd_skip(mm, at, &next);
			if (pmd && pte_read(pmd)) {
				break;
			}
		}
		at = MIN(at, end);
	}
	rwsem_read_unlock(&mm->lock);
	return at - addr;
}

/* Numbers are given out when they are first asked for, once. */
static uint64_t number_of(struct page_cache *pc)
{
	static _Atomic uint64_t last;
	uint64_t n = atomic_load_explicit(&pc->number, memory_order_relaxed), fresh;

	if (n) {
		return n;
	}
	fresh = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
	return atomic_compare_exchange_strong(&pc->number, &n, fresh) ? fresh : n;
}

int mm_futex_key(struct mm *mm, uint64_t addr, uint64_t *object, uint64_t *offset)
{
	struct vma *v;
	int err = -EFAULT;

	rwsem_read_lock(&mm->lock);
	v = vma_lookup(mm, addr);
	if (v && (v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC))) {
		err = 0;
		*object = 0;
		*offset = addr;
		if (v->object && (v->flags & VMA_SHARED)) {
			*object = number_of(v->object);
			*offset = (vma_index(v, addr) << PAGE_SHIFT) + (addr & (PAGE_SIZE - 1));
		}
	}
	rwsem_read_unlock(&mm->lock);
	return err;
}
