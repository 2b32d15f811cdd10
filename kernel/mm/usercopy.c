/* SPDX-License-Identifier: MIT */
#include <mm/usercopy.h>

#include <arch/paging.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <sched/thread.h>

bool user_range_ok(user_ptr p, uint64_t n)
{
	return n <= USER_END && p.addr <= USER_END - n;
}

size_t copy_from_user_partial(void *dst, user_ptr src, size_t n)
{
	if (!user_range_ok(src, n)) {
		if (src.addr >= USER_END) {
			return 0;
		}
		return USER_END - src.addr -
		       arch_copy_user(dst, (const void *)src.addr, USER_END - src.addr);
	}
	return n - arch_copy_user(dst, (const void *)src.addr, n);
}

size_t copy_to_user_partial(user_ptr dst, const void *src, size_t n)
{
	if (!user_range_ok(dst, n)) {
		if (dst.addr >= USER_END) {
			return 0;
		}
		return USER_END - dst.addr -
		       arch_copy_user((void *)dst.addr, src, USER_END - dst.addr);
	}
	return n - arch_copy_user((void *)dst.addr, src, n);
}

size_t clear_user_partial(user_ptr dst, size_t n)
{
	if (!user_range_ok(dst, n)) {
		return 0;
	}
	return n - arch_clear_user(dst.addr, n);
}

int copy_from_user(void *dst, user_ptr src, size_t n)
{
	if (!user_range_ok(src, n) || arch_copy_user(dst, (const void *)src.addr, n)) {
		return -EFAULT;
	}
	return 0;
}

int copy_to_user(user_ptr dst, const void *src, size_t n)
{
	if (!user_range_ok(dst, n) || arch_copy_user((void *)dst.addr, src, n)) {
		return -EFAULT;
	}
	return 0;
}

long copy_string_from_user(char *dst, user_ptr src, size_t size)
{
	size_t room = size;
	long n;

	if (src.addr >= USER_END) {
		return -EFAULT;
	}
	if (room > USER_END - src.addr) {
		room = USER_END - src.addr;
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
	return user_range_ok(src, 4) ? arch_user_load32(v, src.addr) : -EFAULT;
}

int get_user_u64(uint64_t *v, user_ptr src)
{
	return user_range_ok(src, 8) ? arch_user_load64(v, src.addr) : -EFAULT;
}

int put_user_u32(user_ptr dst, uint32_t v)
{
	return user_range_ok(dst, 4) ? arch_user_store32(dst.addr, v) : -EFAULT;
}

int put_user_u64(user_ptr dst, uint64_t v)
{
	return user_range_ok(dst, 8) ? arch_user_store64(dst.addr, v) : -EFAULT;
}

int copy_from_user_nofault(void *dst, user_ptr src, size_t n)
{
	struct thread *t = thread_current();
	int err;

	t->arch.nofault++;
	err = copy_from_user(dst, src, n);
	t->arch.nofault--;
	return err;
}

int get_user_u32_nofault(uint32_t *v, user_ptr src)
{
	struct thread *t = thread_current();
	int err;

	t->arch.nofault++;
	err = get_user_u32(v, src);
	t->arch.nofault--;
	return err;
}

int cmpxchg_user_u32_nofault(user_ptr p, uint32_t *old, uint32_t new_value)
{
	struct thread *t = thread_current();
	uint32_t seen = *old;
	int err;

	if (!user_range_ok(p, 4)) {
		return -EFAULT;
	}
	t->arch.nofault++;
	err = arch_user_cmpxchg32(p.addr, &seen, new_value);
	t->arch.nofault--;
	*old = seen;
	return err;
}

int fault_in_user(user_ptr p, bool write)
{
	uint32_t v = 0;
	user_ptr word = { p.addr & ~(uintptr_t)3 };

	if (!user_range_ok(word, 4)) {
		return -EFAULT;
	}
	if (!write) {
		return arch_user_load32(&v, word.addr);
	}
	/* a write that changes nothing: 0 stays 0, anything else is left */
	return arch_user_cmpxchg32(word.addr, &v, 0);
}
