/* SPDX-License-Identifier: MIT */
/*
 * ELF files, checked: pure, and the file is untrusted.  What elf_parse() lets through lies inside
 * the file, inside the program's half of the address space, in order and without overlap.
 */
#include <loader/elf.h>

#include <arch/paging.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/limits.h>

#define ELF_MAX_ALIGN (1ul << 30)

static int fail(const char **why, int error, const char *text)
{
	*why = text;
	return -error;
}

/* True when the bytes start like an ELF file. */
static bool elf_has_magic(const void *head, size_t n)
{
	return n >= 4 && memcmp(head, ELF_MAGIC, 4) == 0;
}

static const char *wrong_machine(uint16_t machine)
{
	switch (machine) {
	case EM_386: return "it is for 32-bit x86";
	case EM_ARM: return "it is for 32-bit ARM";
	case EM_AARCH64: return "it is for AArch64";
	case EM_RISCV: return "it is for RISC-V";
	default: return "it is for another kind of CPU";
	}
}

int elf_check_header(const void *head, size_t n, uint64_t file_size, const char **why)
{
	struct elf64_header h;
	uint64_t table;

	if (!elf_has_magic(head, n)) {
		return fail(why, ENOEXEC, "it is neither an ELF program nor a script");
	}
	if (n > ELF_IDENT_CLASS && ((const uint8_t *)head)[ELF_IDENT_CLASS] == ELF_CLASS32) {
		return fail(why, ENOEXEC, "wrong ELF class (32-bit)");
	}
	if (n < sizeof(h) || file_size < sizeof(h)) {
		return fail(why, ENOEXEC, "the ELF header is cut off");
	}
	memcpy(&h, head, sizeof(h));
	if (h.ident[ELF_IDENT_CLASS] != ELF_CLASS64) {
		return fail(why, ENOEXEC, "wrong ELF class");
	}
	if (h.ident[ELF_IDENT_DATA] != ELF_DATA_LSB) {
		return fail(why, ENOEXEC, "it is big-endian");
	}
	if (h.ident[ELF_IDENT_VERSION] != ELF_VERSION_CURRENT || h.version != ELF_VERSION_CURRENT) {
		return fail(why, ENOEXEC, "unknown ELF version");
	}
	if (h.machine != EM_X86_64) {
		return fail(why, ENOEXEC, wrong_machine(h.machine));
	}
	if (h.type == ET_REL) {
		return fail(why, ENOEXEC, "it is an object file: link it first");
	}
	if (h.type == ET_CORE) {
		return fail(why, ENOEXEC, "it is a core dump");
	}
	if (h.type != ET_EXEC && h.type != ET_DYN) {
		return fail(why, ENOEXEC, "it is not an executable ELF file");
	}
	if (h.phentsize != sizeof(struct elf64_phdr)) {
		return fail(why, ENOEXEC, "wrong size of program headers");
	}
	if (h.phnum == 0) {
		return fail(why, ENOEXEC, "it has no program headers");
	}
	table = (uint64_t)h.phnum * sizeof(struct elf64_phdr);
	if (table > ELF_MAX_PHDRS_BYTES) {
		return fail(why, ENOEXEC, "it has too many program headers");
	}
	if (h.phoff > file_size || table > file_size - h.phoff) {
		return fail(why, ENOEXEC, "its program headers lie outside the file");
	}
	return 0;
}

static bool is_power_of_two(uint64_t x)
{
	return x && (x & (x - 1)) == 0;
}

