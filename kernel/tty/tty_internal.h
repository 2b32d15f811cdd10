/* SPDX-License-Identifier: MIT */
#pragma once
/* What tty.c, tty_job.c, tty_ioctl.c, pty.c and console_tty.c share. */
#include <tty/tty.h>

#define TTY_DEV(major, minor) ((uint64_t)(major) << 8 | (minor))

static inline bool tty_hung_up(const struct tty *tty)
{
	/* Pairs with tty_hangup(). */
	return atomic_load_explicit(&tty->hung_up, memory_order_acquire);
}

/* tty_job.c */
void tty_check_unused(struct tty *tty); /* no session has it any more */
bool tty_is_current(struct tty *tty);	/* the caller's controlling terminal */
struct tty *tty_get_current(void);	/* counted; NULL */
int tty_steal_controlling(struct tty *tty, bool force);
int tty_give_up(struct tty *tty);
void tty_signal_hangup(struct tty *tty);
long tty_get_ids(struct tty *tty, bool any_session, bool want_session);
MUST_USE int tty_set_foreground(struct tty *tty, int pgid, bool any_session);

/* pty.c */
void pty_subsystem_init(void);
extern const struct file_ops pty_master_ops;
