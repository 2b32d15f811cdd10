/* SPDX-License-Identifier: MIT */
/*
 * Where things go in a new address space, as Linux lays them out:
 *
 *   0x400000             an ET_EXEC program, or
 *   0x555555554000 + r   a position-independent one, and up to 32 MiB above it the break
 *   mmap_base, downwards mappings, the dynamic linker, the vDSO
 *   USER_END - r         end of the stack
 *
 * r is random unless the personality says ADDR_NO_RANDOMIZE.
 */
#include "exec_internal.h"

#include <arch/cpu.h>
#include <fs/cred.h>
#include <fs/file.h>
#include <lib/assert.h>
#include <sync/random.h>
#include <lib/string.h>
#include <linux/auxv.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <loader/stack.h>
#include <loader/vdso.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <proc/limits.h>
#include <signal/signal.h>
#include <proc/task.h>

#define PIE_BASE 0x555555554000ul
#define PIE_RANDOM_PAGES (1ull << 28)
#define STACK_RANDOM_PAGES (1ull << 22)
#define MMAP_RANDOM_PAGES (1ull << 28)
#define BRK_RANDOM_PAGES (32ull << 20 >> PAGE_SHIFT)
#define STACK_GAP_MIN (128ull << 20)
#define STACK_GAP_MAX (USER_END / 6 * 5)
#define STACK_GUARD (1ull << 20)
#define STACK_SLACK (128ul << 10) /* mapped below the strings from the start */
#define STACK_SKEW 8192

/* Who has other rights than its caller keeps its layout from it. */
static bool randomize(const struct exec_load *l)
{
	return l->cred.set_id || !(process_current()->personality & ADDR_NO_RANDOMIZE);
}
/* Bytes: a random number of pages below `pages`, a power of two. */
static uint64_t random_below(const struct exec_load *l, uint64_t pages)
{
	return randomize(l) ? (random_u64() & (pages - 1)) << PAGE_SHIFT : 0;
}

static void place_mappings(const struct exec_load *l)
{
	uint64_t gap = process_rlimit(process_current(), RLIMIT_STACK);

	gap = MAX(MIN(gap, STACK_GAP_MAX), STACK_GAP_MIN);
	gap = MIN(gap + STACK_GUARD + (STACK_RANDOM_PAGES << PAGE_SHIFT), STACK_GAP_MAX);
	mm_set_mmap_base(
		l->mm, ALIGN_DOWN(USER_END - gap - random_below(l, MMAP_RANDOM_PAGES), PAGE_SIZE));
}

static void set_bounds(struct mm *mm, const struct elf_image *img, uint64_t bias)
{
	mm->start_code = UINT64_MAX;
	for (unsigned i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segment[i];
		uint64_t from = s->vaddr + bias, to = from + s->filesz;

		if (s->flags & PF_X) {
			mm->start_code = MIN(mm->start_code, from);
			mm->end_code = MAX(mm->end_code, to);
		}
		mm->start_data = MAX(mm->start_data, from);
		mm->end_data = MAX(mm->end_data, to);
	}
}

static int map_images(struct exec_load *l)
{
	struct mm *mm = l->mm;
	const struct elf_image *img = l->image;
	int err;

	if (img->movable) {
		uint64_t base = ALIGN_UP(PIE_BASE + random_below(l, PIE_RANDOM_PAGES), img->align);

		if (img->end - img->start > USER_END - base - (1ull << 40)) {
			return -ENOMEM;
		}
		l->bias = base - ALIGN_DOWN(img->start, img->align);
	}
	err = image_map(mm, l->file, img, l->bias);
	if (err) {
		return err;
	}
	set_bounds(mm, img, l->bias);
	mm_set_brk(mm, img->end + l->bias + random_below(l, BRK_RANDOM_PAGES));
	if (!l->interp) {
		return 0;
	}
	if (l->interp_image->movable) {
		err = image_place(mm, l->interp_image, &l->interp_bias);
	}
	if (!err) {
		err = image_map(mm, l->interp, l->interp_image, l->interp_bias);
	}
	return err;
}

