/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * System V IPC: shared memory, semaphores, message queues.
 *
 * Each kind has a table of objects by index; an id is (sequence << 15 | index), so that an id of
 * a removed object is not taken for its successor.  Objects are counted; removal marks them
 * (EIDRM) and wakes all who wait.
 *
 * Locks: the table's mutex (RANK_IPC) for create, find and remove; each object's own mutex,
 * taken after it.
 */
#include <proc/task.h>

/* SEM_UNDO lists: shared by CLONE_SYSVSEM, else none in the child. */
MUST_USE int sem_undo_copy(struct task *t, bool share);
/* Drops t's list; the last user applies it. */
void sem_undo_exit(struct task *t);
