/* SPDX-License-Identifier: MIT */
/*
 * Pollers, and poll(2) and select(2) over them.
 *
 * A poller belongs to one thread.  Its entries stand in wait queues of files: whoever registers
 * keeps those files until poller_end() has taken the entries out.  Wake functions run under the
 * queue's lock with interrupts off and touch only `triggered` and the thread.
 */
#include <fs/event/poll.h>

#include "../fs_internal.h"

#include <fs/fdtable.h>
#include <fs/file.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <sched/thread.h>
#include <sync/waitq.h>

uint32_t file_poll(struct file *f, struct poll_table *pt)
{
	return f->ops && f->ops->poll ? f->ops->poll(f, pt) : POLL_DEFAULT;
}

static bool poller_wake(struct waitq_entry *e, uint32_t events)
{
	struct poller_entry *pe = container_of(e, struct poller_entry, wait);

	if (events && !(events & pe->events)) {
		return false;
	}
	atomic_store_explicit(&pe->poller->triggered, true, memory_order_release);
	return block_wake(e->thread);
}

static void poller_queue(struct poll_table *pt, struct waitq *q)
{
	struct poller *p = container_of(pt, struct poller, pt);
	struct poller_chunk *c = p->chunks;
	struct poller_entry *e;

	if (p->used < POLLER_INLINE) {
		e = &p->entries[p->used++];
	} else {
		if (!c || c->used == ARRAY_SIZE(c->entries)) {
			c = kmalloc(sizeof(*c));
			if (!c) {
				p->no_memory = true;
				return;
			}
			c->next = p->chunks;
			c->used = 0;
			p->chunks = c;
		}
		e = &c->entries[c->used++];
	}
	waitq_entry_init(&e->wait);
	e->wait.wake = poller_wake;
	e->poller = p;
	e->events = pt->events | POLL_ALWAYS;
	waitq_add(q, &e->wait);
}

void poller_init(struct poller *p)
{
	p->pt.queue = poller_queue;
	p->pt.events = ~0u;
	atomic_init(&p->triggered, false);
	p->no_memory = false;
	p->used = 0;
	p->chunks = NULL;
}
void poller_end(struct poller *p)
{
	for (unsigned i = 0; i < p->used; i++) {
		waitq_remove(&p->entries[i].wait);
	}
	while (p->chunks) {
		struct poller_chunk *c = p->chunks;

		p->chunks = c->next;
		for (unsigned i = 0; i < c->used; i++) {
			waitq_remove(&c->entries[i].wait);
		}
		kfree(c);
	}
}
int poller_wait(struct poller *p, uint64_t deadline)
{
	int err = 0;

	if (p->no_memory) {
		return -ENOMEM;
	}
	/* A wake after the scan has set `triggered` or finds us preparing: none is lost. */
	block_prepare(WAIT_INTR);
	if (atomic_exchange_explicit(&p->triggered, false, memory_order_acq_rel)) {
		block_cancel();
		return 0;
	}
	err = block(deadline);
	/* Full order: a wake that this forgets came before the scan that follows. */
	atomic_store(&p->triggered, false);
	return err;
}

static uint32_t poll_file(struct file *f, uint32_t events, struct poll_table *pt)
{
	if (pt) {
		pt->events = events;
	}
	return file_poll(f, pt) & (events | POLL_ALWAYS);
}
static uint32_t poll_fd(int fd, uint32_t events, struct poll_table *pt)
{
	struct fdref r;
	uint32_t mask;

	if (fdref_get(fd, &r)) {
		return POLLNVAL;
	}
	mask = poll_file(r.file, events, pt);
	fdref_put(&r);
	return mask;
}

/*
 * Another thread may close a descriptor of a shared table while our entry is in a queue of its
 * file, or while we are on the way there: the files that are registered with are held until
 * poller_end(), and just these are asked.  *out is NULL when nobody else can close them.
 */
static int hold_files(const struct linux_pollfd *fds, unsigned n, struct file ***out)
{
	struct file **files;

	*out = NULL;
	if (!fdtable_shared(thread_current()->files) || !n) {
		return 0;
	}
	files = kmalloc(n * sizeof(*files));
	if (!files) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		if (fds[i].fd < 0 || fd_get(fds[i].fd, &files[i])) {
			files[i] = NULL;
		}
	}
	*out = files;
	return 0;
}
static void release_files(struct file **files, unsigned n)
{
	for (unsigned i = 0; files && i < n; i++) {
		file_put(files[i]);
	}
	kfree(files);
}

