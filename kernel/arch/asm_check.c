/* SPDX-License-Identifier: MIT */
/* The numbers in asm.h against the structs.  No code. */
#include "arch_internal.h"

#define CHECK(type, field, value) \
	_Static_assert(offsetof(struct type, field) == (value), "asm.h: " #field)

CHECK(cpu, self, CPU_SELF);
CHECK(cpu, kernel_rsp, CPU_KERNEL_RSP);
CHECK(cpu, user_rsp, CPU_USER_RSP);
CHECK(cpu, current, CPU_CURRENT);
CHECK(cpu, id, 32);
CHECK(cpu, irq_depth, 40);
CHECK(cpu_private, pub, 0);
CHECK(arch_thread, work, THREAD_WORK);
CHECK(arch_thread, in_user, THREAD_IN_USER);
CHECK(trap_frame, r11, FRAME_R11);
CHECK(trap_frame, rax, FRAME_RAX);
CHECK(trap_frame, rcx, FRAME_RCX);
CHECK(trap_frame, rsi, FRAME_RSI);
CHECK(trap_frame, rdi, FRAME_RDI);
CHECK(trap_frame, orig_rax, FRAME_ORIG_RAX);
CHECK(trap_frame, rip, FRAME_RIP);
CHECK(trap_frame, cs, FRAME_CS);
CHECK(trap_frame, rflags, FRAME_RFLAGS);
CHECK(trap_frame, rsp, FRAME_RSP);
CHECK(trap_frame, ss, FRAME_SS);
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "asm.h");
