/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who may look at whom: ptrace(2), "Ptrace access mode checking".
 *
 * All that shows or changes another process's inside asks here: /proc/PID, process_vm_readv(2),
 * pidfd_getfd(2), get_robust_list(2).  Granted is: one's own process; another one of which all
 * three user and group ids are the caller's, that is dumpable and permits itself no capability that
 * the caller lacks; and everything to CAP_SYS_PTRACE.  (Linux's modes READ and ATTACH differ only by
 * security modules.)
 *
 * A thread's rights and parts change together, under its siglock (exec, setuid).  So what is got by
 * the check is got in the same section of that lock: task_access_mm() and its like check and take.
 * What lasts longer than a call (a file of /proc) keeps what was taken, never a number to look up
 * again: the next program in that process has not been asked.
 *
 * A task of NULL stands for a zombie, which has nothing left.
 */
#include <lib/util.h>

struct file;
struct fs_context;
struct mm;
struct task;

/* By which ids and capabilities of the caller: of file access (/proc), or its real ids and what it
 * is permitted (system calls). */
enum access_ids { ACCESS_FS_IDS, ACCESS_REAL_IDS };

/* For what is told of t in the same call.  0 or -EPERM. */
MUST_USE int task_may_access(struct task *t, enum access_ids as);
/* Counted; 0, -EPERM, or -ESRCH when it has none any more. */
MUST_USE int task_access_mm(struct task *t, enum access_ids as, struct mm **out);
MUST_USE int task_access_fs(struct task *t, enum access_ids as, struct fs_context **out);
/* Its descriptor fd; also -EBADF. */
MUST_USE int task_access_file(struct task *t, enum access_ids as, int fd, struct file **out,
			      bool *cloexec);
