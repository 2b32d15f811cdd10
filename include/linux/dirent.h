/* SPDX-License-Identifier: MIT */
#pragma once
/* getdents(2), getdents64(2). */
#include <stdint.h>

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
} __attribute__((packed));
_Static_assert(sizeof(struct linux_dirent64) == 19, "struct linux_dirent64");
/* The type byte of the old form lies at the end of the record. */
struct linux_dirent {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	char d_name[];
} __attribute__((packed));
_Static_assert(sizeof(struct linux_dirent) == 18, "struct linux_dirent");
