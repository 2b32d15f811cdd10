/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Terminals: the line discipline between a device (the host console, or the master side of a
 * pseudo-terminal) and the programs that have the terminal open; job control.
 *
 * A tty is counted by its open files, its session and its driver.  Input arrives with
 * tty_input() (any thread context), is edited and echoed by the pure part (proc/ldisc.h) and
 * waits until it is read; output goes through the same part to the driver.
 *
 * Locks: tty->lock (RANK_TTY) for the line discipline; tty->job_lock is proctree_lock:
 * session and foreground group.
 */
#include <fs/file.h>
#include <fs/poll.h>
#include <linux/termios.h>
#include <proc/ldisc.h>
#include <proc/task.h>

struct tty;
struct tty_driver {
	/* Takes up to n bytes of output: count, 0 = full (tty_output_ready() comes later). */
	size_t (*write)(struct tty *tty, const void *buf, size_t n);
	size_t (*room)(struct tty *tty);
	/* Room for input again after it was full. */
	void (*unthrottle)(struct tty *tty);
	void (*release)(struct tty *tty);
	void (*winsize_changed)(struct tty *tty);
	/* Waits until all is on its way (tcdrain). */
	int (*drain)(struct tty *tty);
};
struct tty {
	_Atomic int32_t refs;
	const struct tty_driver *driver;
	void *driver_data;
	struct mutex lock;
	struct ldisc ldisc;	     /* [lock] */
	struct linux_winsize winsize; /* [lock] */
	struct waitq read_waitq, write_waitq;
	struct session *session;     /* [proctree] that it controls; not counted (it counts us) */
	struct pid *foreground;	     /* [proctree] counted */
	_Atomic bool hung_up;	     /* reads give EOF, writes EIO */
	_Atomic bool other_closed;   /* pty: the other side is closed */
	_Atomic bool packet_mode;    /* pty master TIOCPKT */
	_Atomic uint32_t packet_events;
	_Atomic int32_t open_count;  /* of the slave side */
	bool exclusive;
	bool locked;		     /* pty: TIOCSPTLCK */
	bool is_pty;
	unsigned index;
	uint64_t dev;		     /* rdev */
	char name[16];
	struct list link;
};

struct tty *tty_create(const struct tty_driver *driver, void *data, const char *name);
void tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/* Bytes from the device; returns how many were taken. */
size_t tty_input(struct tty *tty, const void *buf, size_t n);
/* The driver can take output again. */
void tty_output_ready(struct tty *tty);
/* The line is gone: SIGHUP and SIGCONT to the session's leader and foreground group. */
void tty_hangup(struct tty *tty);
/* Opens the tty: f gets ops and private data.  Makes it the controlling terminal of a session
 * leader without one, unless O_NOCTTY. */
MUST_USE int tty_open(struct tty *tty, struct file *f);
/* A signal to the foreground group: false = there is none. */
bool tty_signal_foreground(struct tty *tty, const struct siginfo *info);
void tty_set_winsize(struct tty *tty, const struct linux_winsize *ws);
/* Detaches the session from its tty (leader's exit; TIOCNOTTY). */
void tty_session_leader_exit(struct process *leader);

extern const struct file_ops tty_file_ops;

/* The terminal on the host's console port (LAUNCH_TTY); NULL when there is none. */
extern struct tty *console_tty;
/* Creates it and starts its input thread.  Before pid 1 runs. */
MUST_USE int console_tty_init(unsigned rows, unsigned cols);
/* CTL_WINSIZE */
void console_tty_winsize(unsigned rows, unsigned cols);
/* Waits until all output is with the host. */
void console_tty_flush(void);

/* /dev/tty, /dev/ptmx, /dev/pts/N: called by the device file system. */
MUST_USE int tty_open_current(struct file *f);
MUST_USE int pty_open_master(struct file *f);
MUST_USE int pty_open_slave(unsigned index, struct file *f);
/* For /dev/pts: the next live pty with an index >= from; -1 = none. */
int pty_next(int from);
