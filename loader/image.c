/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <fs/file.h>
#include <fs/inode.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <mm/mm.h>
#include <mm/slab.h>

int image_read(struct file *f, const void *head, size_t n, struct elf_image *out, const char **why)
{
	uint64_t size = atomic_load_explicit(&f->inode->pages.size, memory_order_relaxed);
	struct elf64_header h;
	struct elf64_phdr *ph;
	size_t table;
	long got;
	int err;

	err = elf_check_header(head, n, size, why);
	if (err) {
		return err;
	}
	memcpy(&h, head, sizeof(h));
	table = h.phnum * sizeof(*ph);
	ph = kmalloc(table);
	if (!ph) {
		return -ENOMEM;
	}
	got = file_read_kernel(f, ph, table, h.phoff);
	if (got == (long)table) {
		err = elf_parse(&h, ph, size, out, why);
	} else if (got < 0) {
		err = (int)got;
	} else {
		*why = "it changes while it is read";
		err = -ENOEXEC;
	}
	kfree(ph);
	return err;
}

static int prot_of(const struct elf_segment *s)
{
	return (s->flags & PF_R ? PROT_READ : 0) | (s->flags & PF_W ? PROT_WRITE : 0) |
	       (s->flags & PF_X ? PROT_EXEC : 0);
}

/* Writes zeros from addr to the end of its page. */
static int zero_tail(struct mm *mm, uint64_t addr)
{
	static const char zeros[512];
	uint64_t end = ALIGN_UP(addr, PAGE_SIZE);

	while (addr < end) {
		size_t n = MIN(end - addr, sizeof(zeros));
		long done = mm_access(mm, addr, (void *)(uintptr_t)zeros, n, true, true);

		if (done <= 0) {
			return -ENOMEM;
		}
		addr += (uint64_t)done;
	}
	return 0;
}

static int map_segment(struct mm *mm, struct file *f, struct page_cache *object,
		       const struct elf_segment *s, uint64_t bias)
{
	uint64_t start = ALIGN_DOWN(s->vaddr + bias, PAGE_SIZE);
	uint64_t file_end = s->vaddr + bias + s->filesz;
	uint64_t end = ALIGN_UP(s->vaddr + bias + s->memsz, PAGE_SIZE);
	uint64_t mapped = s->filesz ? ALIGN_UP(file_end, PAGE_SIZE) : start;
	int prot = prot_of(s), err;
	long addr;

	if (mapped > start) {
		uint64_t skew = s->vaddr + bias - start;

		addr = mm_mmap(mm, start, mapped - start, prot, MAP_PRIVATE | MAP_FIXED, object, f,
			       (s->offset - skew) >> PAGE_SHIFT, VMA_MAYWRITE);
		if (addr < 0) {
			return (int)addr;
		}
	}
	if (s->filesz && s->memsz > s->filesz) {
		err = zero_tail(mm, file_end);
		if (err) {
			return err;
		}
	}
	if (end > mapped) {
		addr = mm_mmap(mm, mapped, end - mapped, prot,
			       MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL, NULL, 0,
			       VMA_MAYWRITE);
		if (addr < 0) {
			return (int)addr;
		}
	}
	return 0;
}

int image_map(struct mm *mm, struct file *f, const struct elf_image *img, uint64_t bias)
{
	struct page_cache *object;
	int err = file_object(f, &object);

	for (unsigned i = 0; i < img->nsegments && !err; i++) {
		err = map_segment(mm, f, object, &img->segment[i], bias);
	}
	return err;
}

int image_place(struct mm *mm, const struct elf_image *img, uint64_t *bias)
{
	uint64_t start = ALIGN_DOWN(img->start, img->align);
	uint64_t room = img->end - start + img->align - PAGE_SIZE;
	long addr = mm_mmap(mm, 0, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    NULL, NULL, 0, 0);

	if (addr < 0) {
		return (int)addr;
	}
	*bias = ALIGN_UP((uint64_t)addr, img->align) - start;
	return mm_munmap(mm, (uint64_t)addr, room);
}
