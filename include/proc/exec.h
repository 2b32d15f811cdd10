/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What exec needs of processes: called by loader/exec.c, implemented by
 * kernel/proc/exec.c.  Order in one execve(2):
 *   1. the loader checks the file, builds a whole new mm and has the new credentials made
 *      (cred_exec()); nothing has changed yet;
 *   2. proc_exec_point_of_no_return(): the other threads of the process die, the caller
 *      becomes its leader (takes over its tid), unshares sighand and descriptor table;
 *      -EINTR/-EAGAIN when the caller itself is being killed: nothing changed;
 *   3. proc_exec_commit(): mm, credentials and comm change in one step (the references move);
 *      then handlers to default (ignored stay ignored), altstack, robust list, rseq,
 *      clear_child_tid, POSIX timers, mq notifications dropped; close-on-exec descriptors
 *      closed; System V undo kept; vfork parent released; FPU state fresh; fs/gs base 0.
 *   4. the loader fills arch_user_frame() and returns to user mode.
 */
#include <lib/util.h>
struct cred;
struct mm;

MUST_USE int proc_exec_point_of_no_return(void);
void proc_exec_commit(const char *comm, struct mm *mm, struct cred *cred);
/* The image can't be continued after step 2 (out of memory): kills the process. */
void proc_exec_die(int signal);
