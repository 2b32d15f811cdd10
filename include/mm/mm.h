/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Address spaces.  An mm is a tree of vmas over a set of page tables.
 *
 * A vma maps [start, end) to anonymous memory, or to a page cache from page offset
 * `pgoff` on; private file mappings copy on write.  Pages come on the first touch
 * (mm_fault()); fork shares them read-only and copies on write.  Large anonymous vmas
 * get 2 MiB pages where alignment and memory allow.
 *
 * Locks: mm->lock (rwsem, RANK_MM): vmas; write to change, read to fault.
 * mm->pt_lock (spinlock, RANK_PAGETABLE): page tables; held for entry changes only.
 * Order: mm->lock, page lock, cache locks, pt_lock.  TLB shootdown happens after pt_lock
 * is dropped (freed pages wait for it), interrupts on.
 *
 * Page tables are installed by compare-exchange and freed only with mm->lock held for
 * writing, so a fault (which holds it for reading) walks them without pt_lock; it takes
 * pt_lock to change an entry that is in use.
 *
 * File pages are found again through object->vmas.  Whoever takes a page out of a cache
 * clears PAGE_CACHE first and calls mm_unmap_object() after, before the last page_put(): a
 * fault that got the page earlier checks the flag under pt_lock when it maps it, so either
 * it sees the flag gone or the unmapping finds its entry.  A fault that makes a page of a
 * shared mapping writable marks it dirty after the entry is in place.
 *
 * Life: mm_create()/mm_fork() - used by threads (mm_get/mm_put, counted users) - the last
 * put tears all down.  The page-table root goes when no CPU has it loaded.
 */
#include <arch/thread.h>
#include <lib/rbtree.h>
#include <lib/refcount.h>
#include <linux/mman.h>
#include <mm/pagecache.h>
#include <mm/user_ptr.h>
#include <sync/mutex.h>

struct file;

enum vma_flags {
	VMA_READ = 1 << 0,
	VMA_WRITE = 1 << 1,
	VMA_EXEC = 1 << 2,
	VMA_SHARED = 1 << 3,
	VMA_GROWSDOWN = 1 << 4, /* a stack: grows on faults just below, up to RLIMIT_STACK */
	VMA_LOCKED = 1 << 5,	/* mlock */
	VMA_NORESERVE = 1 << 6,
	VMA_DONTFORK = 1 << 7, /* madvise */
	VMA_WIPEONFORK = 1 << 8,
	VMA_NOHUGE = 1 << 9,
	VMA_HUGE = 1 << 10,
	VMA_DONTDUMP = 1 << 11,
	VMA_SPECIAL = 1 << 12,	/* vDSO: pages in `special`, not resizable */
	VMA_MAYWRITE = 1 << 13, /* mprotect may add write (file opened for writing, private) */
	VMA_LOCKONFAULT = 1 << 14,
	VMA_IS_STACK = 1 << 15, /* [stack] in /proc/self/maps */
	VMA_IS_HEAP = 1 << 16,	/* [heap] */
};
struct vma {
	struct rb_node node;
	struct mm *mm;
	/* Changed with mm->lock held for writing, and with vmas_lock of the object: read under
	 * either.  The other fields but node and object_link stay as they are. */
	uint64_t start, end;	   /* page aligned */
	uint64_t pgoff;		   /* page offset in the object of `start` */
	uint32_t flags;		   /* enum vma_flags; mm->lock alone */
	struct page_cache *object; /* NULL: anonymous */
	struct file *file;	   /* counted through mm_file_ops; NULL for anonymous */
	struct list object_link;   /* object->vmas */
	struct page **special;	   /* VMA_SPECIAL: its pages */
	const char *special_name;  /* "[vdso]" */
};
/* What mm needs to know of files, set once by fs (fs is above mm). */
struct mm_file_ops {
	void (*get)(struct file *f);
	void (*put)(struct file *f); /* may sleep */
	/* Path for /proc/self/maps, device and inode numbers. */
	void (*describe)(struct file *f, char *path, size_t size, uint64_t *dev, uint64_t *ino);
};
extern const struct mm_file_ops *mm_file_ops;
/* The soft limit RLIMIT_* of the caller, in bytes; ~0 = none, also of RLIMIT_MEMLOCK for who
 * has CAP_IPC_LOCK.  Set once by proc (proc is above mm); fs asks in the same way.  Asked for
 * at each check, of the caller, and not kept in the mm: processes that share an mm (vfork)
 * have limits and rights of their own, and may lose them at any time (setuid). */
