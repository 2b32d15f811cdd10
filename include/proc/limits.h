/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Resource limits, and what users and processes have in use.
 *
 * A user_account counts what limits apply to per uid: processes and threads (RLIMIT_NPROC),
 * queued signals (RLIMIT_SIGPENDING), message queue bytes (RLIMIT_MSGQUEUE), and what the file
 * systems charge (fs/upcalls.h).
 */
#include <fs/upcalls.h>
#include <proc/task.h>

struct user_account {
	struct list link;
	struct refcount refs;
	uint32_t uid; /* [I] */
	_Atomic int32_t threads;
	_Atomic int32_t sigpending;
	_Atomic int64_t mq_bytes;
	_Atomic uint64_t objects[USER_OBJECTS];
};
/* Counted; NULL = out of memory. */
struct user_account *user_account_get(uint32_t uid);
void user_account_ref(struct user_account *u);
void user_account_put(struct user_account *u);
/* Whom p is charged to, counted: another thread's setuid() may change it at any time. */
struct user_account *process_get_user(struct process *p);

/* 0, -EINVAL, -EPERM (raising the hard limit). new/old may be NULL. */
MUST_USE int limits_set(struct process *p, int resource, const struct linux_rlimit *new_limit,
			struct linux_rlimit *old);
/* See fs_upcalls. */
struct user_account *user_account_current(void);
MUST_USE bool user_account_charge(struct user_account *u, enum user_object what, unsigned n,
				  uint64_t limit);
void user_account_uncharge(struct user_account *u, enum user_object what, unsigned n);
/* Threads that the VM may have in all. */
unsigned proc_max_threads(void);
void limits_init_default(struct process *p);

void usage_add(struct usage *to, const struct usage *from);
/* Group's own usage, dead threads included. */
void process_usage(struct process *p, struct usage *u);
void task_usage(struct task *t, struct usage *u);
void usage_to_rusage(const struct usage *u, struct linux_rusage *r);
