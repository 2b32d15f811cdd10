/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The initial stack of a program, as Linux lays it out on x86-64.  Pure: works on kernel
 * buffers and knows only the addresses that things will have.
 *
 *     top - 8                 eight zero bytes
 *     top - 8 - strings_len   strings: argv[0] .. argv[argc-1], envp[0] .., execfn
 *                             the platform's name, 16 random bytes, alignment
 *     table                   argc, argv pointers, 0, envp pointers, 0, auxiliary vector
 *                             the stack pointer: 16-byte aligned, points at argc
 *
 * The caller writes two pieces: its strings at layout.strings, and the table (which holds
 * the platform and the random bytes, too) at layout.sp.
 */
#include <lib/util.h>

#define STACK_AUXV_MAX 28 /* pairs that the caller may give */

struct stack_spec {
	const char *strings; /* one after the other, each with its NUL; execfn is the last */
	size_t strings_len;
	unsigned argc, envc;
	uint64_t top;			  /* end of the stack, page aligned */
	uint64_t auxv[STACK_AUXV_MAX][2]; /* without AT_RANDOM, AT_EXECFN, AT_PLATFORM, AT_NULL */
	unsigned auxc;
	uint8_t random[16];
	unsigned skew; /* bytes that the table moves down: ASLR inside the page; any number */
};
struct stack_layout {
	uint64_t sp;	  /* where the table goes, and the stack pointer */
	size_t table_len; /* bytes */
	uint64_t strings; /* where the strings go */
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t auxv; /* address of the auxiliary vector */
	unsigned auxv_words;
};

/* Computes the layout.  -EINVAL when the strings are not argc + envc + 1, -E2BIG when it
 * does not fit below top. */
MUST_USE int stack_plan(const struct stack_spec *s, struct stack_layout *out);
/* Fills buf, out->table_len bytes, 8-byte aligned. */
void stack_fill(const struct stack_spec *s, const struct stack_layout *l, void *buf);
