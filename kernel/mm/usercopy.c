/* SPDX-License-Identifier: MIT */
/*
 * Copies between the kernel and the running program: the range is checked against USER_END, then
 * the bytes are touched by arch_*() routines, whose faults lead to mm_fault() (which sleeps, and
 * takes mm->lock) or, under nofault, to an error.  So: no spinlock and not mm->lock.  Each
 * function reads a byte once; who looks at a value twice copies it first, for other threads of
 * the program write to it meanwhile.
 */
#include <mm/usercopy.h>

#include <arch/paging.h>
#include <arch/uaccess.h>
#include <linux/errno.h>
#include <sched/thread.h>

/* Every copy may fault, and a fault takes mm->lock: checked also when it does not happen. */
static inline void may_fault(void)
{
	if (CONFIG_DEBUG) {
		lockcheck_acquire(RANK_MM, "user copy", false);
		lockcheck_release(RANK_MM);
	}
}

bool user_range_ok(user_ptr p, uint64_t n)
{
	return n <= USER_END && p.addr <= USER_END - n;
}

/* How much of n bytes at p lies below USER_END. */
static size_t below_end(user_ptr p, size_t n)
{
	return p.addr < USER_END ? MIN(n, USER_END - p.addr) : 0;
}

size_t copy_from_user_partial(void *dst, user_ptr src, size_t n)
{
	may_fault();
	n = below_end(src, n);
	return n - arch_copy_user(dst, (const void *)src.addr, n);
}

size_t copy_to_user_partial(user_ptr dst, const void *src, size_t n)
{
	may_fault();
	n = below_end(dst, n);
	return n - arch_copy_user((void *)dst.addr, src, n);
}

size_t clear_user_partial(user_ptr dst, size_t n)
{
	may_fault();
	n = below_end(dst, n);
	return n - arch_clear_user(dst.addr, n);
}

int copy_from_user(void *dst, user_ptr src, size_t n)
{
	may_fault();
	if (!user_range_ok(src, n) || arch_copy_user(dst, (const void *)src.addr, n)) {
		return -EFAULT;
	}
	return 0;
}

int copy_to_user(user_ptr dst, const void *src, size_t n)
{
	may_fault();
	if (!user_range_ok(dst, n) || arch_copy_user((void *)dst.addr, src, n)) {
		return -EFAULT;
	}
	return 0;
}

long copy_string_from_user(char *dst, user_ptr src, size_t size)
{
	size_t room = below_end(src, size);
	long n;

	may_fault();
	if (src.addr >= USER_END) {
		return -EFAULT;
	}
	n = arch_strncpy_user(dst, src.addr, room);
	if (n < 0) {
		return n;
	}
	if ((size_t)n < room) {
		return n;
	}
	return room < size ? -EFAULT : -ENAMETOOLONG;
}

int get_user_u32(uint32_t *v, user_ptr src)
{
	may_fault();
	return user_range_ok(src, 4) ? arch_user_load32(v, src.addr) : -EFAULT;
}

int get_user_u64(uint64_t *v, user_ptr src)
{
	may_fault();
	return user_range_ok(src, 8) ? arch_user_load64(v, src.addr) : -EFAULT;
}

int put_user_u32(user_ptr dst, uint32_t v)
{
	may_fault();
	return user_range_ok(dst, 4) ? arch_user_store32(dst.addr, v) : -EFAULT;
}

int put_user_u64(user_ptr dst, uint64_t v)
{
	may_fault();
	return user_range_ok(dst, 8) ? arch_user_store64(dst.addr, v) : -EFAULT;
}

/* --- without faults: under nofault the trap handler makes the access fail --- */

int copy_from_user_nofault(void *dst, user_ptr src, size_t n)
{
	struct thread *t = thread_current();
	size_t left;

	if (!user_range_ok(src, n)) {
		return -EFAULT;
	}
	t->arch.nofault++;
	left = arch_copy_user(dst, (const void *)src.addr, n);
	t->arch.nofault--;
	return left ? -EFAULT : 0;
}

int get_user_u32_nofault(uint32_t *v, user_ptr src)
{
	struct thread *t = thread_current();
	int err;

	if (!user_range_ok(src, 4)) {
		return -EFAULT;
	}
	t->arch.nofault++;
	err = arch_user_load32(v, src.addr);
	t->arch.nofault--;
	return err;
}

int cmpxchg_user_u32_nofault(user_ptr p, uint32_t *old, uint32_t new_value)
{
	struct thread *t = thread_current();
	int err;

	if (!user_range_ok(p, 4)) {
		return -EFAULT;
	}
	t->arch.nofault++;
	err = arch_user_cmpxchg32(p.addr, old, new_value);
	t->arch.nofault--;
	return err;
}

int fault_in_user(user_ptr p, bool write)
{
	uint32_t v = 0;
	user_ptr word = { p.addr & ~(uintptr_t)3 };

	may_fault();
	if (!user_range_ok(word, 4)) {
		return -EFAULT;
	}
	if (!write) {
		return arch_user_load32(&v, word.addr);
	}
	/* a write that changes nothing: 0 stays 0, anything else is left */
	return arch_user_cmpxchg32(word.addr, &v, 0);
}
