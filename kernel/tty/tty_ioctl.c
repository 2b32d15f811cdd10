/* SPDX-License-Identifier: MIT */
/*
 * ioctl(2) of terminals: ioctl_tty(2).  What changes the terminal asks tty_job_control() first, so
 * that a background job is stopped; user memory is copied without tty->lock.
 */
#include <fs/cred.h>
#include <fs/file.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/ioctls.h>
#include <mm/usercopy.h>
#include <proc/tree.h>
#include <signal/signal.h>
#include "tty_internal.h"

static bool from_master(const struct file *f)
{
	return f->ops == &pty_master_ops;
}

/* --- termios --- */

static bool drained(void *arg)
{
	struct tty *tty = arg;

	return !tty->driver->pending(tty) || tty_hung_up(tty);
}

/* Until the other side has all output. */
static int drain(struct tty *tty)
{
	return waitq_wait_until(tty->driver->room_waitq(tty), drained, tty, WAIT_INTR,
				DEADLINE_NONE);
}

static void flush_input_locked(struct tty *tty) REQUIRES(tty_role)
{
	ASSERT(mutex_held(&tty->lock));
	ldisc_flush_input(&tty->ldisc);
	waitq_wake_all(&tty->input_waitq);
}

static int set_termios(struct tty *tty, const struct linux_termios2 *t, bool wait, bool flush)
{
	int err = tty_job_control(tty, SIGTTOU);

	if (!err && wait) {
		err = drain(tty);
	}
	if (err) {
		return err;
	}
	mutex_lock(&tty->lock);
	if (flush) {
		flush_input_locked(tty);
	}
	ldisc_set_termios(&tty->ldisc, t);
	mutex_unlock(&tty->lock);
	waitq_wake(&tty->read_waitq, -1, 0);
	return 0;
}

static struct linux_termios2 get_termios(struct tty *tty)
{
	struct linux_termios2 t;

	mutex_lock(&tty->lock);
	t = tty->ldisc.tio;
	mutex_unlock(&tty->lock);
	return t;
}

static long set_termio(struct tty *tty, user_ptr arg, bool wait, bool flush)
{
	struct linux_termios2 t = get_termios(tty);
	struct linux_termio io;
	int err = copy_from_user(&io, arg, sizeof(io));

	if (err) {
		return err;
	}
	t.iflag = (t.iflag & 0xffff0000) | io.iflag;
	t.oflag = (t.oflag & 0xffff0000) | io.oflag;
	t.cflag = (t.cflag & 0xffff0000) | io.cflag;
	t.lflag = (t.lflag & 0xffff0000) | io.lflag;
	memcpy(t.cc, io.cc, sizeof(io.cc));
	return set_termios(tty, &t, wait, flush);
}

static long get_termio(struct tty *tty, user_ptr arg)
{
	struct linux_termios2 t = get_termios(tty);
	struct linux_termio io = {
		.iflag = (uint16_t)t.iflag,
		.oflag = (uint16_t)t.oflag,
		.cflag = (uint16_t)t.cflag,
		.lflag = (uint16_t)t.lflag,
		.line = t.line,
	};

	memcpy(io.cc, t.cc, sizeof(io.cc));
	return copy_to_user(arg, &io, sizeof(io));
}

static long set_from_user(struct tty *tty, user_ptr arg, size_t size, bool wait, bool flush)
{
	struct linux_termios2 t = get_termios(tty);
	int err = copy_from_user(&t, arg, size);

	return err ? err : set_termios(tty, &t, wait, flush);
}

