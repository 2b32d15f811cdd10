/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reading an ELF executable: pure functions over bytes that nobody has checked.  They say
 * what to map where, or why the file can't be run; mapping is loader/exec.c's work.
 *
 * Everything is checked here, before anything is mapped: a struct elf_image that was
 * returned with 0 has segments in ascending order that do not overlap, lie below USER_END
 * (before a position-independent image is moved) and inside the file, and an entry point
 * in an executable segment.
 *
 * Results: -ENOEXEC (not for us, or damaged), -EINVAL (a segment that can't be mapped).
 * *why is then a sentence for a human, without the file's name and without a full stop.
 * The loader makes -ELIBBAD of the same failures in an interpreter.
 */
#include <linux/elf.h>
#include <lib/util.h>

#define ELF_MAX_SEGMENTS 64
#define ELF_MAX_PHDRS_BYTES 4096 /* as Linux: the table fits a page */

struct elf_segment {
	uint64_t vaddr, memsz;	 /* memsz > 0 */
	uint64_t offset, filesz; /* filesz <= memsz; offset = vaddr modulo the page size */
	uint32_t flags;		 /* PF_R, PF_W, PF_X */
};
struct elf_image {
	bool movable;	 /* ET_DYN: any base will do */
	bool exec_stack; /* PT_GNU_STACK asks for it */
	uint64_t entry;	 /* as in the file */
	uint64_t phdr;	 /* address of the program headers in memory, 0 = not mapped */
	unsigned phnum;
	uint64_t start, end; /* page aligned hull of the segments */
	uint64_t align;	     /* of the base of a movable image: a power of two >= a page */
	uint64_t interp_offset, interp_len; /* PT_INTERP, with the NUL; 0 = none */
	unsigned nsegments;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
};

/* Checks the file header in head[0..n-1]; file_size bounds the offsets. */
MUST_USE int elf_check_header(const void *head, size_t n, uint64_t file_size, const char **why);

/* Checks h->phnum program headers (as many as elf_check_header() accepted). */
MUST_USE int elf_parse(const struct elf64_header *h, const struct elf64_phdr *ph,
		       uint64_t file_size, struct elf_image *out, const char **why);