/* One PT_LOAD; segments before it are in out already. */
static int add_segment(const struct elf64_phdr *p, uint64_t file_size, struct elf_image *out,
		       const char **why)
{
	struct elf_segment *prev = out->nsegments ? &out->segment[out->nsegments - 1] : NULL;
	uint64_t first, last;

	if (p->filesz > p->memsz) {
		return fail(why, EINVAL, "a segment is larger in the file than in memory");
	}
	if (p->memsz == 0) {
		return 0;
	}
	if (p->memsz > USER_END || p->vaddr > USER_END - p->memsz) {
		return fail(why, EINVAL, "a segment lies outside the address space");
	}
	/* The offset of one that is all zeros may be anything. */
	if (p->filesz && (p->offset > file_size || p->filesz > file_size - p->offset)) {
		return fail(why, ENOEXEC, "a segment lies outside the file: is it cut off?");
	}
	if (p->filesz && (p->offset - p->vaddr) % PAGE_SIZE != 0) {
		return fail(why, EINVAL, "a segment's offset and address do not match");
	}
	if (prev && p->vaddr < prev->vaddr + prev->memsz) {
		return fail(why, ENOEXEC, "its segments overlap or are out of order");
	}
	if (out->nsegments == ELF_MAX_SEGMENTS) {
		return fail(why, ENOEXEC, "it has too many segments");
	}
	if (p->align > PAGE_SIZE && is_power_of_two(p->align) && p->align <= ELF_MAX_ALIGN) {
		out->align = MAX(out->align, p->align);
	}

	first = ALIGN_DOWN(p->vaddr, PAGE_SIZE);
	last = ALIGN_UP(p->vaddr + p->memsz, PAGE_SIZE);
	if (!prev) {
		out->start = first;
	}
	out->end = last;
	out->segment[out->nsegments++] = (struct elf_segment){
		.vaddr = p->vaddr,
		.memsz = p->memsz,
		.offset = p->filesz ? p->offset : 0,
		.filesz = p->filesz,
		.flags = p->flags & (PF_R | PF_W | PF_X),
	};
	return 0;
}

static int set_interp(const struct elf64_phdr *p, uint64_t file_size, struct elf_image *out,
		      const char **why)
{
	if (out->interp_len) {
		return 0; /* the first one counts */
	}
	if (p->filesz < 2 || p->filesz > PATH_MAX) {
		return fail(why, ENOEXEC, "the name of its interpreter has a bad length");
	}
	if (p->offset > file_size || p->filesz > file_size - p->offset) {
		return fail(why, ENOEXEC, "the name of its interpreter lies outside the file");
	}
	out->interp_offset = p->offset;
	out->interp_len = p->filesz;
	return 0;
}

/* Where the program headers are in memory: in the segment that holds their bytes. */
static uint64_t phdr_address(const struct elf64_header *h, const struct elf_image *img)
{
	uint64_t table = (uint64_t)h->phnum * sizeof(struct elf64_phdr);

	for (unsigned i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (h->phoff >= s->offset && h->phoff - s->offset <= s->filesz &&
		    table <= s->filesz - (h->phoff - s->offset)) {
			return s->vaddr + (h->phoff - s->offset);
		}
	}
	return 0;
}

static bool entry_is_code(const struct elf_image *img)
{
	for (unsigned i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segment[i];

		if (img->entry >= s->vaddr && img->entry - s->vaddr < s->memsz) {
			return s->flags & PF_X;
		}
	}
	return false;
}

int elf_parse(const struct elf64_header *h, const struct elf64_phdr *ph, uint64_t file_size,
	      struct elf_image *out, const char **why)
{
	int err = 0;

	memset(out, 0, sizeof(*out));
	out->movable = h->type == ET_DYN;
	out->entry = h->entry;
	out->phnum = h->phnum;
	out->align = PAGE_SIZE;
	for (unsigned i = 0; i < h->phnum && !err; i++) {
		switch (ph[i].type) {
		case PT_LOAD: err = add_segment(&ph[i], file_size, out, why); break;
		case PT_INTERP: err = set_interp(&ph[i], file_size, out, why); break;
		case PT_GNU_STACK: out->exec_stack = ph[i].flags & PF_X; break;
		default: break;
		}
	}
	if (err) {
		return err;
	}
	if (out->nsegments == 0) {
		return fail(why, ENOEXEC, "it has nothing to load");
	}
	if (!out->movable && out->start == 0) {
		return fail(why, EINVAL, "it wants to be loaded at address 0");
	}
	if (!entry_is_code(out)) {
		return fail(why, ENOEXEC, "its entry point is not in an executable segment");
	}
	out->phdr = phdr_address(h, out);
	return 0;
}
