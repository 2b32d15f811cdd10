/* SPDX-License-Identifier: MIT */
/*
 * The terminal on the host's console port (LAUNCH_TTY): the launcher's own terminal is raw and
 * carries bytes; the line discipline is ours.  A kernel thread takes input from the port, as the
 * line discipline may sleep; it ends when the port hangs up.  The tty is made once, before the first
 * process, and has its reference for ever.
 */
#include <arch/clock.h>
#include <host/port.h>
#include <lib/launch.h>
#include <debug/log.h>
#include <linux/errno.h>
#include <mm/kthread.h>
#include "tty_internal.h"

#define CONSOLE_ROOM_MIN 8
#define PORT_WAIT (5 * NSEC_PER_SEC)
#define FLUSH_WAIT (2 * NSEC_PER_SEC)

struct tty *console_tty;

static struct host_port *port_of(struct tty *tty)
{
	return tty->driver_data;
}

static size_t console_write(struct tty *tty, const void *buf, size_t n)
{
	struct host_port *p = port_of(tty);
	long took;

	if (p->ops->can_write(p) < MIN(n, (size_t)CONSOLE_ROOM_MIN)) {
		return 0;
	}
	took = p->ops->write(p, buf, n);
	return took < 0 ? n : (size_t)took; /* a broken device swallows output */
}

static size_t console_room(struct tty *tty)
{
	struct host_port *p = port_of(tty);
	size_t n = p->ops->can_write(p);

	return n < CONSOLE_ROOM_MIN ? 0 : n;
}

static struct waitq *console_room_waitq(struct tty *tty)
{
	return &port_of(tty)->writable;
}

static size_t console_pending(struct tty *tty)
{
	return 0; /* the port's buffers drain by themselves */
}

static const struct tty_driver console_driver = {
	.write = console_write,
	.room = console_room,
	.room_waitq = console_room_waitq,
	.pending = console_pending,
};

static bool has_input(void *arg)
{
	struct host_port *p = arg;

	return p->ops->can_read(p) || p->ops->hung_up(p);
}

static void wait_input_room(struct tty *tty)
{
	mutex_lock(&tty->lock);
	while (!ldisc_room(&tty->ldisc) && !tty_hung_up(tty)) {
		(void)!waitq_wait_mutex(&tty->input_waitq, &tty->lock, WAIT_UNINTR, DEADLINE_NONE);
	}
	mutex_unlock(&tty->lock);
}

static void input_thread(void *arg)
{
	struct tty *tty = arg;
	struct host_port *p = port_of(tty);
	uint8_t buf[256];

	while (!tty_hung_up(tty)) {
		size_t n = p->ops->read(p, buf, sizeof(buf)), done = 0;

		if (!n) {
			if (p->ops->hung_up(p)) {
				tty_hangup(tty);
				return;
			}
			(void)!waitq_wait_until(&p->readable, has_input, p, WAIT_UNINTR,
						DEADLINE_NONE);
			continue;
		}
		while (done < n && !tty_hung_up(tty)) {
			done += tty_input(tty, buf + done, n - done);
			if (done < n) {
				wait_input_room(tty);
			}
		}
	}
}

int console_tty_init(unsigned rows, unsigned cols)
{
	struct host_port *p = host_port_find(LAUNCH_PORT_STDIO, clock_mono_ns() + PORT_WAIT);
	struct tty *tty;

	if (!p) {
		return -ENODEV;
	}
	tty = tty_create(&console_driver, p, "console");
	if (!tty) {
		return -ENOMEM;
	}
	tty->dev = TTY_DEV(5, 1);
	mutex_assert_unshared(&tty->lock);
	tty->winsize.row = (uint16_t)rows;
	tty->winsize.col = (uint16_t)cols;
	tty->ldisc.tio.iflag |= IUTF8;
	console_tty = tty;
	return kthread_start("tty input", input_thread, tty) ? 0 : -ENOMEM;
}

void console_tty_winsize(unsigned rows, unsigned cols)
{
	struct linux_winsize ws = { .row = (uint16_t)rows, .col = (uint16_t)cols };

	if (console_tty) {
		tty_set_winsize(console_tty, &ws);
	}
}

void console_tty_flush(void)
{
	struct host_port *p = console_tty ? port_of(console_tty) : NULL;

	if (p && p->ops->flush) {
		(void)p->ops->flush(p, clock_mono_ns() + FLUSH_WAIT);
	}
}
