/* SPDX-License-Identifier: MIT */
#pragma once
/* uname(2), sysinfo(2). */
#include <stdint.h>

#define UTS_LEN 64
/* The Linux whose behaviour the system calls follow. */
#define UTS_SYSNAME "Linux"
#define UTS_RELEASE "6.1.0-corrida"
#define UTS_VERSION "#1 SMP Corrida"
#define UTS_MACHINE "x86_64"

struct linux_utsname {
	char sysname[UTS_LEN + 1], nodename[UTS_LEN + 1], release[UTS_LEN + 1],
		version[UTS_LEN + 1], machine[UTS_LEN + 1], domainname[UTS_LEN + 1];
};
_Static_assert(sizeof(struct linux_utsname) == 390, "struct new_utsname");

struct linux_sysinfo {
	int64_t uptime;
	uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad0;
	uint32_t pad1;
	uint64_t totalhigh, freehigh;
	uint32_t mem_unit, pad2;
};
_Static_assert(sizeof(struct linux_sysinfo) == 112, "struct sysinfo");

/* getrandom(2) */
#define GRND_NONBLOCK 1
#define GRND_RANDOM 2
#define GRND_INSECURE 4
