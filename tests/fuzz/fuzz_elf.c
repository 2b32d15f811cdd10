/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: loader/elf.c loader/script.c tests/unit/shim/base.c */
/* An executable's headers: what elf_parse() lets through must be safe to map. */
#include "fuzz.h"
#include <arch/paging.h>
#include <loader/elf.h>
#include <loader/script.h>
#include <string.h>

static void check(const struct elf_image *e, uint64_t file_size)
{
	uint64_t end = 0;
	bool entry_ok = false;

	CLAIM(e->nsegments > 0 && e->nsegments <= ELF_MAX_SEGMENTS);
	for (unsigned i = 0; i < e->nsegments; i++) {
		const struct elf_segment *s = &e->segment[i];

		CLAIM(s->memsz > 0 && s->filesz <= s->memsz);
		CLAIM(s->vaddr >= end && s->memsz <= USER_END && s->vaddr <= USER_END - s->memsz);
		end = s->vaddr + s->memsz;
		CLAIM(s->filesz <= file_size && s->offset <= file_size - s->filesz);
		CLAIM(s->filesz == 0 || (s->offset - s->vaddr) % PAGE_SIZE == 0);
		CLAIM(s->vaddr >= e->start && end <= e->end);
		/* PF_X */
		entry_ok |= (s->flags & 1) && e->entry >= s->vaddr && e->entry < end;
	}
	CLAIM(entry_ok);
	CLAIM(e->start % PAGE_SIZE == 0 && e->end % PAGE_SIZE == 0 && e->end <= USER_END);
	CLAIM(e->align >= PAGE_SIZE && (e->align & (e->align - 1)) == 0);
	if (e->interp_len)
		CLAIM(e->interp_len <= file_size && e->interp_offset <= file_size - e->interp_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char head[SCRIPT_HEAD] = { 0 };
	const char *why = NULL, *interp, *arg;
	struct elf64_header h;

	memcpy(head, data, size < sizeof(head) ? size : sizeof(head));
	if (script_has_magic(head, size < sizeof(head) ? size : sizeof(head)) &&
	    script_parse(head, &interp, &arg) == 0) {
		CLAIM(interp >= head && interp + strlen(interp) < head + sizeof(head));
		CLAIM(!arg || (arg > interp && arg + strlen(arg) < head + sizeof(head)));
	}
	if (elf_check_header(data, size, size, &why) == 0) {
		struct elf_image image;
		uint8_t *table;
		size_t bytes;

		CLAIM(size >= sizeof(h));
		memcpy(&h, data, sizeof(h));
		bytes = (size_t)h.phnum * sizeof(struct elf64_phdr);
		CLAIM(bytes <= ELF_MAX_PHDRS_BYTES && h.phoff <= size && bytes <= size - h.phoff);
		table = malloc(bytes);
		memcpy(table, data + h.phoff, bytes);
		if (elf_parse(&h, (void *)table, size, &image, &why) == 0)
			check(&image, size);
		else
			CLAIM(why);
		free(table);
	}
	return 0;
}
