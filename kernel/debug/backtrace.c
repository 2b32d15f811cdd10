/* SPDX-License-Identifier: MIT */
/*
 * Names for addresses, and the chain of frame pointers.  Used in panics: no lock, no memory, and
 * nothing is read that the page tables do not map.  A chain that does not go upwards ends.
 */
#include <debug/backtrace.h>
#include <arch/paging.h>

/* From tools/ksyms.py: sorted offsets of functions from the start of the image, and of
 * their names in ksym_names. */
extern const uint32_t ksym_count;
extern const uint32_t ksym_addr[], ksym_name[];
extern const char ksym_names[];
extern const char image_start[], text_start[], text_end[];

const char *ksym_lookup(uintptr_t addr, size_t *offset)
{
	uint32_t lo = 0, hi = ksym_count;

	if (addr < (uintptr_t)text_start || addr >= (uintptr_t)text_end || hi == 0) {
		return NULL;
	}
	uint32_t want = addr - (uintptr_t)image_start;

	if (want < ksym_addr[0]) {
		return NULL;
	}
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ksym_addr[mid] <= want) {
			lo = mid;
		} else {
			hi = mid;
		}
	}
	*offset = want - ksym_addr[lo];
	return ksym_names + ksym_name[lo];
}

void backtrace_print(uintptr_t rbp, unsigned max, void (*print)(const char *fmt, ...))
{
	for (unsigned i = 0; i < max; i++) {
		if (!IS_ALIGNED(rbp, 8) || !paging_kernel_mapped(rbp) ||
		    !paging_kernel_mapped(rbp + 8)) {
			return;
		}
		const uintptr_t *frame = (const uintptr_t *)rbp;
		uintptr_t ret = frame[1];
		size_t offset;
		/* The call may be the function's last instruction. */
		const char *name = ksym_lookup(ret - 1, &offset);

		if (!name) {
			if (ret) {
				print("  %#lx\n", ret);
			}
			return;
		}
		print("  %#lx %s+%#zx\n", ret, name, offset + 1);
		if (frame[0] <= rbp) {
			return; /* frames go up, or it is the end */
		}
		rbp = frame[0];
	}
}
