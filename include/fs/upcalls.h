/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What fs asks of proc: limits and identity of current, and signals to it.  proc registers once,
 * before the first file system is mounted; from then on fs_upcalls does not change.
 */
#include <lib/util.h>

struct fdtable;
struct file;
struct user_account;

/* Objects that are charged to a user, as no process has them for sure. */
enum user_object {
	USER_FILES_IN_FLIGHT,
	USER_INOTIFY,
	USER_WATCHES,
	USER_EPOLL_WATCHES,
	USER_PIPE_PAGES,
	USER_OBJECTS
};

struct fs_upcalls {
	int (*current_pid)(void);	  /* thread group id: F_GETLK, /proc/locks, SO_PEERCRED */
	uint64_t (*rlimit)(int resource); /* RLIMIT_* -> soft limit of current */
	/* Current has another table from now on: also for those who look at it meanwhile, so that
	 * its reference to the old one can be dropped afterwards. */
	void (*set_files)(struct fdtable *t);
	void (*send_sigxfsz)(void);
	void (*send_sigpipe)(void);
	struct user_account *(*get_user)(void); /* current's: counted */
	void (*put_user)(struct user_account *u);
	/* n more, and n less, of what a user may have so many of; false: there were `limit` before. */
	bool (*charge)(struct user_account *u, enum user_object what, unsigned n, uint64_t limit);
	void (*uncharge)(struct user_account *u, enum user_object what, unsigned n);
	void (*send_sigio)(struct file *f, int band); /* to the file's owner: F_SETOWN, O_ASYNC */
	void (*drop_owner)(struct file *f);
};
extern const struct fs_upcalls *fs_upcalls;
void fs_upcalls_register(const struct fs_upcalls *u);
