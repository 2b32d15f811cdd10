/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * System V IPC: shared memory, semaphores, message queues.
 *
 * Each kind has a table of objects by index; an id is (sequence << 15 | index), so that an id of
 * a removed object is not taken for its successor.  Objects are counted: removal takes them out
 * of the table, marks them and wakes all who wait (EIDRM).
 *
 * Locks: the table's spinlock (RANK_IPC_TABLE) for finding and removing; each object's own
 * (RANK_IPC_OBJECT) for its state.  User memory is copied with neither held.
 */
#include <linux/ipc.h>
#include <mm/user_ptr.h>
#include <proc/task.h>

/* SEM_UNDO lists: shared by CLONE_SYSVSEM, else none in the child. */
MUST_USE int sem_undo_copy(struct task *t, bool share);
/* Drops t's list; the last user applies it. */
void sem_undo_exit(struct task *t);

/* The calls, with user memory already in the kernel where it is small.  Results or -errno. */
long shm_get(int key, uint64_t size, int flags);
long shm_attach(int id, uint64_t addr, int flags);
long shm_detach(uint64_t addr);
long shm_control(int id, int cmd, user_ptr buf);

long sem_get(int key, int nsems, int flags);
/* deadline: DEADLINE_NONE without a timeout. */
long sem_operate(int id, const struct linux_sembuf *ops, unsigned n, uint64_t deadline);
long sem_control(int id, int num, int cmd, uint64_t arg);

long msg_get(int key, int flags);
long msg_send(int id, user_ptr msg, size_t size, int flags);
long msg_receive(int id, user_ptr msg, size_t size, int64_t type, int flags);
long msg_control(int id, int cmd, user_ptr buf);

/* POSIX message queues; names without the slash. */
long mq_open_fd(const char *name, int oflags, uint32_t mode, const struct linux_mq_attr *attr);
long mq_remove(const char *name);
long mq_send(int fd, user_ptr msg, size_t len, unsigned prio, uint64_t deadline);
long mq_receive(int fd, user_ptr msg, size_t len, unsigned *prio, uint64_t deadline);
long mq_set_notify(int fd, const struct linux_sigevent *event);
long mq_get_set_attr(int fd, const struct linux_mq_attr *set, struct linux_mq_attr *old);

/* The files below /proc; once /proc is there. */
void ipc_proc_register(void);
