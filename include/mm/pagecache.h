/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The page cache: the pages of one file, of a tmpfs file, or of shared anonymous memory,
 * by page offset.  It is what a file mapping maps (mm/mm.h) and what read(2) of a cached
 * file copies from; one page, one truth.
 *
 * A page is in the tree with PAGE_CACHE, owner and index set; the tree holds one
 * reference.  PAGE_LOCKED is a sleeping bit lock: whoever sets it fills or writes the
 * page; others wait for an unlock in unlock_waiters.  PAGE_UPTODATE: contents are valid.
 *
 * ops == NULL or fill == NULL: memory is the only copy (tmpfs, shared anonymous): missing
 * pages are zeros and nothing is ever reclaimed.
 *
 * Locks: cache->lock (RANK_PAGECACHE) for the tree and size-independent state;
 * vmas_lock (RANK_OBJECT_VMAS) for the list of mappings.  kernel/mm/pagecache.c
 */
#include <lib/refcount.h>
#include <mm/phys.h>
#include <mm/uio.h>
#include <sync/mutex.h>

struct page_cache;
struct vma;

struct pagecache_ops {
	/* Fills pages[0..n-1], consecutive from `index`, all locked and not up to date; sets
	 * PAGE_UPTODATE in each that it could read and zeroes what lies past the end of the file.
	 * n > 1 is read-ahead.  May sleep.  0 or -errno. */
	int (*fill)(struct page_cache *pc, uint64_t index, struct page **pages, unsigned n);
	/* Optional: as fill, but returns when the reading is under way; pagecache_fill_done() is
	 * called for the same pages later.  An error = nothing was begun. */
	int (*fill_async)(struct page_cache *pc, uint64_t index, struct page **pages, unsigned n);
	/* Writes [offset, offset + len) from the (locked) pages that cover it.  0 or -errno. */
	int (*write)(struct page_cache *pc, uint64_t offset, struct page **pages, unsigned n,
		     size_t len);
	/* A page is about to become writable in a shared mapping: the file system may refuse. */
	int (*mkwrite)(struct page_cache *pc, struct page *page);
	/* The last reference went (shared anonymous memory and such; NULL for inodes, which
	 * embed their cache). */
	void (*release)(struct page_cache *pc);
	/* Write-back by age: keeps the owner of pc alive meanwhile.  hold is called under a
	 * spinlock (RANK_FS_LEAF); false = it is going away and writes by itself. */
	bool (*hold)(struct page_cache *pc);
	void (*unhold)(struct page_cache *pc);
};
/* What the pages of several caches are charged to: a page that would be one too many is refused
 * (-ENOSPC), whoever wants it, be it a write or a fault. */
struct page_account {
	_Atomic uint64_t used;
	uint64_t max; /* [I] 0: no limit */
};
/* One page's worth, also of what is in no cache; a may be NULL to give. */
MUST_USE bool page_account_take(struct page_account *a);
void page_account_give(struct page_account *a);
struct page_cache {
	SPINLOCK(pagecache) lock;
	void *root GUARDED_BY(pagecache_role); /* radix tree: kernel/mm/pagecache_internal.h */
	unsigned height GUARDED_BY(pagecache_role);
	_Atomic uint64_t npages;  /* changed under lock */
	_Atomic uint64_t ndirty;  /* pages with PAGE_DIRTY */
	_Atomic uint32_t writing; /* pages on their way to the store; changed under lock */
	_Atomic uint64_t size;	  /* bytes: the file's size; faults beyond it raise SIGBUS */
	const struct pagecache_ops *ops;
	void *owner;		      /* the inode */
	struct page_account *account; /* [I] NULL: none */
	/* Shared mappings that are being made and may be written; with MAP_WRITE_FORBIDDEN no
	 * more of them may be made (sealed memfds). */
	_Atomic uint32_t map_writers;
	struct refcount refs;	 /* for ops->release */
	_Atomic uint64_t number; /* mm_futex_key(); 0: none yet */
	SPINLOCK(object_vmas) vmas_lock;
	struct list vmas GUARDED_BY(object_vmas_role); /* struct vma.object_link */
	struct waitq unlock_waiters;		       /* with lock */
	/* Read-ahead: the next index expected, the window in pages. */
	uint64_t ra_next GUARDED_BY(pagecache_role), ra_size GUARDED_BY(pagecache_role);
	/* Reading this page starts the next window; UINT64_MAX = none.  Changed under lock. */
	_Atomic uint64_t ra_trigger;
	_Atomic uint32_t write_error; /* errno of a failed write-back, reported once by fsync */
	/* In the list of caches with dirty pages. */
	struct list dirty_link GUARDED_BY(dirty_caches_role);
};
/* Memory is the only copy. */
static inline bool pagecache_is_memory(const struct page_cache *pc)
{
	return !pc->ops || !pc->ops->fill;
}
/* Dirty pages go back to a file. */
static inline bool pagecache_writes_back(const struct page_cache *pc)
{
	return pc->ops && pc->ops->write;
}
void pagecache_init(struct page_cache *pc, const struct pagecache_ops *ops, void *owner);
/* Drops all pages; nobody maps it any more. */
void pagecache_destroy(struct page_cache *pc) MAY_SLEEP;
/* An object of its own for shared anonymous memory, refs = 1; NULL = no memory. */
struct page_cache *pagecache_create_anon(uint64_t size);
void pagecache_get(struct page_cache *pc);
void pagecache_put(struct page_cache *pc) MAY_SLEEP; /* NULL is fine */

