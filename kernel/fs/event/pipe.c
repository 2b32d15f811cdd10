/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs.
 *
 * All of a pipe's ring belongs to pipe->mutex, which is held over user copies; `len` and the
 * counts of readers and writers are also read without it, by poll.  A reader or writer that waits
 * lets go of the mutex only once it is in the queue, and the other side changes the ring or the
 * counts under the mutex before it wakes.
 */
#include <fs/event/pipe.h>

#include "../fs_internal.h"
#include "pipe_internal.h"

#include <fs/attr.h>
#include <fs/cred.h>
#include <fs/event/poll.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/ioctls.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <mm/user_ptr.h>
#include <mm/usercopy.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/mutex.h>
#include <sync/waitq.h>

#define DEFAULT_PAGES 16
#define SMALL_PAGES 2

uint64_t pipe_max_size = 1048576;

static const struct file_ops pipe_ops;

/* n pages more for whom p is charged to; false: that would be too many. */
static bool charge(struct pipe *p, unsigned n)
{
	bool trusted = cred_capable(CAP_SYS_RESOURCE) || cred_capable(CAP_SYS_ADMIN);

	return fs_upcalls->charge(
		p->payer, USER_PIPE_PAGES, n,
		trusted ? UINT64_MAX : PIPE_USER_PAGES_SOFT - MIN(n, PIPE_USER_PAGES_SOFT) + 1);
}
static void uncharge(struct pipe *p, unsigned n)
{
	fs_upcalls->uncharge(p->payer, USER_PIPE_PAGES, n);
}

static struct pipe *pipe_new(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p) {
		return NULL;
	}
	mutex_init(&p->mutex, RANK_PIPE, "pipe");
	mutex_assert_unshared(&p->mutex);
	p->payer = fs_upcalls->get_user();
	p->npages = DEFAULT_PAGES;
	if (!charge(p, p->npages)) {
		/* There is no hard limit but that of descriptors. */
		p->npages = SMALL_PAGES;
		(void)!fs_upcalls->charge(p->payer, USER_PIPE_PAGES, p->npages, UINT64_MAX);
	}
	p->pages = kcalloc(p->npages, sizeof(*p->pages));
	if (!p->pages) {
		uncharge(p, p->npages);
		fs_upcalls->put_user(p->payer);
		kfree(p);
		return NULL;
	}
	waitq_init(&p->readers_q);
	waitq_init(&p->writers_q);
	return p;
}
static void drop_pages(struct pipe *p) REQUIRES(pipe_role)
{
	for (unsigned i = 0; i < p->npages; i++) {
		if (p->pages[i]) {
			page_put(p->pages[i]);
			p->pages[i] = NULL;
		}
	}
}
static void pipe_free(struct pipe *p)
{
	mutex_assert_unshared(&p->mutex);
	drop_pages(p);
	if (p->spare) {
		page_put(p->spare);
	}
	uncharge(p, p->npages);
	fs_upcalls->put_user(p->payer);
	kfree(p->pages);
	kfree(p);
}

/* The page for ring offset off; made when missing. */
static struct page *page_at(struct pipe *p, size_t off) REQUIRES(pipe_role)
{
	struct page **slot = &p->pages[off / PAGE_SIZE];

	if (!*slot) {
		*slot = p->spare ? p->spare : page_alloc_user(0, 0);
		p->spare = NULL;
	}
	return *slot;
}
static void page_done(struct pipe *p, size_t off) REQUIRES(pipe_role)
{
	struct page **slot = &p->pages[off / PAGE_SIZE];

	if (!p->spare) {
		p->spare = *slot;
	} else {
		page_put(*slot);
	}
	*slot = NULL;
}

