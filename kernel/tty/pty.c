/* SPDX-License-Identifier: MIT */
/*
 * Pseudo-terminals: /dev/ptmx makes a pair; what is written to the slave (through its line
 * discipline) waits in a ring for the master's reader; what is written to the master is the slave's
 * input.
 *
 * Life: the master's file owns the pair; the slave tty lives on while it is open, and the pair with
 * it.  Closing the master hangs the slave up and takes /dev/pts/N away; the table, by which
 * /dev/pts/N is opened, does not count: it has only pairs whose master is there.
 *
 * Locks: table.lock for the table; a pair's lock for its ring and packet mode.  The last close of
 * the slave is told by open_count; it wakes room_waitq, so the master's reader waits there, too.
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
#include <lib/ringbuf.h>
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
#define ROOM_MIN 8 /* of the driver: see struct tty_driver */

struct pty {
	struct tty *slave; /* [I] counted by the master's file */
	SPINLOCK(pty) lock;
	struct ringbuf out GUARDED_BY(pty_role);    /* what the slave's side wrote */
	bool packet_mode GUARDED_BY(pty_role);	    /* TIOCPKT */
	uint8_t packet_events GUARDED_BY(pty_role); /* not told yet; only in packet mode */
	struct waitq data_waitq;		    /* the master's reader */
	struct waitq room_waitq;		    /* the slave's writers */
	_Atomic bool locked;			    /* TIOCSPTLCK */
	_Atomic bool was_open;			    /* the slave has been opened */
	_Atomic bool master_gone;
	uint8_t storage[PTY_RING];
};

static struct {
	SPINLOCK(ptys) lock;
	uint64_t used[BITMAP_WORDS(PTY_MAX)] GUARDED_BY(ptys_role);
	/* not counted: removed when the master closes */
	struct pty *ptys[PTY_MAX] GUARDED_BY(ptys_role);
} table = { .lock = SPINLOCK_INIT(RANK_FS_LEAF, "ptys") };

/* --- the slave's driver --- */

static struct pty *pty_of(struct tty *tty)
{
	return tty->driver_data;
}

static size_t pty_write_out(struct tty *tty, const void *buf, size_t n)
{
	struct pty *p = pty_of(tty);

	/* Nobody reads any more; a byte that comes to the ring all the same goes with it. */
	if (atomic_load_explicit(&p->master_gone, memory_order_relaxed)) {
		return n;
	}
	spin_lock(&p->lock);
	if (ringbuf_room(&p->out) < MIN(n, (size_t)ROOM_MIN)) {
		n = 0;
	}
	n = ringbuf_write(&p->out, buf, n);
	spin_unlock(&p->lock);
	if (n) {
		waitq_wake(&p->data_waitq, -1, POLLIN | POLLRDNORM);
	}
	return n;
}

static size_t pty_room(struct tty *tty)
{
	struct pty *p = pty_of(tty);
	size_t room;

	spin_lock(&p->lock);
	room = ringbuf_room(&p->out);
	spin_unlock(&p->lock);
	return room < ROOM_MIN ? 0 : room;
}

static struct waitq *pty_room_waitq(struct tty *tty)
{
	return &pty_of(tty)->room_waitq;
}

/* What is written is at the other side at once, read or not: nobody waits for a drain. */
static size_t pty_pending(struct tty *tty)
{
	return 0;
}

static void pty_event(struct tty *tty, unsigned events)
{
	struct pty *p = pty_of(tty);
	bool packet;

	spin_lock(&p->lock);
	packet = p->packet_mode;
	if (packet) {
		/* Of two opposites the later one counts. */
		if (events & (TIOCPKT_STOP | TIOCPKT_START)) {
			p->packet_events &= (uint8_t) ~(TIOCPKT_STOP | TIOCPKT_START);
		}
		if (events & (TIOCPKT_NOSTOP | TIOCPKT_DOSTOP)) {
			p->packet_events &= (uint8_t) ~(TIOCPKT_NOSTOP | TIOCPKT_DOSTOP);
		}
		p->packet_events |= (uint8_t)events;
	}
	spin_unlock(&p->lock);
	if (packet) {
		waitq_wake(&p->data_waitq, -1, POLLIN | POLLRDNORM | POLLPRI);
	}
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
	.event = pty_event,
	.release = pty_release_slave,
};

