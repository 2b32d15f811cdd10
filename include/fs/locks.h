/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * File locks: POSIX (fcntl), open file description and flock(2) locks.  They live in the
 * guest, on the inode: the host's daemon has none.
 *
 * A POSIX lock belongs to a descriptor table and goes when that table closes any descriptor
 * of the file; OFD and flock locks belong to the struct file.  Waiters sleep on the inode's
 * lock state; blocked POSIX owners are linked globally so that a cycle gives EDEADLK.
 */
#include <lib/util.h>
#include <linux/fcntl.h>

struct file;

/* fcntl F_GETLK, F_SETLK, F_SETLKW and the OFD forms; fl in kernel memory; f was found at fd. */
MUST_USE int locks_fcntl(struct file *f, int fd, int cmd, struct linux_flock *fl);
/* flock(2): op LOCK_SH, LOCK_EX, LOCK_UN | LOCK_NB. */
MUST_USE int locks_flock(struct file *f, int op);