/* The stack with the strings at its end (loader/stack.h says where). */
static int map_stack(struct exec_load *l)
{
	struct mm *mm = l->mm;
	const struct exec_args *a = l->args;
	uint64_t size = ALIGN_UP(a->len + 8 + ((uint64_t)a->argc + a->envc) * 8 + STACK_SLACK,
				 PAGE_SIZE);
	int prot = PROT_READ | PROT_WRITE | (l->image->exec_stack ? PROT_EXEC : 0);
	uint64_t top = USER_END - random_below(l, STACK_RANDOM_PAGES), at;
	long addr, done;

	addr = mm_mmap(mm, top - size, size, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, NULL, NULL, 0,
		       VMA_GROWSDOWN | VMA_IS_STACK | VMA_MAYWRITE);
	if (addr < 0) {
		return (int)addr;
	}
	l->stack_top = top;
	at = top - 8 - a->len;
	done = mm_access(mm, at, a->data, a->len, true, true);
	return done == (long)a->len ? 0 : -ENOMEM;
}

int exec_build_mm(struct exec_load *l)
{
	int err = mm_create(&l->mm);

	if (err) {
		return err;
	}
	place_mappings(l);
	l->mm->dumpable = !l->unreadable;
	file_get(l->file);
	l->mm->exe_file = l->file;
	err = map_images(l);
	if (!err) {
		err = map_stack(l);
	}
	if (!err) {
		err = vdso_map(l->mm);
	}
	return err;
}

static void fill_auxv(struct stack_spec *s, const struct mm *mm, const struct exec_load *l)
{
	const struct cred *c = thread_current()->cred;
	const struct elf_image *img = l->image;
	const uint64_t pairs[][2] = {
		{ AT_SYSINFO_EHDR, mm->vdso_base },
		{ AT_MINSIGSTKSZ, sigframe_min_stack() },
		{ AT_HWCAP, cpu_hwcap() },
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_CLKTCK, USER_HZ },
		{ AT_PHDR, img->phdr ? img->phdr + l->bias : 0 },
		{ AT_PHENT, sizeof(struct elf64_phdr) },
		{ AT_PHNUM, img->phnum },
		{ AT_BASE, l->interp ? l->interp_image->start + l->interp_bias : 0 },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, img->entry + l->bias },
		{ AT_UID, c->u.real },
		{ AT_EUID, c->u.eff },
		{ AT_GID, c->g.real },
		{ AT_EGID, c->g.eff },
		{ AT_SECURE, l->cred.secure },
		{ AT_HWCAP2, cpu_has_fsgsbase() ? HWCAP2_FSGSBASE : 0 },
	};

	_Static_assert(ARRAY_SIZE(pairs) <= STACK_AUXV_MAX, "room for the auxiliary vector");
	memcpy(s->auxv, pairs, sizeof(pairs));
	s->auxc = ARRAY_SIZE(pairs);
}

static void save_layout(struct mm *mm, const struct stack_layout *sl, const uint8_t *table)
{
	mm->start_stack = sl->sp;
	mm->arg_start = sl->arg_start;
	mm->arg_end = sl->arg_end;
	mm->env_start = sl->env_start;
	mm->env_end = sl->env_end;
	mm->auxv_words = MIN(sl->auxv_words, (unsigned)ARRAY_SIZE(mm->auxv));
	memcpy(mm->auxv, table + (sl->auxv - sl->sp), mm->auxv_words * sizeof(mm->auxv[0]));
}

int exec_finish_stack(struct mm *mm, struct exec_load *l)
{
	const struct exec_args *a = l->args;
	struct stack_spec *s = kzalloc(sizeof(*s));
	struct stack_layout sl;
	void *table = NULL;
	int err = -ENOMEM;

	if (!s) {
		return -ENOMEM;
	}
	s->strings = a->data;
	s->strings_len = a->len;
	s->argc = a->argc;
	s->envc = a->envc;
	s->top = l->stack_top;
	s->skew = randomize(l) ? (unsigned)(random_u64() % STACK_SKEW) : 0;
	random_bytes(s->random, sizeof(s->random));
	fill_auxv(s, mm, l);
	err = stack_plan(s, &sl);
	if (err) {
		goto out;
	}
	err = -ENOMEM;
	table = kmalloc(sl.table_len);
	if (!table) {
		goto out;
	}
	stack_fill(s, &sl, table);
	save_layout(mm, &sl, table);
	err = copy_to_user((user_ptr){ sl.sp }, table, sl.table_len);
	l->sp = sl.sp;
	l->start = l->interp ? l->interp_image->entry + l->interp_bias : l->image->entry + l->bias;
out:
	kfree(table);
	kfree(s);
	return err;
}
