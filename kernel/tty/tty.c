/* SPDX-License-Identifier: MIT */
/*
 * Terminals: reading, writing, opening, hang-up.  See tty/tty.h.
 *
 * Readers wait under tty->lock, so input that comes under it is not missed.  Writers drop it and
 * wait for the driver's room or the end of a ^S with nothing held: room, `stopped` and `hung_up`
 * are looked at after the writer is linked into the queues, and whoever changes one of them wakes
 * its queue afterwards.
 */
#include <tty/tty.h>

#include <arch/clock.h>
#include <fs/cred.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/pseudo/devfs.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <signal/signal.h>
#include "tty_internal.h"

#define CHUNK 256
#define TENTH (NSEC_PER_SEC / 10)

/* --- callbacks of the line discipline: tty->lock held --- */

static size_t ldisc_out(void *ctx, const void *buf, size_t n)
{
	struct tty *tty = ctx;

	return tty->driver->write(tty, buf, n);
}

static void ldisc_signal(void *ctx, int sig)
{
	tty_signal_keyboard(ctx, sig);
}

static void ldisc_event(void *ctx, unsigned events)
{
	struct tty *tty = ctx;

	if (events & (TIOCPKT_STOP | TIOCPKT_START)) {
		waitq_wake_all(&tty->flow_waitq);
	}
	if (tty->driver->event) {
		tty->driver->event(tty, events);
	}
}

static const struct ldisc_ops ldisc_ops = {
	.output = ldisc_out,
	.signal = ldisc_signal,
	.event = ldisc_event,
};

/* --- life cycle --- */

struct tty *tty_create(const struct tty_driver *driver, void *data, const char *name)
{
	struct tty *tty = kzalloc(sizeof(*tty));

	if (!tty) {
		return NULL;
	}
	refcount_init(&tty->refs, 1);
	tty->driver = driver;
	tty->driver_data = data;
	mutex_init(&tty->lock, RANK_TTY, "tty");
	waitq_init(&tty->read_waitq);
	waitq_init(&tty->input_waitq);
	waitq_init(&tty->flow_waitq);
	ldisc_init(&tty->ldisc, &ldisc_ops, tty);
	str_copy(tty->name, name, sizeof(tty->name));
	return tty;
}

void tty_get(struct tty *tty)
{
	refcount_get(&tty->refs);
}

void tty_put(struct tty *tty)
{
	if (tty && refcount_put(&tty->refs)) {
		tty_check_unused(tty);
		if (tty->driver->release) {
			tty->driver->release(tty);
		}
		kfree(tty);
	}
}

/* --- the device side --- */

size_t tty_input(struct tty *tty, const void *buf, size_t n)
{
	size_t done;
	bool readable;

	mutex_lock(&tty->lock);
	done = ldisc_input(&tty->ldisc, buf, n);
	readable = ldisc_readable(&tty->ldisc, 1);
	mutex_unlock(&tty->lock);
	if (readable) {
		waitq_wake(&tty->read_waitq, -1, POLLIN | POLLRDNORM);
	}
	return done;
}

void tty_output_ready(struct tty *tty)
{
	mutex_lock(&tty->lock);
	ldisc_flush_echo(&tty->ldisc);
	mutex_unlock(&tty->lock);
}

/* --- reading --- */

struct read_state {
	bool canonical;
	size_t min; /* bytes to wait for */
	uint64_t deadline;
	uint64_t between; /* ns between bytes, 0 = no limit */
};

/* termios(3), "Canonical and noncanonical mode". */
static void read_rules_locked(struct tty *tty, struct read_state *r, size_t want) REQUIRES(tty_role)
{
	const struct linux_termios2 *t = &tty->ldisc.tio;
	uint64_t time = t->cc[VTIME] * TENTH;

	r->canonical = t->lflag & ICANON;
	r->min = 1;
	r->deadline = DEADLINE_NONE;
	r->between = 0;
	if (r->canonical) {
		return;
	}
	r->min = MIN((size_t)t->cc[VMIN], want);
	if (!t->cc[VMIN]) {
		r->deadline = clock_mono_ns() + time;
	} else {
		r->between = time;
	}
}

