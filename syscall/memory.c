/* SPDX-License-Identifier: MIT */
/* Memory calls: checks of arguments that need files or flags; the work is in mm/. */
#include <syscall/syscalls.h>

#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <mm/mm.h>
#include <sched/thread.h>

#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)
#define MAP_KNOWN                                                                                \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE |      \
	 MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | \
	 MAP_FIXED_NOREPLACE)

static struct mm *current_mm(void)
{
	return thread_current()->mm;
}

static int check_map_type(int flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_PRIVATE:
	case MAP_SHARED: return 0;
	case MAP_SHARED_VALIDATE: return flags & ~MAP_KNOWN ? -EOPNOTSUPP : 0;
	default: return -EINVAL;
	}
}

static long map_file(uint64_t addr, uint64_t len, int prot, int flags, struct file *f,
		     uint64_t pgoff)
{
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
	struct page_cache *object = NULL;
	uint32_t vma_flags = VMA_MAYWRITE;
	int err;

	if (!f->readable || (shared && prot & PROT_WRITE && !f->writable)) {
		err = mm_mmap_check(current_mm(), addr, len, flags);
		return err ? err : -EACCES;
	}
	if (prot & PROT_EXEC && f->inode->sb && f->inode->sb->noexec) {
		return -EPERM;
	}
	if (!f->ops->mmap) {
		return -ENODEV;
	}
	if (shared && !f->writable) {
		vma_flags = 0;
	}
	err = f->ops->mmap(f, prot, flags, &object);
	if (err) {
		return err;
	}
	if (!object) { /* /dev/zero */
		return mm_mmap(current_mm(), addr, len, prot, flags | MAP_ANONYMOUS, NULL, NULL, 0,
			       VMA_MAYWRITE);
	}
	return mm_mmap(current_mm(), addr, len, prot, flags, object, f, pgoff, vma_flags);
}

long sys_mmap(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags, int fd, uint64_t offset)
{
	struct file *f;
	long result;
	int err;

	if (offset % PAGE_SIZE) {
		return -EINVAL;
	}
	/* No huge pages are set aside, as on a Linux with nr_hugepages = 0. */
	if (flags & MAP_ANONYMOUS) {
		err = len ? check_map_type((int)flags) : -EINVAL;
		if (!err && flags & MAP_HUGETLB) {
			err = -ENOMEM;
		}
		return err ? err
			   : mm_mmap(current_mm(), addr, len, (int)prot, (int)flags, NULL, NULL,
				     offset >> PAGE_SHIFT, VMA_MAYWRITE);
	}
	err = fd_get(fd, &f);
	if (err) {
		return err;
	}
	err = len && !(flags & MAP_HUGETLB) ? check_map_type((int)flags) : -EINVAL;
	result = err ? err : map_file(addr, len, (int)prot, (int)flags, f, offset >> PAGE_SHIFT);
	file_put(f);
	return result;
}

long sys_munmap(uint64_t addr, size_t len)
{
	return mm_munmap(current_mm(), addr, len);
}

long sys_mprotect(uint64_t addr, size_t len, uint64_t prot)
{
	if (len && prot & ~(uint64_t)(PROT_KNOWN | PROT_GROWSDOWN | PROT_GROWSUP)) {
		return -EINVAL;
	}
	if ((prot & PROT_GROWSDOWN && prot & PROT_GROWSUP) || addr % PAGE_SIZE) {
		return -EINVAL;
	}
	return mm_mprotect(current_mm(), addr, len, (int)prot);
}

long sys_pkey_mprotect(uint64_t addr, size_t len, uint64_t prot, int pkey)
{
	return pkey == -1 ? sys_mprotect(addr, len, prot) : -EINVAL;
}
long sys_pkey_alloc(uint64_t flags, uint64_t rights)
{
	return flags || rights & ~3ull ? -EINVAL : -ENOSPC;
}
long sys_pkey_free(int pkey)
{
	(void)pkey;
	return -EINVAL;
}

long sys_brk(uint64_t addr)
{
	return mm_brk(current_mm(), addr);
}

long sys_mremap(uint64_t addr, uint64_t old_len, uint64_t new_len, uint64_t flags,
		uint64_t new_addr)
{
	const uint64_t known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

	if (flags & ~known || addr % PAGE_SIZE) {
		return -EINVAL;
	}
	if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE)) {
		return -EINVAL;
	}
	return mm_mremap(current_mm(), addr, old_len, new_len, (int)flags, new_addr);
}

long sys_msync(uint64_t addr, size_t len, int flags)
{
	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || addr % PAGE_SIZE) {
		return -EINVAL;
	}
	if (flags & MS_ASYNC && flags & MS_SYNC) {
		return -EINVAL;
	}
	return mm_msync(current_mm(), addr, len, flags);
}

long sys_mincore(uint64_t addr, size_t len, user_ptr vec)
{
	if (addr % PAGE_SIZE) {
		return -EINVAL;
	}
	return mm_mincore(current_mm(), addr, len, vec);
}

long sys_madvise(uint64_t addr, size_t len, int advice)
{
	return mm_madvise(current_mm(), addr, len, advice);
}

/* mlock(2): EPERM for those who may lock nothing at all. */
static bool may_lock(void)
{
	return current_mm()->limit_memlock != 0 || cred_capable(CAP_IPC_LOCK);
}

static long lock_range(uint64_t addr, size_t len, bool onfault)
{
	uint64_t start = ALIGN_DOWN(addr, PAGE_SIZE);
	uint64_t size = len + (addr - start);

	if (!may_lock()) {
		return -EPERM;
	}
	return mm_mlock(current_mm(), start, size, true, onfault);
}

long sys_mlock(uint64_t addr, size_t len)
{
	return lock_range(addr, len, false);
}
long sys_mlock2(uint64_t addr, size_t len, int flags)
{
	if (flags & ~MLOCK_ONFAULT) {
		return -EINVAL;
	}
	return lock_range(addr, len, flags & MLOCK_ONFAULT);
}
long sys_munlock(uint64_t addr, size_t len)
{
	uint64_t start = ALIGN_DOWN(addr, PAGE_SIZE);

	return mm_mlock(current_mm(), start, len + (addr - start), false, false);
}
long sys_mlockall(int flags)
{
	if (!flags || flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT) {
		return -EINVAL;
	}
	if (!may_lock()) {
		return -EPERM;
	}
	return mm_mlockall(current_mm(), flags);
}
long sys_munlockall(void)
{
	mm_munlockall(current_mm());
	return 0;
}