long pipe_fill_locked(struct pipe *p, struct uio *u, size_t max)
{
	size_t done = 0;

	mutex_assert_held(&p->mutex);
	while (done < max && p->len < pipe_capacity(p)) {
		size_t at = (p->head + p->len) % pipe_capacity(p);
		size_t n = pipe_part_of_page(at, max - done, pipe_capacity(p) - p->len);
		struct page *page = page_at(p, at);
		size_t got;

		if (!page) {
			return done ? (long)done : -ENOMEM;
		}
		got = uio_read_from(u, (char *)page_to_virt(page) + at % PAGE_SIZE, n);
		WRITE_ONCE(p->len, p->len + got);
		done += got;
		if (got < n) {
			return done ? (long)done : -EFAULT;
		}
	}
	return (long)done;
}
void pipe_drop_locked(struct pipe *p, size_t n)
{
	size_t at = p->head;

	mutex_assert_held(&p->mutex);
	p->head = (at + n) % pipe_capacity(p);
	WRITE_ONCE(p->len, p->len - n);
	if (p->len == 0 || (n && p->head % PAGE_SIZE == 0)) {
		/* With a full ring the tail may share the page of the head. */
		if (p->len <= pipe_capacity(p) - PAGE_SIZE) {
			page_done(p, at);
		}
	}
	if (p->len == 0) {
		p->head = 0;
	}
}
static long drain_locked(struct pipe *p, struct uio *u) REQUIRES(pipe_role)
{
	size_t done = 0;

	mutex_assert_held(&p->mutex);
	while (u->left && p->len) {
		size_t at = p->head;
		size_t n = pipe_part_of_page(at, u->left, p->len);
		size_t got;

		got = uio_write_to(
			u, (char *)page_to_virt(p->pages[at / PAGE_SIZE]) + at % PAGE_SIZE, n);
		pipe_drop_locked(p, got);
		done += got;
		if (got < n) {
			return done ? (long)done : -EFAULT;
		}
	}
	return (long)done;
}

static long pipe_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct pipe *p = f->private_data;
	long n = 0;
	int err = 0;

	if (u->left == 0) {
		return 0;
	}
	mutex_lock(&p->mutex);
	while (p->len == 0 || p->taking) {
		if (p->len == 0 && !atomic_load(&p->nwriters)) {
			goto out;
		}
		if (file_nonblock(f, flags)) {
			n = -EAGAIN;
			goto out;
		}
		err = waitq_wait_mutex(&p->readers_q, &p->mutex, WAIT_INTR, DEADLINE_NONE);
		if (err) {
			n = err;
			goto out;
		}
	}
	n = drain_locked(p, u);
out:
	mutex_unlock(&p->mutex);
	if (n > 0 && waitq_active(&p->writers_q)) {
		waitq_wake(&p->writers_q, -1, POLLOUT | POLLWRNORM);
	}
	return n;
}

static void wake_readers(struct pipe *p)
{
	if (waitq_active(&p->readers_q)) {
		waitq_wake(&p->readers_q, -1, POLLIN | POLLRDNORM);
	}
}

static long pipe_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct pipe *p = f->private_data;
	size_t total = u->left, done = 0;
	long n = 0;

	if (total == 0) {
		return 0;
	}
	mutex_lock(&p->mutex);
	while (done < total) {
		size_t room = p->filling ? 0 : pipe_capacity(p) - p->len;

		if (!atomic_load(&p->nreaders)) {
			n = -EPIPE;
			break;
		}
		/* Up to PIPE_BUF at once or not at all; the rest of a large write as it fits. */
		if (room >= MIN(total - done, (size_t)PIPE_BUF) || (done && room)) {
			n = pipe_fill_locked(p, u, total - done);
			if (n < 0) {
				break;
			}
			done += (size_t)n;
			continue;
		}
		if (file_nonblock(f, flags)) {
			/* A large non-blocking write takes what there is. */
			if (total > PIPE_BUF && room) {
				n = pipe_fill_locked(p, u, room);
				done += n > 0 ? (size_t)n : 0;
			}
			n = n < 0 ? n : -EAGAIN;
			break;
		}
		wake_readers(p);
		n = waitq_wait_mutex(&p->writers_q, &p->mutex, WAIT_INTR, DEADLINE_NONE);
		if (n) {
			break;
		}
	}
	mutex_unlock(&p->mutex);
	if (done) {
		wake_readers(p);
		return (long)done;
	}
	if (n == -EPIPE) {
		fs_upcalls->send_sigpipe();
	}
	return n;
}