/* Moves what is there to u: bytes; *stop: the read is over. */
static long take_input_locked(struct tty *tty, struct uio *u, bool *stop) REQUIRES(tty_role)
{
	uint8_t chunk[CHUNK];
	long done = 0;
	bool eof = false, more = false;

	while (u->left && !*stop) {
		size_t n = ldisc_read(&tty->ldisc, chunk, MIN(u->left, sizeof(chunk)), &eof, &more);

		if (n && uio_write_to(u, chunk, n) < n) {
			*stop = true;
			return done ? done : -EFAULT;
		}
		done += (long)n;
		if (tty->ldisc.tio.lflag & ICANON ? !more : n < sizeof(chunk)) {
			break;
		}
	}
	*stop = eof || (tty->ldisc.tio.lflag & ICANON && done);
	return done;
}

/* tty->lock held; may drop it. */
static long read_locked(struct tty *tty, struct uio *u, bool nonblock) REQUIRES(tty_role)
{
	struct read_state r;
	bool stop = false;
	long done = 0, n;

	ASSERT(mutex_held(&tty->lock));
	read_rules_locked(tty, &r, u->left);
	for (;;) {
		int err;

		if (ldisc_readable(&tty->ldisc, 1)) {
			n = take_input_locked(tty, u, &stop);
			if (n < 0) {
				return done ? done : n;
			}
			done += n;
			waitq_wake_all(&tty->input_waitq);
			if (r.between && n) {
				r.deadline = clock_mono_ns() + r.between;
			}
		}
		if (stop || !u->left || (done && ((size_t)done >= r.min || r.canonical))) {
			return done;
		}
		if (tty_hung_up(tty)) {
			return done;
		}
		if (nonblock) {
			return done ? done : -EAGAIN;
		}
		err = waitq_wait_mutex(&tty->read_waitq, &tty->lock, WAIT_INTR, r.deadline);
		if (err == -ETIMEDOUT) {
			return done;
		}
		if (err) {
			return done ? done : err;
		}
	}
}

static long tty_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct tty *tty = f->private_data;
	bool nonblock = file_nonblock(f, flags);
	long result = tty_job_control(tty, SIGTTIN);

	if (result || !u->left) {
		return result;
	}
	result = mutex_lock_mode(&tty->lock, WAIT_INTR);
	if (result) {
		return result;
	}
	result = read_locked(tty, u, nonblock);
	mutex_unlock(&tty->lock);
	return result;
}

/* --- writing --- */

static bool can_write(void *arg)
{
	struct tty *tty = arg;

	/* `stopped` without the lock: ldisc_event() wakes us after it has changed. */
	return tty_hung_up(tty) || (!READ_ONCE(tty->ldisc.stopped) && tty->driver->room(tty));
}

/* Until the driver has room, or the output goes on after ^S. */
static int wait_room(struct tty *tty)
{
	struct waitq *queues[] = { tty->driver->room_waitq(tty), &tty->flow_waitq };

	return waitq_wait_until_any(queues, ARRAY_SIZE(queues), can_write, tty, WAIT_INTR,
				    DEADLINE_NONE);
}

static long write_chunk(struct tty *tty, const uint8_t *buf, size_t n, bool nonblock)
{
	size_t done = 0;
	int err = 0;

	while (done < n && !err) {
		size_t took;

		if (tty_hung_up(tty)) {
			err = -EIO;
			break;
		}
		mutex_lock(&tty->lock);
		took = ldisc_write(&tty->ldisc, buf + done, n - done);
		mutex_unlock(&tty->lock);
		done += took;
		if (!took) {
			err = nonblock ? -EAGAIN : wait_room(tty);
		}
	}
	return done ? (long)done : err;
}

