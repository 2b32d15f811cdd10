/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * From the entry code to the handlers.
 *
 * upcall_syscall() indexes an array that syscall/table.def fills; a thunk per call takes
 * the arguments out of the registers.  The number is the low half of rax, as Linux has it.
 * Calls of level NONE and numbers that do not exist give -ENOSYS; the first use of each is
 * logged, all are counted for the launcher's --summary.
 */
#include <lib/util.h>
#include <syscall/syscalls.h>

#define SYSCALL_MAX_ARGS 6

/* What the table says of a call, without its handler. */
struct syscall_desc {
	const char *name; /* NULL: no such number */
	const char *family;
	uint8_t level; /* enum syscall_level */
	uint8_t nargs;
	uint8_t kind[SYSCALL_MAX_ARGS]; /* enum arg_kind */
};
extern const unsigned syscall_table_size;
/* NULL when there is no such call. */
const struct syscall_desc *syscall_describe(uint32_t nr);

struct launch_config;

/* What the launcher wants of this layer: --strace, --summary; and what it adds elsewhere:
 * the system's names below /proc, the last calls of each CPU to a panic's text.  Once, after
 * vfs_mount_root() and before init_start(). */
void syscall_init(const struct launch_config *config);
