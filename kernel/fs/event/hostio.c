/* SPDX-License-Identifier: MIT */
/*
 * The three standard streams on the host's ports.
 *
 * One reader and one writer at a time (the mutex, which is held while they wait: writes come out
 * whole).  `consumed`, `total` and `closed` are also read and set without it: the host says where
 * stdin ends and when nobody reads any more, then wakes the port's queue.
 */
#include <fs/event/hostio.h>

#include "../fs_internal.h"

#include <fs/attr.h>
#include <fs/event/poll.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/upcalls.h>
#include <host/port.h>
#include <lib/launch.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/ioctls.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <mm/user_ptr.h>
#include <mm/usercopy.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/mutex.h>
#include <sync/waitq.h>

#define CHUNK 4096

struct stream {
	struct host_port *port;
	struct inode *inode;
	MUTEX(hostio) mutex;	   /* one reader / one writer at a time: whole writes */
	_Atomic uint64_t consumed; /* stdin: bytes read so far */
	_Atomic uint64_t total;	   /* stdin: where it ends */
	_Atomic bool closed;	   /* out: nobody reads */
};
static struct stream streams[3] = { { .total = UINT64_MAX } };
static const struct file_ops hostio_ops;

static bool at_end(struct stream *s)
{
	return atomic_load(&s->consumed) >= atomic_load(&s->total) ||
	       (s->port->ops->hung_up && s->port->ops->hung_up(s->port) &&
		!s->port->ops->can_read(s->port));
}

static bool can_go_on_reading(void *arg)
{
	struct stream *s = arg;

	return s->port->ops->can_read(s->port) || at_end(s);
}
static bool can_go_on_writing(void *arg)
{
	struct stream *s = arg;

	return s->port->ops->can_write(s->port) || atomic_load(&s->closed);
}

static long hostio_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct stream *s = f->private_data;
	char *buf;
	long ret = 0;

	if (!u->left) {
		return 0;
	}
	buf = kmalloc(CHUNK);
	if (!buf) {
		return -ENOMEM;
	}
	ret = mutex_lock_mode(&s->mutex, WAIT_INTR);
	if (ret) {
		kfree(buf);
		return ret;
	}
	for (;;) {
		uint64_t left = atomic_load(&s->total) - atomic_load(&s->consumed);
		size_t want = MIN(u->left, (uint64_t)CHUNK), n;

		want = MIN(want, left);
		n = want ? s->port->ops->read(s->port, buf, want) : 0;
		if (n) {
			atomic_fetch_add(&s->consumed, n);
			ret = uio_write_to(u, buf, n) == n ? (long)n : -EFAULT;
			break;
		}
		if (at_end(s)) {
			break;
		}
		ret = file_nonblock(f, flags)
			      ? -EAGAIN
			      : waitq_wait_until(&s->port->readable, can_go_on_reading, s,
						 WAIT_INTR, DEADLINE_NONE);
		if (ret) {
			break;
		}
	}
	mutex_unlock(&s->mutex);
	kfree(buf);
	return ret;
}

static long write_chunk(struct stream *s, struct file *f, const char *buf, size_t n, unsigned flags)
{
	size_t done = 0;
	long ret;

	while (done < n) {
		if (atomic_load(&s->closed)) {
			return done ? (long)done : -EPIPE;
		}
		ret = s->port->ops->write(s->port, buf + done, n - done);
		if (ret > 0) {
			done += (size_t)ret;
			continue;
		}
		if (!ret) {
			ret = file_nonblock(f, flags)
				      ? -EAGAIN
				      : waitq_wait_until(&s->port->writable, can_go_on_writing, s,
							 WAIT_INTR, DEADLINE_NONE);
		}
		if (ret) {
			return done ? (long)done : ret;
		}
	}
	return (long)done;
}

