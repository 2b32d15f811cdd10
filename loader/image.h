/* SPDX-License-Identifier: MIT */
#pragma once
/* Private to loader/: a checked ELF file and its mapping into an address space. */
#include <loader/elf.h>

struct file;
struct mm;

/* Reads and checks the headers of f, whose first n bytes are in head.  -ENOEXEC, -EINVAL
 * with *why; -ENOMEM, -EIO. */
MUST_USE int image_read(struct file *f, const void *head, size_t n, struct elf_image *out,
			const char **why);
/* Maps its segments at their addresses + bias, private, over whatever is there; zeroes
 * what the file does not hold.  Nobody runs on mm yet. */
MUST_USE int image_map(struct mm *mm, struct file *f, const struct elf_image *img, uint64_t bias);
/* Finds the bias that puts a movable image where mm has room; -ENOMEM. */
MUST_USE int image_place(struct mm *mm, const struct elf_image *img, uint64_t *bias);
