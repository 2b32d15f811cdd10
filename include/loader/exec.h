/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * execve(2): puts a program into the current process.
 *
 * All that can fail for the file's or the arguments' sake happens before anything changes:
 * the file is found and checked, scripts are followed to their interpreter, a new address
 * space gets the program's segments, the dynamic linker's (PT_INTERP), the vDSO and the
 * strings.  Then the order of proc/exec.h; after its point of no return only lack of
 * memory is left, which kills the process.
 *
 * The arguments travel in one growing buffer, in the order in which they end up on the
 * stack (loader/stack.h): argv, envp, then the name of the file.
 *
 * Context: a thread of a program, no lock held; sleeps.
 */
#include <lib/util.h>
#include <mm/user_ptr.h>

struct exec_args {
	char *data; /* kmalloc'd */
	size_t len, cap;
	unsigned argc, envc;
	uint64_t limit; /* bytes of strings and pointers */
};
/* A sentence about a failure, for the launcher; empty when errno says it all. */
struct exec_failure {
	char text[256];
};

void exec_args_init(struct exec_args *a);
void exec_args_free(struct exec_args *a);
/* Appends kernel strings; all of argv before the first of envp.  -E2BIG, -ENOMEM. */
MUST_USE int exec_args_add_arg(struct exec_args *a, const char *s);
MUST_USE int exec_args_add_env(struct exec_args *a, const char *s);
/* The two arrays of execve(2); NULL counts as empty.  -E2BIG, -EFAULT, -ENOMEM. */
MUST_USE int exec_args_add_user(struct exec_args *a, user_ptr argv, user_ptr envp);
/* A script: argv[0] gives way to the interpreter, its argument (may be NULL) and the script. */
MUST_USE int exec_args_set_script(struct exec_args *a, const char *interp, const char *arg,
				  const char *script);

/* Runs dirfd/path (lookup: LOOKUP_* flags) under the name execfn: 0 when the registers in
 * arch_user_frame(current) are those of the new program; else -errno and the old one goes on,
 * with *failure (may be NULL) filled.  `hidden`: execfn will be closed by exec, so that an
 * interpreter could not open it (-ENOENT for scripts). */
struct exec_request {
	int dirfd;
	const char *path;
	unsigned lookup;
	const char *execfn;
	bool hidden;
	struct exec_args *args;
	struct exec_failure *failure;
};
MUST_USE int exec_program(const struct exec_request *req);
