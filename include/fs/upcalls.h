/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What fs asks of proc: limits and identity of current, and signals to it.  proc registers once,
 * before the first file system is mounted; from then on fs_upcalls does not change.
 */
#include <lib/util.h>

struct file;
struct user_account;

struct fs_upcalls {
	int (*current_pid)(void);	  /* thread group id: F_GETLK, /proc/locks, SO_PEERCRED */
	uint64_t (*rlimit)(int resource); /* RLIMIT_* -> soft limit of current */
	void (*send_sigxfsz)(void);
	void (*send_sigpipe)(void);
	/* n files leave the descriptor tables for packets, and come back: -ETOOMANYREFS when current's
	 * user has more than RLIMIT_NOFILE there.  *payer is counted. */
	int (*charge_in_flight)(unsigned n, struct user_account **payer);
	void (*uncharge_in_flight)(unsigned n, struct user_account *payer);
	void (*send_sigio)(struct file *f, int band); /* to the file's owner: F_SETOWN, O_ASYNC */
	void (*drop_owner)(struct file *f);
};
extern const struct fs_upcalls *fs_upcalls;
void fs_upcalls_register(const struct fs_upcalls *u);
