/* SPDX-License-Identifier: MIT */
/*
 * mmap(2) of an open file: what the file's mode, its mount and its kind allow.  The mapping
 * itself is mm's, which knows neither.
 */
#include <fs/file.h>

#include <fs/inode.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <mm/mm.h>
#include <mm/pagecache.h>

/* Flags that MAP_SHARED_VALIDATE accepts. */
#define MAP_KNOWN                                                                                \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE |      \
	 MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | \
	 MAP_FIXED_NOREPLACE)

static int check_type(int flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_PRIVATE:
	case MAP_SHARED: return 0;
	case MAP_SHARED_VALIDATE: return flags & ~MAP_KNOWN ? -EOPNOTSUPP : 0;
	default: return -EINVAL;
	}
}

long file_mmap(struct mm *mm, struct file *f, uint64_t addr, uint64_t len, int prot, int flags,
	       uint64_t pgoff)
{
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE, counted = false;
	struct page_cache *object = NULL;
	long ret;
	int err = len && !(flags & MAP_HUGETLB) ? check_type(flags) : -EINVAL;

	if (err) {
		return err;
	}
	/* of the file's offsets, which end at 2^63 */
	if (len > INT64_MAX || pgoff > (INT64_MAX - len) >> PAGE_SHIFT) {
		return -EOVERFLOW;
	}
	if (!f->readable || (shared && (prot & PROT_WRITE) && !f->writable)) {
		err = mm_mmap_check(mm, addr, len, flags);
		return err ? err : -EACCES;
	}
	if ((prot & PROT_EXEC) && f->inode->sb && f->inode->sb->noexec) {
		return -EPERM;
	}
	if (!f->ops->mmap) {
		return -ENODEV;
	}
	err = f->ops->mmap(f, prot, flags, &object);
	if (err) {
		return err;
	}
	if (!object) { /* /dev/zero */
		return mm_mmap(mm, addr, len, prot, flags | MAP_ANONYMOUS, NULL, NULL, 0, 0);
	}
	if (shared && f->writable) {
		counted = pagecache_map_write_begin(object);
		if (!counted && prot & PROT_WRITE) {
			return -EPERM;
		}
	}
	ret = mm_mmap(mm, addr, len, prot, flags, object, f, pgoff,
		      shared && !counted ? 0 : VMA_MAYWRITE);
	if (counted) {
		pagecache_map_write_end(object);
	}
	return ret;
}