extern uint64_t (*mm_rlimit)(int resource);

struct mm {
	RWSEM(mm) lock;
	SPINLOCK(pagetable) pt_lock;
	struct arch_space space;
	struct rb_tree vmas GUARDED_BY(mm_role);
	_Atomic(struct vma *) last_hit;		/* hint of readers, validated */
	uint32_t map_count GUARDED_BY(mm_role); /* vmas */
	/* Every gap above gap_hint is at most gap_hole long. */
	uint64_t gap_hint GUARDED_BY(mm_role), gap_hole GUARDED_BY(mm_role);
	struct refcount users; /* 0: nobody else can reach it, see mm_assert_exclusive() */
	struct refcount holds; /* of the struct: one for all users, one for each mm_hold() */
	uint64_t brk_end GUARDED_BY(mm_role);
	bool lock_future GUARDED_BY(mm_role); /* mlockall(MCL_FUTURE) */
	/* By exec, before the program runs. */
	uint64_t mmap_base; /* top of the mmap area (grows down) */
	uint64_t brk_start;
	uint64_t start_code, end_code, start_data, end_data, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t vdso_base;
	uint64_t auxv[64]; /* saved for /proc/self/auxv and cores */
	unsigned auxv_words;
	/* Sizes of vmas: changed under lock, shown without it. */
	_Atomic uint64_t total_pages, locked_pages, data_pages, stack_pages;
	_Atomic int64_t rss_anon, rss_file, rss_shmem; /* pages mapped */
	_Atomic uint64_t table_pages, peak_rss;
	bool dumpable;	 /* prctl(2), PR_SET_DUMPABLE: others may look in, see proc/access.h */
	bool oom_victim; /* faults fail fast while it dies */
	struct file *exe_file; /* counted; /proc/self/exe */
	_Atomic uint32_t membarrier_state;
};

MUST_USE int mm_create(struct mm **out);
/* A copy-on-write copy of the current process's (or any) mm. */
MUST_USE int mm_fork(struct mm *from, struct mm **out) EXCLUDES(mm_role);
void mm_get(struct mm *mm);
void mm_put(struct mm *mm) MAY_SLEEP EXCLUDES(mm_role); /* NULL is fine */
/* Keeps the struct, but neither the memory nor the executable: to reach those, mm_try_get(), which
 * fails when the last user is gone. */
void mm_hold(struct mm *mm);
void mm_unhold(struct mm *mm); /* NULL is fine */
MUST_USE bool mm_try_get(struct mm *mm);
/* exec: the current thread leaves its mm and runs on `mm`; the references of both move. */
struct mm *mm_swap_current(struct mm *mm);

/* mmap(2) and friends, Linux semantics; addresses or -errno; prot and flags are Linux's
 * PROT_* and MAP_* (include/linux/mman.h).  `object`/`file` NULL = anonymous (shared
 * anonymous makes its own object).  pgoff in pages.  They take mm->lock.
 * vma_flags: more VMA_* bits; a shared mapping of a file is writable (now or by mprotect)
 * only with VMA_MAYWRITE, which the caller gives when the file is open for writing.  The
 * mapping takes its own references to object and file. */
long mm_mmap(struct mm *mm, uint64_t addr, uint64_t len, int prot, int flags,
	     struct page_cache *object, struct file *file, uint64_t pgoff, uint32_t vma_flags);
/* The errors that mmap(2) finds before it looks at the file: for callers that are about to
 * refuse because of the file.  0 or -errno. */
