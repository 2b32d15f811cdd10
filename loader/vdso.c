/* SPDX-License-Identifier: MIT */
/*
 * The vDSO's pages, mapped into each program.  The pages belong to the image and are never freed.
 */
#include <loader/vdso.h>

#include <arch/clock.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <mm/mm.h>

#define VDSO_MAX_PAGES 4

/* loader/vdso_image.S */
extern const char vdso_image_start[], vdso_image_end[];

/* The address spaces keep pointers into these. */
static struct page *vvar_pages[1], *vdso_pages[VDSO_MAX_PAGES];

static unsigned image_pages(void)
{
	return (unsigned)((vdso_image_end - vdso_image_start) >> PAGE_SHIFT);
}

void vdso_init(void)
{
	unsigned n = image_pages();

	ASSERT(n >= 1 && n <= VDSO_MAX_PAGES);
	vvar_pages[0] = virt_to_page(&clock_page);
	for (unsigned i = 0; i < n; i++) {
		vdso_pages[i] = virt_to_page(vdso_image_start + i * PAGE_SIZE);
	}
}

int vdso_map(struct mm *mm)
{
	uint64_t room = (image_pages() + 1) * PAGE_SIZE;
	long addr, err;

	/* Two neighbours: find room for both, then give it up for them. */
	addr = mm_mmap(mm, 0, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL,
		       NULL, 0, 0);
	if (addr < 0) {
		return (int)addr;
	}
	err = mm_munmap(mm, (uint64_t)addr, room);
	if (err) {
		return (int)err;
	}
	err = mm_map_special(mm, (uint64_t)addr, vvar_pages, 1, VMA_READ, "[vvar]");
	if (err < 0) {
		return (int)err;
	}
	err = mm_map_special(mm, (uint64_t)addr + PAGE_SIZE, vdso_pages, image_pages(),
			     VMA_READ | VMA_EXEC, "[vdso]");
	if (err < 0) {
		return (int)err;
	}
	mm->vdso_base = (uint64_t)err;
	ASSERT(mm->vdso_base == (uint64_t)addr + PAGE_SIZE);
	return 0;
}
