/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The handlers of system calls: `long sys_NAME(args)` for each line of syscall/table.def
 * whose level is not NONE.  The table is the only list of calls; a handler whose signature
 * differs from its line does not compile.
 *
 * A handler gets its arguments converted to the C types of syscall/args.def, runs in the
 * calling thread with interrupts on and no lock held, and returns a result >= 0 or -errno.
 * Results are 64 bits (addresses, lengths).  -ERESTART* may be returned only after a wait
 * ended by a signal, which has set WORK_SIGNAL, so that the signal code replaces it on
 * the way out.
 *
 * The registers of the caller are in arch_user_frame(current) for the few that need them.
 */
#include <syscall/args.h>

enum syscall_level { SYSCALL_FULL, SYSCALL_PARTIAL, SYSCALL_STUB, SYSCALL_NONE };

/* SYSCALL_UNLESS_NONE(level, x): x for calls that have a handler, nothing for others. */
#define SYSCALL_IF_FULL(...) __VA_ARGS__
#define SYSCALL_IF_PARTIAL(...) __VA_ARGS__
#define SYSCALL_IF_STUB(...) __VA_ARGS__
#define SYSCALL_IF_NONE(...)
#define SYSCALL_UNLESS_NONE(level, ...) SYSCALL_IF_##level(__VA_ARGS__)

#define SYS0(nr, name, lv, fam, note) SYSCALL_UNLESS_NONE(lv, long sys_##name(void);)
#define SYS1(nr, name, lv, fam, k1, a1, note) SYSCALL_UNLESS_NONE(lv, long sys_##name(arg_##k1 a1);)
#define SYS2(nr, name, lv, fam, k1, a1, k2, a2, note) \
	SYSCALL_UNLESS_NONE(lv, long sys_##name(arg_##k1 a1, arg_##k2 a2);)
#define SYS3(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, note) \
	SYSCALL_UNLESS_NONE(lv, long sys_##name(arg_##k1 a1, arg_##k2 a2, arg_##k3 a3);)
#define SYS4(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, note) \
	SYSCALL_UNLESS_NONE(lv,                                       \
			    long sys_##name(arg_##k1 a1, arg_##k2 a2, arg_##k3 a3, arg_##k4 a4);)
#define SYS5(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, k5, a5, note)          \
	SYSCALL_UNLESS_NONE(lv, long sys_##name(arg_##k1 a1, arg_##k2 a2, arg_##k3 a3, \
						arg_##k4 a4, arg_##k5 a5);)
#define SYS6(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, k5, a5, k6, a6, note)  \
	SYSCALL_UNLESS_NONE(lv, long sys_##name(arg_##k1 a1, arg_##k2 a2, arg_##k3 a3, \
						arg_##k4 a4, arg_##k5 a5, arg_##k6 a6);)
#include "../../syscall/table.def"
#undef SYS0
#undef SYS1
#undef SYS2
#undef SYS3
#undef SYS4
#undef SYS5
#undef SYS6
