/* SPDX-License-Identifier: MIT */
/* Memory calls: thin, for Linux's checks are in mm/ with the work, those of files in fs/. */
#include <syscall/syscalls.h>

#include <fs/fdtable.h>
#include <fs/file.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <mm/mm.h>
#include <sched/thread.h>

static struct mm *current_mm(void)
{
	return thread_current()->mm;
}

long sys_mmap(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags, int fd, uint64_t offset)
{
	struct file *f;
	long result;
	int err;

	if (offset % PAGE_SIZE) {
		return -EINVAL;
	}
	if (flags & MAP_ANONYMOUS) {
		return mm_mmap(current_mm(), addr, len, (int)prot, (int)flags, NULL, NULL,
			       offset >> PAGE_SHIFT, 0);
	}
	err = fd_get(fd, &f);
	if (err) {
		return err;
	}
	result = file_mmap(current_mm(), f, addr, len, (int)prot, (int)flags, offset >> PAGE_SHIFT);
	file_put(f);
	return result;
}

long sys_munmap(uint64_t addr, size_t len)
{
	return mm_munmap(current_mm(), addr, len);
}

long sys_mprotect(uint64_t addr, size_t len, uint64_t prot)
{
	return mm_mprotect(current_mm(), addr, len, prot);
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
	return -EINVAL;
}

long sys_brk(uint64_t addr)
{
	return mm_brk(current_mm(), addr);
}

long sys_mremap(uint64_t addr, uint64_t old_len, uint64_t new_len, uint64_t flags,
		uint64_t new_addr)
{
	return mm_mremap(current_mm(), addr, old_len, new_len, flags, new_addr);
}

long sys_msync(uint64_t addr, size_t len, int flags)
{
	return mm_msync(current_mm(), addr, len, flags);
}

long sys_mincore(uint64_t addr, size_t len, user_ptr vec)
{
	return mm_mincore(current_mm(), addr, len, vec);
}

long sys_madvise(uint64_t addr, size_t len, int advice)
{
	return mm_madvise(current_mm(), addr, len, advice);
}

long sys_mlock(uint64_t addr, size_t len)
{
	return mm_mlock(current_mm(), addr, len, true, false);
}

long sys_mlock2(uint64_t addr, size_t len, int flags)
{
	if (flags & ~MLOCK_ONFAULT) {
		return -EINVAL;
	}
	return mm_mlock(current_mm(), addr, len, true, flags & MLOCK_ONFAULT);
}

long sys_munlock(uint64_t addr, size_t len)
{
	return mm_mlock(current_mm(), addr, len, false, false);
}

long sys_mlockall(int flags)
{
	return mm_mlockall(current_mm(), flags);
}

long sys_munlockall(void)
{
	mm_munlockall(current_mm());
	return 0;
}
