/* SPDX-License-Identifier: MIT */
#pragma once
/* What procinfo.c (who is there) and procinfo_text.c (what is told) share. */
#include <fs/pseudo/procfs.h>
struct task;

/* The thread that /proc/pid[/task/tid] names, counted; NULL for zombies. */
struct task *procinfo_get_task(int pid, int tid);
/* The thread, counted, if the caller may see and set its timer slack; 0, -ESRCH, -EPERM. */
int procinfo_find_slack(int pid, int tid, struct task **out);
int procinfo_render(int pid, int tid, enum proc_file kind, struct text_buf *t);
