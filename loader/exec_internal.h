/* SPDX-License-Identifier: MIT */
#pragma once
/* Private to loader/: one execve(2) in progress. */
#include "image.h"

#include <loader/exec.h>
#include <loader/script.h>
#include <proc/cred.h>

struct exec_load {
	struct exec_args *args;
	char *name;	   /* of the file whose head was read last */
	struct file *file; /* the program: counted, writers are denied */
	struct elf_image *image;
	char *interp_name;   /* PT_INTERP */
	struct file *interp; /* counted; NULL = none */
	struct elf_image *interp_image;
	char head[SCRIPT_HEAD];

	struct mm *mm;	       /* the new address space, before commit */
	struct exec_cred cred; /* the new credentials; .cred before commit */
	bool unreadable;       /* who may execute it may not read it: not from memory either */
	uint64_t bias;	       /* of the program */
	uint64_t interp_bias;  /* of the interpreter */
	uint64_t stack_top;
	uint64_t start; /* first instruction */
	uint64_t sp;
};

/* Appends execfn behind argv and envp. */
MUST_USE int exec_args_add_name(struct exec_args *a, const char *name);

/* Makes l->mm: segments, break, stack with the strings, vDSO.  loader/layout.c */
MUST_USE int exec_build_mm(struct exec_load *l);
/* On the new address space, with the new credentials: the table below the strings.  Sets
 * l->sp and l->start.  loader/layout.c */
MUST_USE int exec_finish_stack(struct mm *mm, struct exec_load *l);