/* The page at index, up to date, with a reference; fills it (with read-ahead) when it is
 * missing.  -EIO, -ENOMEM, -EINTR (killable).  May sleep. */
MUST_USE int pagecache_get_page(struct page_cache *pc, uint64_t index, struct page **out) MAY_SLEEP;
/* Ends what fill_async began: pages that are not up to date leave the cache.  May sleep. */
void pagecache_fill_done(struct page_cache *pc, struct page **pages, unsigned n) MAY_SLEEP;
/* Only what is there and up to date, without sleeping, with a reference; NULL otherwise. */
struct page *pagecache_find(struct page_cache *pc, uint64_t index) EXCLUDES(pagecache_role);
/* read(2): copies [pos, min(pos+left, size)); bytes or -errno (only when nothing moved). */
MUST_USE long pagecache_read(struct page_cache *pc, struct uio *u, uint64_t pos) MAY_SLEEP;
/* write(2) into the cache: for memory-only caches this is the write (extends size);
 * for others use pagecache_update() after the write went through. */
MUST_USE long pagecache_write(struct page_cache *pc, struct uio *u, uint64_t pos) MAY_SLEEP;
/* After data was written to the backing store: refreshes pages that are present so that
 * readers and mappings see it.  `data` is kernel memory. */
void pagecache_update(struct page_cache *pc, uint64_t pos, const void *data, size_t n) MAY_SLEEP;
/* Offers a page that holds just what the backing store has at index; false when another is
 * there already.  The cache takes a reference of its own.  PAGE_ALLOC_USER page, whole page
 * valid (zeros behind the end of the file). */
bool pagecache_adopt(struct page_cache *pc, uint64_t index, struct page *p)
	EXCLUDES(pagecache_role);
/* Shrinks or grows: zeroes the tail of the last page, drops pages beyond, unmaps them
 * from every vma. */
void pagecache_truncate(struct page_cache *pc, uint64_t new_size) MAY_SLEEP;
/* Drops clean pages in [first, last] (the daemon said that the file changed); dirty ones
 * are written first.  Unmaps them everywhere. */
void pagecache_invalidate(struct page_cache *pc, uint64_t first, uint64_t last) MAY_SLEEP;
/* Zeroes a byte range (fallocate PUNCH_HOLE, ZERO_RANGE), without changing size. */
void pagecache_zero_range(struct page_cache *pc, uint64_t pos, uint64_t n) MAY_SLEEP;
/* Writes dirty pages of [first, last] back: write-protects mappings, collects dirty bits,
 * calls ops->write in runs of up to 256 pages.  When it returns, pages that others were
 * writing have arrived, too.  0 or -errno. */
MUST_USE int pagecache_sync(struct page_cache *pc, uint64_t first, uint64_t last) MAY_SLEEP;
/* Marks a page dirty (the fault handler, on a write to a shared mapping). */
void pagecache_mark_dirty(struct page_cache *pc, struct page *p) EXCLUDES(dirty_caches_role);
/* Around the making of a shared mapping that may be written; false: it must not be. */
MUST_USE bool pagecache_map_write_begin(struct page_cache *pc);
void pagecache_map_write_end(struct page_cache *pc);
/* No more of them; -EBUSY, and nothing done, when there are some and `all` are to be none. */
MUST_USE int pagecache_forbid_map_write(struct page_cache *pc, bool all) EXCLUDES(object_vmas_role);
/* No more of them may be made: nor may others change what it holds. */
bool pagecache_map_write_forbidden(struct page_cache *pc);
/* Some vma maps it (a moment ago, unless the caller keeps mappings away). */
bool pagecache_is_mapped(struct page_cache *pc) EXCLUDES(object_vmas_role);
/* Frees clean, unmapped pages, oldest first; the shrinker. */
uint64_t pagecache_shrink(uint64_t pages) MAY_SLEEP;
/* The same for every cache with dirty pages (sync(2), exit of the VM). */
void pagecache_sync_all(void) MAY_SLEEP;
/* Starts the thread of the periodic write-back unless it runs.  A file system calls it when a
 * shared writable mapping is made. */
void pagecache_start_writeback(void);
/* Writes back when too much of the memory is dirty; from ops->mkwrite. */
void pagecache_throttle_dirty(void) MAY_SLEEP;
void pagecache_subsystem_init(void); /* starts the periodic write-back (5 s) lazily */
