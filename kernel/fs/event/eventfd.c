/* SPDX-License-Identifier: MIT */
/*
 * eventfd(2): a 64-bit counter to read, write and wait for.  Its lock protects the count; readers
 * and writers wait under it, so no wake is lost.
 */
#include <fs/event/eventfd.h>

#include "../fs_internal.h"

#include <fs/event/poll.h>
#include <fs/file.h>
#include <lib/format.h>
#include <linux/epoll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <sync/lock_order.h>
#include <sync/spinlock.h>
#include <sync/waitq.h>

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
	SPINLOCK(eventfd) lock;
	struct waitq q;
	uint64_t count;
	bool semaphore;
};

static long eventfd_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct eventfd *e = f->private_data;
	uint64_t v;
	int err = 0;

	if (u->left < 8) {
		return -EINVAL;
	}
	spin_lock(&e->lock);
	while (!e->count && !err) {
		err = file_nonblock(f, flags)
			      ? -EAGAIN
			      : waitq_wait(&e->q, &e->lock, WAIT_INTR, DEADLINE_NONE);
	}
	if (err) {
		spin_unlock(&e->lock);
		return err;
	}
	v = e->semaphore ? 1 : e->count;
	e->count -= v;
	spin_unlock(&e->lock);
	if (waitq_active(&e->q)) {
		waitq_wake(&e->q, -1, POLLOUT | POLLWRNORM);
	}
	return uio_write_to(u, &v, 8) == 8 ? 8 : -EFAULT;
}

static long eventfd_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct eventfd *e = f->private_data;
	uint64_t v;
	int err = 0;

	if (u->left < 8) {
		return -EINVAL;
	}
	if (uio_read_from(u, &v, 8) != 8) {
		return -EFAULT;
	}
	if (v == UINT64_MAX) {
		return -EINVAL;
	}
	spin_lock(&e->lock);
	while (v > COUNT_MAX - e->count && !err) {
		err = file_nonblock(f, flags)
			      ? -EAGAIN
			      : waitq_wait(&e->q, &e->lock, WAIT_INTR, DEADLINE_NONE);
	}
	if (!err) {
		e->count += v;
	}
	spin_unlock(&e->lock);
	if (!err && waitq_active(&e->q)) {
		waitq_wake(&e->q, -1, POLLIN | POLLRDNORM);
	}
	return err ? err : 8;
}

static uint32_t eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private_data;
	uint64_t count;

	poll_wait(pt, &e->q);
	count = READ_ONCE(e->count);
	return (count ? POLLIN : 0) | (count < COUNT_MAX ? POLLOUT : 0);
}
static void eventfd_release(struct file *f)
{
	kfree(f->private_data);
}
static void eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *e = f->private_data;

	fmt_snprintf(buf, size, "eventfd-count: %16llx\n", (unsigned long long)READ_ONCE(e->count));
}
static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
	.show_fdinfo = eventfd_fdinfo,
};

int eventfd_create(uint64_t initial, int flags, struct file **out)
{
	struct eventfd *e;
	int err;

	if (flags & ~(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC)) {
		return -EINVAL;
	}
	e = kzalloc(sizeof(*e));
	if (!e) {
		return -ENOMEM;
	}
	spin_init(&e->lock, RANK_FS_LEAF, "eventfd");
	waitq_init(&e->q);
	e->count = initial;
	e->semaphore = flags & EFD_SEMAPHORE;
	err = file_alloc_anon(&eventfd_ops, e, O_RDWR | (flags & O_NONBLOCK), 0600,
			      "anon_inode:[eventfd]", out);
	if (err) {
		kfree(e);
	}
	return err;
}
