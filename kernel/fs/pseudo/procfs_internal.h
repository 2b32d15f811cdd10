/* SPDX-License-Identifier: MIT */
#pragma once
/* Between procfs.c, procfs_pid.c, procfs_text.c. */
#include "../fs_internal.h"

#include <fs/pseudo/pseudo.h>

extern const struct proc_source *proc_source; /* NULL until proc is there */

/* Kinds beyond enum proc_file: what fs itself makes. */
enum proc_kind {
	KIND_MAPS = 0x100,
	KIND_SMAPS,
	KIND_STATM,
	KIND_CMDLINE,
	KIND_ENVIRON,
	KIND_AUXV,
	KIND_MOUNTS,
	KIND_MOUNTINFO,
	KIND_MEM,
	KIND_EXE,
	KIND_CWD,
	KIND_ROOT,
	KIND_DIR_PID,
	KIND_DIR_TASK,
	KIND_DIR_FD,
	KIND_DIR_FDINFO,
	KIND_FD_LINK,
	KIND_FDINFO,
};
struct proc_entry {
	const char *name;
	uint32_t mode;
	int kind;
	bool process_only; /* not in task/TID */
};
extern const struct proc_entry proc_entries[];
extern const size_t proc_entries_count;

/* A per-process inode; NULL = no memory. */
MUST_USE int proc_render(struct text_buf *t, struct mem_inode *m);
MUST_USE int procfs_add_text_files(struct superblock *sb);
/* Opens mem, maps, smaps, environ or auxv. */
/* The process or thread that the entry was made for is still there. */
bool proc_alive(const struct mem_inode *m);
MUST_USE int proc_mm_open(struct mem_inode *m, struct file *f);
/* Magic links. */
MUST_USE int proc_follow(struct inode *inode, struct path *out);
int proc_store(const char *buf, size_t n, void *arg);
MUST_USE int sysfs_add_text_files(struct superblock *sb);
