/* SPDX-License-Identifier: MIT */
#pragma once
/* The registers of interrupted code, in the order in which entry.S pushes them
 * (the same as Linux's struct pt_regs, so ptrace and cores copy it). */
#include <lib/util.h>

struct trap_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_rax; /* system call number, or ~0 (-1) for other traps */
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 168, "entry.S pushes 21 words");

#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_USER_DATA 0x2b /* as on Linux: 0x28 | 3 */
#define SEL_USER_CODE 0x33 /* 0x30 | 3 */

#define SEL_CPU_NODE 0x7b /* LSL gives the CPU number; as on Linux */

#define RFLAGS_TF 0x100
#define RFLAGS_IF 0x200
#define RFLAGS_DF 0x400
#define RFLAGS_NT 0x4000
#define RFLAGS_RF 0x10000
#define RFLAGS_AC 0x40000
/* What a program may change through sigreturn or ptrace (Linux FIX_EFLAGS). */
#define RFLAGS_USER_MASK 0x50dd5ul

/* Page fault error code (Intel SDM 3A, 4.7). */
#define PF_PRESENT 0x1
#define PF_WRITE 0x2
#define PF_USER 0x4
#define PF_INSTR 0x10

static inline bool trap_from_user(const struct trap_frame *f)
{
	return (f->cs & 3) == 3;
}
