/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What exec needs of processes: called by loader/exec.c, implemented by
 * kernel/proc/exec.c.  Order in one execve(2):
 *   1. the loader checks the file and builds a whole new mm; nothing has changed yet;
 *   2. proc_exec_point_of_no_return(): the other threads of the process die, the caller
 *      becomes its leader (takes over its tid), unshares sighand and descriptor table;
 *      -EINTR/-EAGAIN when the caller itself is being killed: nothing changed;
 *   3. mm_switch_current(new mm);
 *   4. proc_exec_commit(): handlers to default (ignored stay ignored), altstack, robust list,
 *      rseq, clear_child_tid, POSIX timers, mq notifications dropped; set-id bits and
 *      capabilities applied; comm set; close-on-exec descriptors closed; System V undo kept; vfork
 *      parent released; FPU state fresh; fs/gs base 0.
 *   5. the loader fills arch_user_frame() and returns to user mode.
 */
#include <lib/util.h>
struct file;

MUST_USE int proc_exec_point_of_no_return(void);
void proc_exec_commit(const char *comm, struct file *exe);
/* The image can't be continued after step 2 (out of memory): kills the process. */
void proc_exec_die(int signal);