static uint32_t pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private_data;
	uint32_t mask = 0;

	if (f->readable) {
		poll_wait(pt, &p->readers_q);
	}
	if (f->writable) {
		poll_wait(pt, &p->writers_q);
	}
	if (f->readable) {
		if (READ_ONCE(p->len)) {
			mask |= POLLIN | POLLRDNORM;
		}
		/* A FIFO that never had a writer is not hung up. */
		if (!atomic_load(&p->nwriters) && f->fifo_writers != p->writer_opens) {
			mask |= POLLHUP;
		}
	}
	if (f->writable) {
		if (pipe_capacity(p) - READ_ONCE(p->len) >= PIPE_BUF) {
			mask |= POLLOUT | POLLWRNORM;
		}
		if (!atomic_load(&p->nreaders)) {
			mask |= POLLERR;
		}
	}
	return mask;
}

static long pipe_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	struct pipe *p = f->private_data;

	if (cmd == FIONREAD) {
		return put_user_u32((user_ptr){ arg }, (uint32_t)READ_ONCE(p->len));
	}
	return -ENOTTY;
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->private_data;
	struct inode *inode = f->inode;
	bool last;

	mutex_lock(&inode->lock);
	mutex_lock(&p->mutex);
	if (f->readable) {
		atomic_fetch_sub(&p->nreaders, 1);
	}
	if (f->writable) {
		atomic_fetch_sub(&p->nwriters, 1);
	}
	last = atomic_fetch_sub(&p->users, 1) == 1;
	if (last) {
		inode->fifo = NULL;
	}
	/* Not later: a reader that sees the end may close and free the pipe at once. */
	waitq_wake_all(&p->readers_q);
	waitq_wake_all(&p->writers_q);
	mutex_unlock(&p->mutex);
	mutex_unlock(&inode->lock);
	if (last) {
		pipe_free(p);
	}
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
};
bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_ops;
}

static int pipe_inode_setattr(struct inode *inode, const struct iattr *a)
{
	inode_setattr_generic(inode, a);
	return 0;
}
static const struct inode_ops fifo_inode_ops = {
	.open = fifo_open, /* through /proc/self/fd */
	.setattr = pipe_inode_setattr,
};

int pipe_create(int flags, struct file **reader, struct file **writer)
{
	struct inode *inode = anon_inode_new(&fifo_inode_ops, S_IFIFO | 0600);
	struct pipe *p = inode ? pipe_new() : NULL;
	int err = -ENOMEM;

	if (!p) {
		goto out_inode;
	}
	flags &= O_NONBLOCK;
	err = file_alloc_inode(&pipe_ops, p, O_RDONLY | flags, inode, "pipe:", reader);
	if (err) {
		goto out_pipe;
	}
	inode_get(inode);
	err = file_alloc_inode(&pipe_ops, p, O_WRONLY | flags, inode, "pipe:", writer);
	if (err) {
		(*reader)->ops = NULL;
		file_put(*reader);
		goto out_pipe;
	}
	inode->fifo = p;
	atomic_init(&p->nreaders, 1);
	atomic_init(&p->nwriters, 1);
	atomic_init(&p->users, 2);
	p->reader_opens = p->writer_opens = 1;
	return 0;
out_pipe:
	pipe_free(p);
out_inode:
	inode_put(inode);
	return err;
}

/* Waits until the other side has been opened (once is enough, it may have gone again). */
static int fifo_wait_peer(struct pipe *p, bool want_writer) REQUIRES(pipe_role)
{
	unsigned *opens = want_writer ? &p->writer_opens : &p->reader_opens;
	_Atomic unsigned *now = want_writer ? &p->nwriters : &p->nreaders;
	struct waitq *q = want_writer ? &p->readers_q : &p->writers_q;
	unsigned seen = *opens;
	int err = 0;

	while (!atomic_load(now) && *opens == seen && !err) {
		err = waitq_wait_mutex(q, &p->mutex, WAIT_INTR, DEADLINE_NONE);
	}
	return err;
}