static long tty_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct tty *tty = f->private_data;
	bool nonblock = file_nonblock(f, flags);
	uint8_t chunk[CHUNK];
	long done = 0;

	if (tty_hung_up(tty)) {
		return -EIO;
	}
	if (READ_ONCE(tty->ldisc.tio.lflag) & TOSTOP) {
		int err = tty_job_control(tty, SIGTTOU);

		if (err) {
			return err;
		}
	}
	while (u->left) {
		size_t n = uio_read_from(u, chunk, MIN(u->left, sizeof(chunk)));
		long took;

		if (!n) {
			return done ? done : -EFAULT;
		}
		took = write_chunk(tty, chunk, n, nonblock);
		if (took < 0) {
			uio_rewind(u, n);
			return done ? done : took;
		}
		done += took;
		if ((size_t)took < n) {
			uio_rewind(u, n - (size_t)took);
			break;
		}
	}
	return done;
}

/* --- readiness --- */

static uint32_t tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *tty = f->private_data;
	const struct linux_termios2 *t = &tty->ldisc.tio;
	uint32_t events = 0;
	size_t min = 1;

	poll_wait(pt, &tty->read_waitq);
	poll_wait(pt, tty->driver->room_waitq(tty));
	poll_wait(pt, &tty->flow_waitq);
	if (tty_hung_up(tty)) {
		return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	}
	mutex_lock(&tty->lock);
	if (!(t->lflag & ICANON) && !t->cc[VTIME] && t->cc[VMIN]) {
		min = t->cc[VMIN];
	}
	if (ldisc_readable(&tty->ldisc, min)) {
		events |= POLLIN | POLLRDNORM;
	}
	if (!tty->ldisc.stopped && tty->driver->room(tty)) {
		events |= POLLOUT | POLLWRNORM;
	}
	mutex_unlock(&tty->lock);
	return events;
}

static long tty_file_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	return tty_ioctl(f->private_data, f, cmd, arg);
}

static void tty_release(struct file *f)
{
	struct tty *tty = f->private_data;

	/* Pairs with slave_closed() in pty.c: what was written comes before the end. */
	if (atomic_fetch_sub_explicit(&tty->open_count, 1, memory_order_acq_rel) == 1) {
		atomic_store_explicit(&tty->exclusive, false, memory_order_relaxed);
		/* The master sees a hang-up. */
		waitq_wake(tty->driver->room_waitq(tty), -1, 0);
	}
	tty_put(tty);
}

static const struct file_ops tty_file_ops = {
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_file_ioctl,
	.release = tty_release,
};

int tty_open(struct tty *tty, struct file *f)
{
	if (tty_hung_up(tty)) {
		return -EIO;
	}
	if (atomic_load_explicit(&tty->exclusive, memory_order_relaxed) &&
	    !cred_capable(CAP_SYS_ADMIN)) {
		return -EBUSY;
	}
	tty_get(tty);
	atomic_fetch_add_explicit(&tty->open_count, 1, memory_order_relaxed);
	f->ops = &tty_file_ops;
	f->private_data = tty;
	f->no_seek = true;
	if (!(atomic_load(&f->flags) & O_NOCTTY) && f->readable) {
		tty_become_controlling(tty);
	}
	return 0;
}

void tty_hangup(struct tty *tty)
{
	/* Pairs with tty_hung_up(); one caller only goes on. */
	if (atomic_exchange_explicit(&tty->hung_up, true, memory_order_acq_rel)) {
		return;
	}
	waitq_wake_all(&tty->read_waitq);
	waitq_wake_all(&tty->flow_waitq);
	waitq_wake_all(&tty->input_waitq);
	waitq_wake_all(tty->driver->room_waitq(tty));
	tty_signal_hangup(tty);
}

/* --- /dev/tty --- */

static int open_current(struct inode *inode, struct file *f)
{
	struct tty *tty = tty_get_current();
	int err = tty ? tty_open(tty, f) : -ENXIO;

	tty_put(tty);
	return err;
}

static int open_console(struct inode *inode, struct file *f)
{
	return console_tty ? tty_open(console_tty, f) : -ENXIO;
}

void tty_subsystem_init(void)
{
	if (devfs_register("tty", S_IFCHR | 0666, TTY_DEV(5, 0), open_current) ||
	    devfs_register("console", S_IFCHR | 0620, TTY_DEV(5, 1), open_console)) {
		panic("no memory for terminals");
	}
	pty_subsystem_init();
}
