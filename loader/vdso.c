/* SPDX-License-Identifier: MIT */
#include <loader/vdso.h>

#include <arch/clock.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <mm/mm.h>

#define VDSO_MAX_PAGES 4

/* loader/vdso_image.S */
extern const char vdso_image_start[], vdso_image_end[];

int vdso_map(struct mm *mm)
{
	struct page *pages[VDSO_MAX_PAGES];
	unsigned n = (unsigned)((vdso_image_end - vdso_image_start) >> PAGE_SHIFT);
	uint64_t room = (n + 1) * PAGE_SIZE;
	long addr, err;

	ASSERT(n >= 1 && n <= VDSO_MAX_PAGES);
	/* Two neighbours: find room for both, then give it up for them. */
	addr = mm_mmap(mm, 0, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL,
		       NULL, 0, 0);
	if (addr < 0)
		return (int)addr;
	err = mm_munmap(mm, (uint64_t)addr, room);
	if (err)
		return (int)err;
	pages[0] = virt_to_page(&clock_page);
	err = mm_map_special(mm, (uint64_t)addr, pages, 1, VMA_READ, "[vvar]");
	if (err < 0)
		return (int)err;
	for (unsigned i = 0; i < n; i++)
		pages[i] = virt_to_page(vdso_image_start + i * PAGE_SIZE);
	err = mm_map_special(mm, (uint64_t)addr + PAGE_SIZE, pages, n, VMA_READ | VMA_EXEC,
			     "[vdso]");
	if (err < 0)
		return (int)err;
	mm->vdso_base = (uint64_t)err;
	ASSERT(mm->vdso_base == (uint64_t)addr + PAGE_SIZE);
	return 0;
}