static int fifo_attach(struct inode *inode, struct pipe **out)
{
	struct pipe *p;

	mutex_lock(&inode->lock);
	p = inode->fifo;
	if (!p) {
		p = pipe_new();
		inode->fifo = p;
	}
	if (p) {
		atomic_fetch_add(&p->users, 1);
	}
	mutex_unlock(&inode->lock);
	*out = p;
	return p ? 0 : -ENOMEM;
}

int fifo_open(struct inode *inode, struct file *f)
{
	bool nonblock = file_nonblock(f, 0);
	struct pipe *p;
	int err = f->readable || f->writable ? fifo_attach(inode, &p) : -EINVAL;

	if (err) {
		return err;
	}
	f->private_data = p;
	f->no_seek = true;
	mutex_lock(&p->mutex);
	f->fifo_writers = 0;
	if (f->writable && !f->readable && nonblock && !atomic_load(&p->nreaders)) {
		err = -ENXIO;
	}
	if (f->readable) {
		f->fifo_writers = atomic_load(&p->nwriters) ? 0 : p->writer_opens;
		atomic_fetch_add(&p->nreaders, 1);
		p->reader_opens++;
	}
	if (f->writable) {
		atomic_fetch_add(&p->nwriters, 1);
		p->writer_opens++;
	}
	waitq_wake_all(&p->readers_q);
	waitq_wake_all(&p->writers_q);
	if (!err && !nonblock && !(f->readable && f->writable)) {
		err = fifo_wait_peer(p, f->readable);
	}
	mutex_unlock(&p->mutex);
	if (err) {
		pipe_release(f);
		return err;
	}
	f->ops = &pipe_ops;
	return 0;
}

long pipe_get_size(struct file *f)
{
	return file_is_pipe(f) ? (long)pipe_capacity(f->private_data) : -EBADF;
}
long pipe_set_size(struct file *f, uint64_t size)
{
	struct pipe *p = f->private_data;
	struct page **pages;
	unsigned npages = 1, used;
	long err = 0;

	if (!file_is_pipe(f)) {
		return -EBADF;
	}
	if (size > 1u << 31) {
		return -EINVAL;
	}
	while (npages * PAGE_SIZE < size) {
		npages *= 2;
	}
	if (npages * PAGE_SIZE > pipe_max_size && npages > p->npages &&
	    !cred_capable(CAP_SYS_RESOURCE)) {
		return -EPERM;
	}
	pages = kcalloc(npages, sizeof(*pages));
	if (!pages) {
		return -ENOMEM;
	}
	mutex_lock(&p->mutex);
	/* The data keeps its pages, the oldest comes to slot 0. */
	used = p->len ? (unsigned)((p->head % PAGE_SIZE + p->len + PAGE_SIZE - 1) / PAGE_SIZE) : 0;
	if (used > npages || used > p->npages || p->filling) {
		err = -EBUSY;
	} else if (npages > p->npages && !charge(p, npages - p->npages)) {
		err = -EPERM;
	} else {
		if (npages < p->npages) {
			uncharge(p, p->npages - npages);
		}
		for (unsigned i = 0; i < used; i++) {
			unsigned from = (unsigned)(p->head / PAGE_SIZE + i) % p->npages;

			pages[i] = p->pages[from];
			p->pages[from] = NULL;
		}
		drop_pages(p);
		p->head %= PAGE_SIZE;
		kfree(p->pages);
		p->pages = pages;
		p->npages = npages;
	}
	mutex_unlock(&p->mutex);
	if (err) {
		kfree(pages);
		return err;
	}
	waitq_wake(&p->writers_q, -1, POLLOUT | POLLWRNORM);
	return (long)(npages * PAGE_SIZE);
}