MUST_USE int mm_mmap_check(struct mm *mm, uint64_t addr, uint64_t len, int flags);
MUST_USE int mm_munmap(struct mm *mm, uint64_t addr, uint64_t len);
MUST_USE int mm_mprotect(struct mm *mm, uint64_t addr, uint64_t len, uint64_t prot);
long mm_mremap(struct mm *mm, uint64_t old, uint64_t old_len, uint64_t new_len, uint64_t flags,
	       uint64_t new_addr);
long mm_brk(struct mm *mm, uint64_t addr); /* the new break, Linux style: old one on failure */
MUST_USE int mm_madvise(struct mm *mm, uint64_t addr, uint64_t len, int advice);
MUST_USE int mm_mincore(struct mm *mm, uint64_t addr, uint64_t len, user_ptr vec);
MUST_USE int mm_msync(struct mm *mm, uint64_t addr, uint64_t len, int flags);
MUST_USE int mm_mlock(struct mm *mm, uint64_t addr, uint64_t len, bool lock, bool onfault);
MUST_USE int mm_mlockall(struct mm *mm, int flags);
void mm_munlockall(struct mm *mm);
/* Maps given pages (vDSO): flags READ/EXEC; address or -errno. */
long mm_map_special(struct mm *mm, uint64_t addr, struct page **pages, unsigned n,
		    uint32_t vma_flags, const char *name);

/* What a fault leads to. */
enum fault_result {
	FAULT_OK,
	FAULT_SEGV_MAPERR, /* no vma */
	FAULT_SEGV_ACCERR, /* vma forbids it */
	FAULT_BUS_ADRERR,  /* beyond the end of the file, or read error */
	FAULT_OOM,	   /* no page to be had: the OOM killer's turn */
	FAULT_RETRY,	   /* a fatal signal is pending: just return to user */
};
/* Resolves a fault of the current thread at addr (error: PF_* bits).  May sleep. */
enum fault_result mm_fault(struct mm *mm, uintptr_t addr, uint64_t error) MAY_SLEEP
	EXCLUDES(mm_role);

/* Another process's memory (process_vm_*, /proc/pid/mem, ptrace, core dumps): bytes
 * copied, or -EFAULT/-EIO when none.  force = also through protections. */
long mm_access(struct mm *mm, uint64_t addr, void *buf, size_t n, bool write, bool force) MAY_SLEEP
	EXCLUDES(mm_role);
/* For shared futexes: the object and offset behind an address; anonymous private memory
 * gives object NULL.  A reference to the object is not taken: it is a key, kept alive by
 * the mapping.  0 or -EFAULT. */
MUST_USE int mm_futex_key(struct mm *mm, uint64_t addr, const void **object, uint64_t *offset);

/* Calls fn for each vma in order under the read lock; stops when fn returns nonzero. */
int mm_for_each_vma(struct mm *mm, int (*fn)(const struct vma *v, void *arg), void *arg)
	EXCLUDES(mm_role);
/* The same from the first on that ends behind addr. */
MUST_USE int mm_for_each_vma_from(struct mm *mm, uint64_t addr,
				  int (*fn)(const struct vma *v, void *arg), void *arg)
	EXCLUDES(mm_role);
/* Removes mappings of pages [first, last] of a cache from every vma (truncate, invalidate). */
void mm_unmap_object(struct page_cache *pc, uint64_t first, uint64_t last)
	EXCLUDES(object_vmas_role, pagetable_role);
/* The file now ends before page first: private copies of what was behind go, too. */
void mm_unmap_object_end(struct page_cache *pc, uint64_t first)
	EXCLUDES(object_vmas_role, pagetable_role);
/* Makes p read-only in every shared mapping: the next write faults and marks it dirty again. */
void mm_clean_object_page(struct page_cache *pc, struct page *p)
	EXCLUDES(object_vmas_role, pagetable_role);
uint64_t mm_rss_pages(const struct mm *mm);
uint64_t mm_peak_rss_pages(const struct mm *mm);
/* exec: mappings without a wish go below base.  Before the first mapping. */
void mm_set_mmap_base(struct mm *mm, uint64_t base) EXCLUDES(mm_role);
void mm_set_brk(struct mm *mm, uint64_t start) EXCLUDES(mm_role); /* exec: an empty heap */

void mm_subsystem_init(void);