static long hostio_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct stream *s = f->private_data;
	uint64_t total = u->left, done = 0;
	char *buf;
	long ret;

	if (!total) {
		return 0;
	}
	buf = kmalloc(CHUNK);
	if (!buf) {
		return -ENOMEM;
	}
	ret = mutex_lock_mode(&s->mutex, WAIT_INTR);
	if (ret) {
		kfree(buf);
		return ret;
	}
	while (done < total) {
		size_t want = MIN(total - done, (uint64_t)CHUNK);
		size_t n = uio_read_from(u, buf, want);

		ret = n ? write_chunk(s, f, buf, n, flags) : -EFAULT;
		if (ret > 0) {
			done += (uint64_t)ret;
		}
		if (ret < (long)want) {
			break;
		}
	}
	mutex_unlock(&s->mutex);
	kfree(buf);
	if (!done && ret == -EPIPE) {
		fs_upcalls->send_sigpipe();
	}
	return done ? (long)done : ret;
}

static uint32_t hostio_poll(struct file *f, struct poll_table *pt)
{
	struct stream *s = f->private_data;
	uint32_t mask = 0;

	if (s == &streams[0]) {
		poll_wait(pt, &s->port->readable);
		if (s->port->ops->can_read(s->port)) {
			mask |= POLLIN | POLLRDNORM;
		} else if (at_end(s)) {
			mask |= POLLHUP;
		}
	} else {
		poll_wait(pt, &s->port->writable);
		if (s->port->ops->can_write(s->port)) {
			mask |= POLLOUT | POLLWRNORM;
		}
		if (atomic_load(&s->closed)) {
			mask |= POLLOUT | POLLERR;
		}
	}
	return mask;
}
static long hostio_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct stream *s = f->private_data;

	if (cmd == FIONREAD && s == &streams[0]) {
		return put_user_u32((user_ptr){ arg }, (uint32_t)s->port->ops->can_read(s->port));
	}
	return -ENOTTY;
}
static const struct file_ops hostio_ops = {
	.read = hostio_read, .write = hostio_write, .poll = hostio_poll, .ioctl = hostio_ioctl
};

/* Opened again through /proc/self/fd/N. */
static int hostio_reopen(struct inode *inode, struct file *f)
{
	struct stream *s = inode->priv;

	if (s == &streams[0] ? f->writable : f->readable) {
		return -EACCES;
	}
	f->ops = &hostio_ops;
	f->private_data = s;
	return 0;
}
static int hostio_setattr(struct inode *inode, const struct iattr *a)
{
	inode_setattr_generic(inode, a);
	return 0;
}
static const struct inode_ops hostio_inode_ops = { .open = hostio_reopen,
						   .setattr = hostio_setattr };

int hostio_open(int which, struct file **out)
{
	struct stream *s = &streams[which];
	int err;

	if (!s->inode) {
		s->port = host_port_peek(which == 2 ? LAUNCH_PORT_STDERR : LAUNCH_PORT_STDIO);
		if (!s->port) {
			return -ENODEV;
		}
		s->inode = anon_inode_new(&hostio_inode_ops, S_IFIFO | 0600);
		if (!s->inode) {
			return -ENOMEM;
		}
		s->inode->priv = s;
		mutex_init(&s->mutex, RANK_PIPE, "hostio");
	}
	inode_get(s->inode);
	err = file_alloc_inode(&hostio_ops, s, which == 0 ? O_RDONLY : O_WRONLY, s->inode,
			       "pipe:", out);
	if (err) {
		inode_put(s->inode);
	}
	return err;
}

void hostio_stdin_eof(uint64_t total)
{
	atomic_store(&streams[0].total, total);
	if (streams[0].port) {
		waitq_wake_all(&streams[0].port->readable);
	}
}
void hostio_out_closed(int which)
{
	if (which != 1 && which != 2) {
		return;
	}
	atomic_store(&streams[which].closed, true);
	if (streams[which].port) {
		waitq_wake_all(&streams[which].port->writable);
	}
}
