/* SPDX-License-Identifier: MIT */
#pragma once
/* SYS_NR_name: the system call numbers of syscall/table.def. */
enum syscall_number {
#define SYS0(nr, name, ...) SYS_NR_##name = nr,
#define SYS1 SYS0
#define SYS2 SYS0
#define SYS3 SYS0
#define SYS4 SYS0
#define SYS5 SYS0
#define SYS6 SYS0
#include "../../syscall/table.def"
#undef SYS0
#undef SYS1
#undef SYS2
#undef SYS3
#undef SYS4
#undef SYS5
#undef SYS6
};
