/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-terminals: /dev/ptmx makes a pair; what is written to the slave (through its line
 * discipline) waits in a ring for the master's reader; what is written to the master is the slave's
 * input.
 *
 * Life: the master's file owns the pair; the slave tty lives on while it is open.  Closing the
 * master hangs the slave up and takes /dev/pts/N away.
 */
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/pseudo/devfs.h>
#include <fs/event/poll.h>
#include <fs/vfs.h>
#include <lib/assert.h>
#include <lib/bitmap.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <signal/signal.h>
#include "tty_internal.h"

#define PTY_MAX 1024
#define PTY_RING 8192
#define PTS_MAJOR 136
#define TIOCSIG 0x40045436

struct pty {
	struct tty *slave;	 /* [I] counted by the master's file */
	struct spinlock lock;	 /* ring */
	uint32_t head, tail;	 /* free running */
	struct waitq data_waitq; /* the master's reader */
	struct waitq room_waitq; /* the slave's writers */
	_Atomic bool locked;	 /* TIOCSPTLCK */
	_Atomic bool was_open;	 /* the slave has been opened */
	_Atomic bool master_gone;
	uint8_t ring[PTY_RING];
};

static struct {
	struct spinlock lock;
	uint64_t used[BITMAP_WORDS(PTY_MAX)];
	struct pty *ptys[PTY_MAX]; /* not counted: removed when the master closes */
} table = { .lock = SPINLOCK_INIT(RANK_FS_LEAF, "ptys") };

/* --- the slave's driver --- */

static size_t pty_room_locked(const struct pty *p)
{
	return PTY_RING - (p->head - p->tail);
}

static size_t pty_write_out(struct tty *tty, const void *buf, size_t n)
{
	struct pty *p = tty->driver_data;
	size_t room;

	if (atomic_load(&p->master_gone)) {
		return n;
	}
	spin_lock(&p->lock);
	room = pty_room_locked(p);
	if (room < MIN(n, (size_t)8)) {
		room = 0;
	}
	n = MIN(n, room);
	for (size_t i = 0; i < n; i++) {
		p->ring[(p->head + i) % PTY_RING] = ((const uint8_t *)buf)[i];
	}
	p->head += (uint32_t)n;
	spin_unlock(&p->lock);
	if (n) {
		waitq_wake(&p->data_waitq, -1, POLLIN | POLLRDNORM);
	}
	return n;
}

static size_t pty_room(struct tty *tty)
{
	struct pty *p = tty->driver_data;
	size_t room;

	spin_lock(&p->lock);
	room = pty_room_locked(p);
	spin_unlock(&p->lock);
	return room < 8 ? 0 : room;
}

static struct waitq *pty_room_waitq(struct tty *tty)
{
	return &((struct pty *)tty->driver_data)->room_waitq;
}

static size_t pty_pending(struct tty *tty)
{
	struct pty *p = tty->driver_data;
	size_t n;

	spin_lock(&p->lock);
	n = p->head - p->tail;
	spin_unlock(&p->lock);
	return n;
}

static void pty_release_slave(struct tty *tty)
{
	kfree(tty->driver_data);
}

static const struct tty_driver pty_driver = {
	.write = pty_write_out,
	.room = pty_room,
	.room_waitq = pty_room_waitq,
	.pending = pty_pending,
	.release = pty_release_slave,
};

/* --- the master --- */

static bool slave_closed(struct pty *p)
{
	return atomic_load(&p->was_open) && !atomic_load(&p->slave->open_count);
}

static size_t take_ring(struct pty *p, uint8_t *buf, size_t n)
{
	spin_lock(&p->lock);
	n = MIN(n, (size_t)(p->head - p->tail));
	for (size_t i = 0; i < n; i++) {
		buf[i] = p->ring[(p->tail + i) % PTY_RING];
	}
	p->tail += (uint32_t)n;
	spin_unlock(&p->lock);
	return n;
}

/* Packet mode: a byte that says what follows. */
static long read_packet_head(struct pty *p, struct uio *u, bool *data)
{
	uint8_t events = (uint8_t)atomic_exchange(&p->slave->packet_events, 0);

	*data = !events;
	return uio_write_to(u, &events, 1) == 1 ? 1 : -EFAULT;
}