static long termios_ioctl(struct tty *tty, unsigned cmd, user_ptr arg)
{
	struct linux_termios2 t;

	switch (cmd) {
	case TCGETS: t = get_termios(tty); return copy_to_user(arg, &t, LINUX_TERMIOS_SIZE);
	case TCGETS2: t = get_termios(tty); return copy_to_user(arg, &t, sizeof(t));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_from_user(tty, arg, LINUX_TERMIOS_SIZE, cmd != TCSETS, cmd == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2: return set_from_user(tty, arg, sizeof(t), cmd != TCSETS2, cmd == TCSETSF2);
	case TCGETA: return get_termio(tty, arg);
	case TCSETA:
	case TCSETAW:
	case TCSETAF: return set_termio(tty, arg, cmd != TCSETA, cmd == TCSETAF);
	default: return -ENOTTY;
	}
}

/* --- window, flow --- */

void tty_set_winsize(struct tty *tty, const struct linux_winsize *ws)
{
	bool changed;

	mutex_lock(&tty->lock);
	changed = memcmp(&tty->winsize, ws, sizeof(*ws)) != 0;
	tty->winsize = *ws;
	mutex_unlock(&tty->lock);
	if (changed) {
		tty_signal_keyboard(tty, SIGWINCH);
	}
}

static long winsize_ioctl(struct tty *tty, unsigned cmd, user_ptr arg)
{
	struct linux_winsize ws;
	int err;

	if (cmd == TIOCGWINSZ) {
		mutex_lock(&tty->lock);
		ws = tty->winsize;
		mutex_unlock(&tty->lock);
		return copy_to_user(arg, &ws, sizeof(ws));
	}
	err = copy_from_user(&ws, arg, sizeof(ws));
	if (!err) {
		tty_set_winsize(tty, &ws);
	}
	return err;
}

static long flow_control(struct tty *tty, uint64_t arg)
{
	int err = tty_job_control(tty, SIGTTOU);

	if (err) {
		return err;
	}
	switch (arg) {
	case TCOOFF:
	case TCOON:
		mutex_lock(&tty->lock);
		ldisc_set_stopped(&tty->ldisc, arg == TCOOFF);
		mutex_unlock(&tty->lock);
		return 0;
	case TCIOFF:
	case TCION: return 0;
	default: return -EINVAL;
	}
}

static long flush_queues(struct tty *tty, uint64_t arg)
{
	int err = tty_job_control(tty, SIGTTOU);

	if (err) {
		return err;
	}
	if (arg > TCIOFLUSH) {
		return -EINVAL;
	}
	mutex_lock(&tty->lock);
	if (arg != TCOFLUSH) {
		flush_input_locked(tty);
	}
	if (arg != TCIFLUSH) {
		ldisc_flush_output(&tty->ldisc);
	}
	mutex_unlock(&tty->lock);
	return 0;
}

/* TIOCSTI: as if typed. */
static long fake_input(struct tty *tty, user_ptr arg)
{
	uint8_t c;
	int err;

	if (!tty_is_current(tty) && !cred_capable(CAP_SYS_ADMIN)) {
		return -EPERM;
	}
	err = copy_from_user(&c, arg, 1);
	if (!err) {
		tty_input(tty, &c, 1);
	}
	return err;
}

/* --- ids --- */

static long id_ioctl(struct tty *tty, struct file *f, unsigned cmd, user_ptr arg)
{
	bool any = from_master(f);
	uint32_t pgid;
	long id;

	if (cmd == TIOCSPGRP) {
		int err = get_user_u32(&pgid, arg);

		return err ? err : tty_set_foreground(tty, (int)pgid, any);
	}
	id = tty_get_ids(tty, any, cmd == TIOCGSID);
	return id < 0 ? id : put_user_u32(arg, (uint32_t)id);
}

static long misc_ioctl(struct tty *tty, struct file *f, unsigned cmd, uint64_t arg)
{
	uint32_t n;

	switch (cmd) {
	case TIOCINQ:
		mutex_lock(&tty->lock);
		n = (uint32_t)ldisc_available(&tty->ldisc);
		mutex_unlock(&tty->lock);
		return put_user_u32((user_ptr){ arg }, n);
	case TIOCOUTQ: return put_user_u32((user_ptr){ arg }, (uint32_t)tty->driver->pending(tty));
	case TCSBRK:
	case TCSBRKP: {
		int err = tty_job_control(tty, SIGTTOU);

		return err ? err : drain(tty);
	}
	case TIOCSBRK:
	case TIOCCBRK: return 0;
	case TIOCEXCL:
	case TIOCNXCL:
		atomic_store_explicit(&tty->exclusive, cmd == TIOCEXCL, memory_order_relaxed);
		return 0;
	case TIOCGEXCL:
		n = atomic_load_explicit(&tty->exclusive, memory_order_relaxed);
		return put_user_u32((user_ptr){ arg }, n);
	case TIOCGDEV: return put_user_u32((user_ptr){ arg }, (uint32_t)tty->dev);
	case TIOCGETD: return put_user_u32((user_ptr){ arg }, N_TTY);
	case TIOCSETD: {
		int err = get_user_u32(&n, (user_ptr){ arg });

		return !err && n != N_TTY ? -EINVAL : err;
	}
	case TIOCVHANGUP:
		if (!cred_capable(CAP_SYS_ADMIN)) {
			return -EPERM;
		}
		tty_hangup(tty);
		return 0;
	default: return termios_ioctl(tty, cmd, (user_ptr){ arg });
	}
}

long tty_ioctl(struct tty *tty, struct file *f, unsigned cmd, uint64_t arg)
{
	user_ptr p = { arg };

	if (tty_hung_up(tty) && !from_master(f)) {
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	}
	switch (cmd) {
	case TIOCGWINSZ:
	case TIOCSWINSZ: return winsize_ioctl(tty, cmd, p);
	case TIOCGPGRP:
	case TIOCSPGRP:
	case TIOCGSID: return id_ioctl(tty, f, cmd, p);
	case TIOCSCTTY: return tty_steal_controlling(tty, arg == 1);
	case TIOCNOTTY: return tty_give_up(tty);
	case TCXONC: return flow_control(tty, arg);
	case TCFLSH: return flush_queues(tty, arg);
	case TIOCSTI: return fake_input(tty, p);
	default: return misc_ioctl(tty, f, cmd, arg);
	}
}
