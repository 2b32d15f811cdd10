/* SPDX-License-Identifier: MIT */
#pragma once
/* The notes of a core dump, as gdb reads them. */
#include <linux/elf.h>
#include <linux/sched.h>

enum {
	NT_PRSTATUS = 1,
	NT_FPREGSET = 2,
	NT_PRPSINFO = 3,
	NT_AUXV = 6,
	NT_X86_XSTATE = 0x202,
	NT_SIGINFO = 0x53494749,
	NT_FILE = 0x46494c45
};
struct elf_prstatus {
	int32_t signo, code, error;
	int16_t cursig, pad;
	uint64_t sigpend, sighold;
	int32_t pid, ppid, pgrp, sid;
	struct linux_timeval utime, stime, cutime, cstime;
	uint64_t regs[27];
	int32_t fpvalid, pad2;
};
_Static_assert(sizeof(struct elf_prstatus) == 336, "struct elf_prstatus");
struct elf_prpsinfo {
	uint8_t state, sname, zomb;
	int8_t nice;
	uint32_t pad;
	uint64_t flag;
	uint32_t uid, gid;
	int32_t pid, ppid, pgrp, sid;
	char fname[16], psargs[80];
};
_Static_assert(sizeof(struct elf_prpsinfo) == 136, "struct elf_prpsinfo");