static int master_wait(struct pty *p, bool nonblock)
{
	struct waitq_entry e;
	int err = 0;

	if (nonblock) {
		return -EAGAIN;
	}
	/* The slave's release wakes room_waitq: look there, too. */
	struct waitq_entry gone;

	waitq_entry_init(&e);
	waitq_entry_init(&gone);
	waitq_add(&p->data_waitq, &e);
	waitq_add(&p->room_waitq, &gone);
	block_prepare(WAIT_INTR);
	if (p->head != p->tail || slave_closed(p) ||
	    (atomic_load(&p->slave->packet_mode) && atomic_load(&p->slave->packet_events))) {
		block_cancel();
	} else {
		err = block(DEADLINE_NONE);
	}
	waitq_remove(&e);
	waitq_remove(&gone);
	return err;
}

static long master_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct pty *p = f->private_data;
	bool nonblock = file_nonblock(f, flags);
	bool packet = atomic_load(&p->slave->packet_mode), data = true;
	uint8_t chunk[256];
	long done = 0;
	int err;

	if (!u->left) {
		return 0;
	}
	while (!pty_pending(p->slave) && !(packet && atomic_load(&p->slave->packet_events))) {
		if (slave_closed(p)) {
			return -EIO;
		}
		err = master_wait(p, nonblock);
		if (err) {
			return err;
		}
	}
	if (packet) {
		done = read_packet_head(p, u, &data);
		if (done < 0 || !data) {
			return done;
		}
	}
	while (u->left) {
		size_t n = take_ring(p, chunk, MIN(u->left, sizeof(chunk)));

		if (!n) {
			break;
		}
		if (uio_write_to(u, chunk, n) < n) {
			return done ? done : -EFAULT;
		}
		done += (long)n;
	}
	tty_output_ready(p->slave);
	waitq_wake(&p->room_waitq, -1, POLLOUT | POLLWRNORM);
	return done;
}

static int wait_slave_room(struct tty *slave)
{
	int err = 0;

	mutex_lock(&slave->lock);
	while (!ldisc_room(&slave->ldisc) && !err) {
		err = waitq_wait_mutex(&slave->input_waitq, &slave->lock, WAIT_INTR, DEADLINE_NONE);
	}
	mutex_unlock(&slave->lock);
	return err;
}

static long master_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct pty *p = f->private_data;
	bool nonblock = file_nonblock(f, flags);
	uint8_t chunk[256];
	long done = 0;

	while (u->left) {
		size_t n = uio_read_from(u, chunk, MIN(u->left, sizeof(chunk))), took;

		if (!n) {
			return done ? done : -EFAULT;
		}
		took = tty_input(p->slave, chunk, n);
		done += (long)took;
		if (took < n) {
			int err = nonblock ? -EAGAIN : 0;

			uio_rewind(u, n - took);
			if (!err) {
				err = wait_slave_room(p->slave);
			}
			if (err) {
				return done ? done : err;
			}
		}
	}
	return done;
}

static uint32_t master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = f->private_data;
	uint32_t events = 0;

	poll_wait(pt, &p->data_waitq);
	poll_wait(pt, &p->room_waitq);
	poll_wait(pt, &p->slave->input_waitq);
	if (pty_pending(p->slave)) {
		events |= POLLIN | POLLRDNORM;
	}
	if (atomic_load(&p->slave->packet_mode) && atomic_load(&p->slave->packet_events)) {
		events |= POLLIN | POLLRDNORM | POLLPRI;
	}
	if (slave_closed(p)) {
		events |= POLLHUP;
	}
	mutex_lock(&p->slave->lock);
	if (ldisc_room(&p->slave->ldisc)) {
		events |= POLLOUT | POLLWRNORM;
	}
	mutex_unlock(&p->slave->lock);
	return events;
}

static int open_slave_fd(struct pty *p, int flags)
{
	char name[32];
	struct file *f;
	int err;

	fmt_snprintf(name, sizeof(name), "/dev/%s", p->slave->name);
	err = vfs_open(AT_FDCWD, name, flags & (O_ACCMODE | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), 0,
		       &f);
	if (err) {
		return err;
	}
	return fd_give(f, flags & O_CLOEXEC);
}

