/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * /proc, /sys and /dev: who wants to appear there says so here.
 *
 * Text files: a show function prints the whole contents into a growing buffer; it is
 * called when a reader is at offset 0, so that one pass sees one state.
 *
 * Processes are above fs: proc fills one struct proc_source.  fs itself makes from its
 * parts: exe, maps, smaps, fd, fdinfo, cwd, root, cmdline, environ, auxv, mounts, mountinfo,
 * statm, mem and the directories.  The source renders the rest (enum proc_file).
 */
#include <lib/util.h>

struct file;
struct inode;
struct fd_access;
struct fs_context;
struct mm;

struct text_buf {
	char *data; /* kmalloc'd, NUL-terminated when not NULL */
	size_t len, cap;
	bool failed; /* out of memory: the read gives -ENOMEM */
};
void text_printf(struct text_buf *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void text_write(struct text_buf *t, const void *data, size_t n);

/* What the source renders; "pid" kinds are asked with tid == 0 for /proc/PID/X, and with
 * tid != 0 for /proc/PID/task/TID/X. */
enum proc_file {
	PROC_STAT,   /* the one line of proc(5) */
	PROC_STATUS, /* "Name:\t..." */
	PROC_COMM,   /* name and newline; writable */
	PROC_LIMITS,
	PROC_OOM_ADJ, /* writable, like the next two */
	PROC_OOM_SCORE,
	PROC_OOM_SCORE_ADJ,
	PROC_WCHAN,
	PROC_SCHED,
	PROC_SCHEDSTAT,
	PROC_LOGINUID,
	PROC_SESSIONID,
	PROC_CGROUP,
	PROC_IO,
	PROC_UID_MAP,
	PROC_GID_MAP,
	PROC_SETGROUPS,
	PROC_PERSONALITY,
	PROC_SYSCALL,
	PROC_STACK,
	PROC_TIMERSLACK,
	PROC_COREDUMP_FILTER,
};
struct proc_source {
	/* Smallest process id (thread id of process pid) > after; -1 = none.  after = 0: first. */
	int (*next_pid)(int after);
	int (*next_tid)(int pid, int after);
	/* When process pid (zombies too) or its thread tid was made, which tells it from others that
	 * had or will have the number; 0: there is none. */
	uint64_t (*born)(int pid, int tid);
	/* Ids of the caller; 0 for kernel threads. */
	int (*self_pid)(void);
	int (*self_tid)(void);
	bool (*is_self)(int pid);
	/* Owner of a file of that mode, shown by stat(2); 0 or -ESRCH. */
	int (*owner)(int pid, int tid, uint32_t mode, uint32_t *uid, uint32_t *gid);
	/* Counted parts, NULL when gone (zombie), for what anybody may see.  tid 0 = the leader's. */
	struct mm *(*get_mm)(int pid, int tid);
	/* task_next_fd() of that task. */
	int (*next_fd)(int pid, int tid, int from, struct fd_access *out);
	/* The same if the caller may look in (proc/access.h): 0, -EACCES, -ESRCH, -EBADF. */
	int (*open_mm)(int pid, int tid, struct mm **out);
	int (*open_fs)(int pid, int tid, struct fs_context **out);
	int (*open_fd)(int pid, int tid, int fd, struct file **out, bool *cloexec);
	/* That question alone: 0 or -EACCES. */
	int (*may_access)(int pid, int tid);
	/* 0, -ESRCH, or -EINVAL/-ENOENT for a kind it does not have. */
	int (*render)(int pid, int tid, enum proc_file kind, struct text_buf *t);
	/* n bytes, NUL-terminated behind; 0 or -errno. */
	int (*write)(int pid, int tid, enum proc_file kind, const char *buf, size_t n);
	/* System-wide text that only proc knows: "processes" count since boot and friends. */
	uint64_t (*forks)(void);
	int (*last_pid)(void);
};
void procfs_set_source(const struct proc_source *s);

/* A text file (or a new directory level) below /proc, e.g. "net/tcp", "sys/kernel/hostname".
 * store NULL = read-only; it gets n bytes, NUL-terminated behind, and returns 0 or -errno.
 * Missing directories on the way are made.  At boot, after vfs_mount_root(). */
MUST_USE int procfs_register(const char *path, uint32_t mode,
			     int (*show)(struct text_buf *t, void *arg),
			     int (*store)(const char *buf, size_t n, void *arg), void *arg);