/* --- the master --- */

static bool slave_closed(const struct pty *p)
{
	/* Pairs with tty_release(): who sees that it is closed sees all that was written. */
	return atomic_load_explicit(&p->was_open, memory_order_relaxed) &&
	       !atomic_load_explicit(&p->slave->open_count, memory_order_acquire);
}

/* What a master's read finds: bytes; events in packet mode. */
struct readable {
	bool data, events, packet;
};

static struct readable look(struct pty *p)
{
	struct readable r;

	spin_lock(&p->lock);
	r.data = ringbuf_used(&p->out) != 0;
	r.events = p->packet_events != 0;
	r.packet = p->packet_mode;
	spin_unlock(&p->lock);
	return r;
}

static bool master_ready(void *arg)
{
	struct pty *p = arg;
	bool closed = slave_closed(p); /* before: what it wrote is then in the ring */
	struct readable r = look(p);

	return r.data || r.events || closed;
}

/* Until there is something to read; -EIO: the slave is closed, and all is read. */
static int wait_readable(struct pty *p, bool nonblock)
{
	struct waitq *queues[] = { &p->data_waitq, &p->room_waitq };

	for (;;) {
		bool closed = slave_closed(p);
		struct readable r = look(p);
		int err;

		if (r.data || r.events) {
			return 0;
		}
		if (closed) {
			return -EIO;
		}
		if (nonblock) {
			return -EAGAIN;
		}
		err = waitq_wait_until_any(queues, ARRAY_SIZE(queues), master_ready, p, WAIT_INTR,
					   DEADLINE_NONE);
		if (err) {
			return err;
		}
	}
}

/* Packet mode: a byte that says what follows. */
static long read_packet_head(struct pty *p, struct uio *u, bool *data)
{
	uint8_t events;

	spin_lock(&p->lock);
	events = p->packet_events;
	p->packet_events = 0;
	spin_unlock(&p->lock);
	*data = !events;
	return uio_write_to(u, &events, 1) == 1 ? 1 : -EFAULT;
}