static long master_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct pty *p = f->private_data;
	user_ptr to = { arg };
	uint32_t v;
	int err;

	switch (cmd) {
	case TIOCGPTN: return put_user_u32(to, p->slave->index);
	case TIOCSPTLCK:
		err = get_user_u32(&v, to);
		if (!err) {
			atomic_store(&p->locked, v != 0);
		}
		return err;
	case TIOCGPTLCK: return put_user_u32(to, atomic_load(&p->locked));
	case TIOCPKT:
		err = get_user_u32(&v, to);
		if (!err) {
			atomic_store(&p->slave->packet_events, 0);
			atomic_store(&p->slave->packet_mode, v != 0);
		}
		return err;
	case TIOCGPKT: return put_user_u32(to, atomic_load(&p->slave->packet_mode));
	case TIOCGPTPEER: return open_slave_fd(p, (int)arg);
	case TIOCSIG:
		if (arg < 1 || arg > NSIG) {
			return -EINVAL;
		}
		tty_signal_keyboard(p->slave, (int)arg);
		return 0;
	case TIOCINQ: return put_user_u32(to, (uint32_t)pty_pending(p->slave));
	case TIOCSCTTY:
	case TIOCNOTTY: return -ENOTTY;
	default: return tty_ioctl(p->slave, f, cmd, arg);
	}
}

static void master_release(struct file *f)
{
	struct pty *p = f->private_data;
	struct tty *slave = p->slave;

	atomic_store(&p->master_gone, true);
	tty_hangup(slave);
	devfs_unregister(slave->name, slave->dev);
	spin_lock(&table.lock);
	table.ptys[slave->index] = NULL;
	bitmap_clear(table.used, slave->index);
	spin_unlock(&table.lock);
	tty_put(slave); /* p goes with it */
}

const struct file_ops pty_master_ops = {
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};

/* --- opening --- */

static int open_slave(struct inode *inode, struct file *f)
{
	unsigned index = (unsigned)(inode->rdev & 0xff) | (unsigned)(inode->rdev >> 12 & 0xfff00);
	struct tty *tty = NULL;
	int err = -EIO;

	spin_lock(&table.lock);
	if (index < PTY_MAX && table.ptys[index]) {
		tty = table.ptys[index]->slave;
		tty_get(tty);
	}
	spin_unlock(&table.lock);
	if (tty && !atomic_load(&((struct pty *)tty->driver_data)->locked)) {
		err = tty_open(tty, f);
	}
	if (!err) {
		atomic_store(&((struct pty *)tty->driver_data)->was_open, true);
	}
	tty_put(tty);
	return err;
}

static int take_index(struct pty *p)
{
	size_t i;

	spin_lock(&table.lock);
	i = bitmap_find_clear(table.used, PTY_MAX, 0);
	if (i < PTY_MAX) {
		bitmap_set(table.used, i);
	}
	spin_unlock(&table.lock);
	return i < PTY_MAX ? (int)i : -ENOSPC;
}

static int register_slave(struct pty *p, int index)
{
	const struct cred *c = thread_current()->cred;
	struct tty *tty = p->slave;
	int err;

	tty->is_pty = true;
	tty->index = (unsigned)index;
	tty->dev = ((uint64_t)PTS_MAJOR << 8) | ((unsigned)index & 0xff) |
		   ((uint64_t)((unsigned)index & ~0xffu) << 12);
	fmt_snprintf(tty->name, sizeof(tty->name), "pts/%d", index);
	err = devfs_register(tty->name, S_IFCHR | 0620, tty->dev, open_slave);
	if (!err && devfs_set_owner(tty->name, S_IFCHR | 0620, c->fsuid, 5)) {
		devfs_unregister(tty->name, tty->dev);
		err = -ENOMEM;
	}
	return err;
}

static int open_master(struct inode *inode, struct file *f)
{
	struct pty *p = kzalloc(sizeof(*p));
	int index, err;

	if (!p) {
		return -ENOMEM;
	}
	spin_init(&p->lock, RANK_FS_LEAF, "pty");
	waitq_init(&p->data_waitq);
	waitq_init(&p->room_waitq);
	atomic_store(&p->locked, true);
	p->slave = tty_create(&pty_driver, p, "pts");
	if (!p->slave) {
		kfree(p);
		return -ENOMEM;
	}
	index = take_index(p);
	err = index < 0 ? index : register_slave(p, index);
	if (err) {
		if (index >= 0) {
			spin_lock(&table.lock);
			bitmap_clear(table.used, (size_t)index);
			spin_unlock(&table.lock);
		}
		tty_put(p->slave);
		return err;
	}
	spin_lock(&table.lock);
	table.ptys[index] = p;
	spin_unlock(&table.lock);
	f->ops = &pty_master_ops;
	f->private_data = p;
	f->no_seek = true;
	return 0;
}

void pty_subsystem_init(void)
{
	if (devfs_register("ptmx", S_IFCHR | 0666, TTY_DEV(5, 2), open_master)) {
		panic("no memory for pseudo-terminals");
	}
}
