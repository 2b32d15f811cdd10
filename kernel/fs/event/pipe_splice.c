/* SPDX-License-Identifier: MIT */
/*
 * Pipes for splice(2), tee(2) and vmsplice(2): bytes on the way between a pipe and another file.
 *
 * The other file may take its time, and may take less than it is given.  What it did not take must
 * still be in the pipe, in its order; and what was read from it must find room.  pipe->mutex cannot
 * be held meanwhile (the files' locks come before it), so a splice claims one end of the pipe:
 * `taking`, nobody else takes bytes; `filling`, nobody else puts any.  Both change under the mutex,
 * and who waits for their end is woken then.  Bytes that are claimed stay in the ring: the other
 * end of the pipe goes on.
 */
#include "../fs_internal.h"
#include "pipe_internal.h"

#include <fs/event/poll.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <mm/phys.h>
#include <mm/slab.h>

#define TEE_MAX ((size_t)65536)

/* The oldest bytes, up to n. */
static size_t peek_locked(struct pipe *p, char *buf, size_t n) REQUIRES(pipe_role)
{
	size_t done = 0;

	mutex_assert_held(&p->mutex);
	n = MIN(n, p->len);
	while (done < n) {
		size_t at = (p->head + done) % pipe_capacity(p);
		size_t part = pipe_part_of_page(at, n - done, n - done);

		memcpy(buf + done, (char *)page_to_virt(p->pages[at / PAGE_SIZE]) + at % PAGE_SIZE,
		       part);
		done += part;
	}
	return done;
}

/* Until there are bytes that nobody has claimed; 1: there are, 0: nobody will write any. */
static int wait_data_locked(struct pipe *p, bool nowait) REQUIRES(pipe_role)
{
	mutex_assert_held(&p->mutex);
	while (!p->len || p->taking) {
		int err = nowait ? -EAGAIN : 0;

		if (!p->len && !atomic_load(&p->nwriters)) {
			return 0;
		}
		if (!err) {
			err = waitq_wait_mutex(&p->readers_q, &p->mutex, WAIT_INTR, DEADLINE_NONE);
		}
		if (err) {
			return err;
		}
	}
	return 1;
}

long pipe_take_begin(struct file *f, char *buf, size_t n, bool nowait)
{
	struct pipe *p = f->private_data;
	long ret;

	mutex_lock(&p->mutex);
	ret = wait_data_locked(p, nowait);
	if (ret > 0) {
		p->taking = true;
		ret = (long)peek_locked(p, buf, n);
	}
	mutex_unlock(&p->mutex);
	return ret;
}

void pipe_take_end(struct file *f, size_t n)
{
	struct pipe *p = f->private_data;
	bool some = n;

	mutex_lock(&p->mutex);
	p->taking = false;
	while (n) {
		size_t part = pipe_part_of_page(p->head, n, n);

		pipe_drop_locked(p, part);
		n -= part;
	}
	mutex_unlock(&p->mutex);
	waitq_wake(&p->readers_q, -1, POLLIN | POLLRDNORM);
	if (some) {
		waitq_wake(&p->writers_q, -1, POLLOUT | POLLWRNORM);
	}
}

long pipe_put_begin(struct file *f, bool nowait)
{
	struct pipe *p = f->private_data;
	size_t room;
	long ret = 0;

	mutex_lock(&p->mutex);
	while (!ret) {
		room = pipe_capacity(p) - p->len;
		if (!atomic_load(&p->nreaders)) {
			ret = -EPIPE;
		} else if (!p->filling && room >= PIPE_BUF) {
			p->filling = true;
			ret = (long)room;
		} else if (nowait) {
			ret = -EAGAIN;
		} else {
			ret = waitq_wait_mutex(&p->writers_q, &p->mutex, WAIT_INTR, DEADLINE_NONE);
		}
	}
	mutex_unlock(&p->mutex);
	if (ret == -EPIPE) {
		fs_upcalls->send_sigpipe();
	}
	return ret;
}

long pipe_put_end(struct file *f, char *buf, size_t n)
{
	struct pipe *p = f->private_data;
	struct uio_seg seg;
	struct uio u;
	long ret = 0;

	uio_init_kernel(&u, &seg, buf, n);
	mutex_lock(&p->mutex);
	p->filling = false;
	if (n) {
		ret = atomic_load(&p->nreaders) ? pipe_fill_locked(p, &u, n) : -EPIPE;
	}
	mutex_unlock(&p->mutex);
	waitq_wake(&p->writers_q, -1, POLLOUT | POLLWRNORM);
	if (ret > 0) {
		waitq_wake(&p->readers_q, -1, POLLIN | POLLRDNORM);
	} else if (ret == -EPIPE) {
		fs_upcalls->send_sigpipe();
	}
	return ret;
}

int pipe_wait_room(struct file *f)
{
	const uint32_t wanted = POLLOUT | POLL_ALWAYS;
	struct poller p;
	int err = 0;

	poller_init(&p);
	p.pt.events = POLLOUT;
	if (!(file_poll(f, &p.pt) & wanted)) {
		do {
			err = poller_wait(&p, DEADLINE_NONE);
		} while (!err && !(file_poll(f, NULL) & wanted));
	}
	poller_end(&p);
	return err;
}

static long peek(struct pipe *p, char *buf, size_t n, bool nowait)
{
	long ret;

	mutex_lock(&p->mutex);
	ret = wait_data_locked(p, nowait);
	if (ret > 0) {
		ret = (long)peek_locked(p, buf, n);
	}
	mutex_unlock(&p->mutex);
	return ret;
}

long pipe_tee(struct file *in, struct file *out, size_t n, bool nowait)
{
	struct uio_seg seg;
	struct uio u;
	bool full;
	char *buf;
	long ret;

	if (!in->readable || !out->writable) {
		return -EBADF;
	}
	if (!file_is_pipe(in) || !file_is_pipe(out) || in->inode == out->inode) {
		return -EINVAL;
	}
	nowait |= file_nonblock(in, 0) || file_nonblock(out, 0);
	n = MIN(n, TEE_MAX);
	buf = kmalloc(n);
	if (!buf) {
		return -ENOMEM;
	}
	do {
		ret = peek(in->private_data, buf, n, nowait);
		if (ret > 0) {
			uio_init_kernel(&u, &seg, buf, (size_t)ret);
			ret = file_write(out, &u, NULL, IO_NOWAIT);
		}
		full = ret == -EAGAIN && !nowait;
		if (full) {
			ret = pipe_wait_room(out);
		}
	} while (full && !ret);
	kfree(buf);
	return ret;
}