static long read_data(struct pty *p, struct uio *u)
{
	uint8_t chunk[256];
	long done = 0;

	while (u->left) {
		size_t n;

		spin_lock(&p->lock);
		n = ringbuf_read(&p->out, chunk, MIN(u->left, sizeof(chunk)));
		spin_unlock(&p->lock);
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

static long master_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct pty *p = f->private_data;
	bool nonblock = file_nonblock(f, flags), data = true;
	long head = 0, n;

	if (!u->left) {
		return 0;
	}
	n = wait_readable(p, nonblock);
	if (n) {
		return n;
	}
	if (look(p).packet) {
		head = read_packet_head(p, u, &data);
	}
	if (head < 0 || !data) {
		return head;
	}
	n = read_data(p, u);
	return n < 0 && head ? head : n + head;
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
	struct readable r;

	poll_wait(pt, &p->data_waitq);
	poll_wait(pt, &p->room_waitq);
	poll_wait(pt, &p->slave->input_waitq);
	r = look(p);
	if (r.data || r.events) {
		events |= POLLIN | POLLRDNORM;
	}
	if (r.events) {
		events |= POLLPRI;
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

static void set_packet_mode(struct pty *p, bool on)
{
	spin_lock(&p->lock);
	p->packet_mode = on;
	p->packet_events = 0;
	spin_unlock(&p->lock);
}

static size_t unread(struct pty *p)
{
	size_t n;

	spin_lock(&p->lock);
	n = ringbuf_used(&p->out);
	spin_unlock(&p->lock);
	return n;
}

/* The master's input is what the slave wrote; its own output is the slave's already. */
static long master_flush(struct pty *p, uint64_t what)
{
	if (what > TCIOFLUSH) {
		return -EINVAL;
	}
	if (what != TCOFLUSH) {
		spin_lock(&p->lock);
		ringbuf_drop(&p->out, ringbuf_used(&p->out));
		spin_unlock(&p->lock);
		tty_output_ready(p->slave);
		waitq_wake(&p->room_waitq, -1, POLLOUT | POLLWRNORM);
	}
	return 0;
}

static long set_flag(struct pty *p, unsigned cmd, user_ptr from)
{
	uint32_t v;
	int err = get_user_u32(&v, from);

	if (err) {
		return err;
	}
	if (cmd == TIOCPKT) {
		set_packet_mode(p, v);
	} else {
		atomic_store_explicit(&p->locked, v != 0, memory_order_relaxed);
	}
	return 0;
}

static long master_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct pty *p = f->private_data;
	user_ptr to = { arg };

	switch (cmd) {
	case TIOCGPTN: return put_user_u32(to, p->slave->index);
	case TIOCPKT:
	case TIOCSPTLCK: return set_flag(p, cmd, to);
	case TIOCGPTLCK:
		return put_user_u32(to, atomic_load_explicit(&p->locked, memory_order_relaxed));
	case TIOCGPKT: return put_user_u32(to, look(p).packet);
	case TIOCGPTPEER: return open_slave_fd(p, (int)arg);
	case TIOCSIG:
		if (arg != SIGINT && arg != SIGQUIT && arg != SIGTSTP) {
			return -EINVAL;
		}
		tty_signal_keyboard(p->slave, (int)arg);
		return 0;
	case TIOCINQ: return put_user_u32(to, (uint32_t)unread(p));
	case TCFLSH: return master_flush(p, arg);
	case TIOCSCTTY:
	case TIOCNOTTY: return -ENOTTY;
	default: return tty_ioctl(p->slave, f, cmd, arg);
	}
}

static void free_index(unsigned index)
{
	spin_lock(&table.lock);
	table.ptys[index] = NULL;
	bitmap_clear(table.used, index);
	spin_unlock(&table.lock);
}

static void master_release(struct file *f)
{
	struct pty *p = f->private_data;
	struct tty *slave = p->slave;

	atomic_store_explicit(&p->master_gone, true, memory_order_relaxed);
	tty_hangup(slave);
	devfs_unregister(slave->name, slave->dev);
	free_index(slave->index);
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
	if (tty && !atomic_load_explicit(&pty_of(tty)->locked, memory_order_relaxed)) {
		err = tty_open(tty, f);
	}
	if (!err) {
		atomic_store_explicit(&pty_of(tty)->was_open, true, memory_order_relaxed);
	}
	tty_put(tty);
	return err;
}

static int take_index(void)
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

	tty->index = (unsigned)index;
	tty->dev = ((uint64_t)PTS_MAJOR << 8) | ((unsigned)index & 0xff) |
		   ((uint64_t)((unsigned)index & ~0xffu) << 12);
	fmt_snprintf(tty->name, sizeof(tty->name), "pts/%d", index);
	err = devfs_register(tty->name, S_IFCHR | 0620, tty->dev, open_slave);
	if (!err && devfs_set_owner(tty->name, S_IFCHR | 0620, c->u.fs, 5)) {
		devfs_unregister(tty->name, tty->dev);
		err = -ENOMEM;
	}
	return err;
}

static struct pty *pty_create(void)
{
	struct pty *p = kzalloc(sizeof(*p));

	if (!p) {
		return NULL;
	}
	spin_init(&p->lock, RANK_FS_LEAF, "pty");
	ringbuf_init(&p->out, p->storage, sizeof(p->storage));
	waitq_init(&p->data_waitq);
	waitq_init(&p->room_waitq);
	atomic_init(&p->locked, true);
	p->slave = tty_create(&pty_driver, p, "pts");
	if (!p->slave) {
		kfree(p);
		return NULL;
	}
	return p;
}

static int open_master(struct inode *inode, struct file *f)
{
	struct pty *p = pty_create();
	int index, err;

	if (!p) {
		return -ENOMEM;
	}
	index = take_index();
	err = index < 0 ? index : register_slave(p, index);
	if (err) {
		if (index >= 0) {
			free_index((unsigned)index);
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