/* One pass: how many are ready.  With pt it registers until it finds the first; files are those
 * to ask, NULL: look the descriptors up. */
static long scan(struct linux_pollfd *fds, unsigned n, struct poll_table *pt, struct file **files)
{
	long ready = 0;

	for (unsigned i = 0; i < n; i++) {
		uint32_t events = (uint16_t)fds[i].events, mask = 0;

		if (fds[i].fd >= 0 && !files) {
			mask = poll_fd(fds[i].fd, events, pt);
		} else if (fds[i].fd >= 0) {
			mask = files[i] ? poll_file(files[i], events, pt) : POLLNVAL;
		}
		fds[i].revents = (int16_t)mask;
		if (mask) {
			ready++;
			pt = NULL; /* no need to wait any more */
		}
	}
	return ready;
}

long fs_poll(struct linux_pollfd *fds, unsigned n, uint64_t deadline)
{
	struct file **files = NULL;
	struct poller p;
	long ready;
	int err;

	if (deadline == 0) {
		return scan(fds, n, NULL, NULL);
	}
	err = hold_files(fds, n, &files);
	if (err) {
		return err;
	}
	poller_init(&p);
	ready = scan(fds, n, &p.pt, files);
	while (!ready && !err) {
		err = poller_wait(&p, deadline);
		ready = scan(fds, n, NULL, NULL);
	}
	poller_end(&p);
	release_files(files, n);
	if (ready) {
		return ready;
	}
	return err == -ETIMEDOUT ? 0 : err;
}

#define SEL_IN (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SEL_OUT (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define SEL_EX POLLPRI

static bool get_bit(const uint64_t *set, int fd)
{
	return set && set[fd / 64] >> (fd % 64) & 1;
}

static void select_result(uint64_t *set, int fd, bool ready, long *bits)
{
	if (ready) {
		(*bits)++;
	} else {
		set[fd / 64] &= ~(1ull << (fd % 64));
	}
}

/* select(2) as poll(2) over the descriptors that are in a set. */
long fs_select(int nfds, uint64_t *in, uint64_t *out, uint64_t *except, uint64_t deadline)
{
	struct linux_pollfd few[16], *fds = few;
	unsigned n = 0, count = 0;
	long ready, bits = 0;

	for (int fd = 0; fd < nfds; fd++) {
		count += get_bit(in, fd) || get_bit(out, fd) || get_bit(except, fd);
	}
	if (count > ARRAY_SIZE(few)) {
		fds = kmalloc(count * sizeof(*fds));
		if (!fds) {
			return -ENOMEM;
		}
	}
	for (int fd = 0; fd < nfds; fd++) {
		unsigned ev = (get_bit(in, fd) ? SEL_IN : 0) | (get_bit(out, fd) ? SEL_OUT : 0) |
			      (get_bit(except, fd) ? SEL_EX : 0);

		if (ev) {
			fds[n++] = (struct linux_pollfd){ fd, (int16_t)ev, 0 };
		}
	}
	ready = fs_poll(fds, n, deadline);
	for (unsigned i = 0; i < n && ready >= 0; i++) {
		unsigned got = (uint16_t)fds[i].revents;
		int fd = fds[i].fd;

		if (got & POLLNVAL) {
			ready = -EBADF;
			break;
		}
		if (get_bit(in, fd)) {
			select_result(in, fd, got & SEL_IN, &bits);
		}
		if (get_bit(out, fd)) {
			select_result(out, fd, got & SEL_OUT, &bits);
		}
		if (get_bit(except, fd)) {
			select_result(except, fd, got & SEL_EX, &bits);
		}
	}
	/* the caller's words are answered whole */
	if (nfds % 64) {
		uint64_t rest = (1ull << nfds % 64) - 1;

		in[nfds / 64] &= rest;
		out[nfds / 64] &= rest;
		except[nfds / 64] &= rest;
	}
	if (fds != few) {
		kfree(fds);
	}
	return ready < 0 ? ready : bits;
}
