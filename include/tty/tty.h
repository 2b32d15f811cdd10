/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Terminals: the line discipline between a device (the host console, or the master side of a
 * pseudo-terminal) and the programs that have the terminal open; job control.
 *
 * A tty is counted by its open files, its session and its driver.  Input arrives with
 * tty_input() (any thread context), is edited and echoed by the pure part (tty/ldisc.h) and
 * waits until it is read; output goes through the same part to the driver.
 *
 * Locks: tty->lock (RANK_TTY), held over the driver's write() and event(); proctree_lock for
 * session and foreground group.  Hang-up is for ever: the flag is set, then all who wait are woken.
 */
#include <fs/event/poll.h>
#include <lib/refcount.h>
#include <linux/termios.h>
#include <sync/mutex.h>
#include <tty/ldisc.h>
#include <proc/task.h>

struct tty;
struct tty_driver {
	/* Takes up to n bytes of output: count; either all or at least 8 when there is any room
	 * at all. */
	size_t (*write)(struct tty *tty, const void *buf, size_t n);
	/* Bytes that write() would take, 0 when less than 8. */
	size_t (*room)(struct tty *tty);
	/* Woken when there is room again. */
	struct waitq *(*room_waitq)(struct tty *tty);
	/* Bytes written that the other side has not taken (TIOCOUTQ). */
	size_t (*pending)(struct tty *tty);
	/* TIOCPKT_* bits for who controls the other side; NULL: nobody hears of them. */
	void (*event)(struct tty *tty, unsigned events);
	void (*release)(struct tty *tty);
};
struct tty {
	struct refcount refs;
	const struct tty_driver *driver;
	void *driver_data;
	MUTEX(tty) lock;
	struct ldisc ldisc GUARDED_BY(tty_role);
	struct linux_winsize winsize GUARDED_BY(tty_role);
	struct waitq read_waitq;  /* input, hang-up */
	struct waitq input_waitq; /* the device side: room for input */
	struct waitq flow_waitq;  /* writers: ^Q came */
	struct session *session
		GUARDED_BY(proctree_role); /* that it controls; not counted (it counts us) */
	struct pid *foreground GUARDED_BY(proctree_role); /* counted; NULL without a session */
	_Atomic bool hung_up;				  /* reads give EOF, writes EIO */
	_Atomic int32_t open_count;			  /* open files of the program side */
	_Atomic bool exclusive;				  /* TIOCEXCL */
	unsigned index;
	uint64_t dev;  /* device number */
	char name[16]; /* "console", "pts/3" */
};

/* NULL = no memory; refs = 1. */
struct tty *tty_create(const struct tty_driver *driver, void *data, const char *name);
void tty_get(struct tty *tty);
void tty_put(struct tty *tty);
/* Bytes from the device; returns how many were taken. */
size_t tty_input(struct tty *tty, const void *buf, size_t n);
/* The driver has room again: echo that waited goes out. */
void tty_output_ready(struct tty *tty);
/* The line is gone: SIGHUP and SIGCONT to the session's leader and foreground group. */
void tty_hangup(struct tty *tty);
/* Opens the tty: f gets ops and private data.  Makes it the controlling terminal of a session
 * leader without one, unless O_NOCTTY. */
MUST_USE int tty_open(struct tty *tty, struct file *f);
/* ioctl(2) on the terminal, from either side of a pseudo-terminal. */
long tty_ioctl(struct tty *tty, struct file *f, unsigned cmd, uint64_t arg);
/* May the caller's process group do something (sig: SIGTTIN to read, SIGTTOU to write or
 * change)?  0, -EIO, or -ERESTARTSYS after it was sent the signal. */
MUST_USE int tty_job_control(struct tty *tty, int sig);
/* sig from the keyboard to the foreground group. */
void tty_signal_keyboard(struct tty *tty, int sig);
void tty_become_controlling(struct tty *tty); /* of a session leader without one */
/* A signal to the foreground group: false = there is none. */
bool tty_signal_foreground(struct tty *tty, const struct siginfo *info);
void tty_set_winsize(struct tty *tty, const struct linux_winsize *ws);

/* The terminal on the host's console port (LAUNCH_TTY); NULL when there is none. */
extern struct tty *console_tty;
/* Creates it and starts its input thread.  Before pid 1 runs. */
MUST_USE int console_tty_init(unsigned rows, unsigned cols);
/* CTL_WINSIZE */
void console_tty_winsize(unsigned rows, unsigned cols);
/* Waits until all output is with the host. */
void console_tty_flush(void);

/* Registers /dev/tty, /dev/console, /dev/ptmx.  Before the first process. */
void tty_subsystem_init(void);
