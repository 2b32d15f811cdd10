/* SPDX-License-Identifier: MIT */
/*
 * signalfd(2): signals of a set as records to be read.
 *
 * A descriptor has no queue: it reads those of the thread that calls, whoever made it.  A reader sleeps
 * on its process's signal_waitq, under the siglock, under which signals become pending.
 */
#include <signal/signalfd.h>

#include <fs/event/poll.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <signal/signal.h>

struct signalfd {
	_Atomic uint64_t mask; /* signals to take */
};

static void convert(const struct siginfo *info, struct linux_signalfd_siginfo *s)
{
	memset(s, 0, sizeof(*s));
	s->signo = (uint32_t)info->signo;
	s->error = info->error;
	s->code = info->code;
	if (info->code == SI_TIMER) {
		s->tid = (uint32_t)info->timer.id;
		s->overrun = (uint32_t)info->timer.overrun;
		s->value_ptr = info->timer.value;
		s->value_int = (int32_t)info->timer.value;
		return;
	}
	if (info->signo == SIGCHLD && info->code > 0) {
		s->pid = (uint32_t)info->chld.pid;
		s->uid = info->chld.uid;
		s->status = info->chld.status;
		s->utime = (uint64_t)info->chld.utime;
		s->stime = (uint64_t)info->chld.stime;
		return;
	}
	if ((1u << info->signo & (1u << SIGSEGV | 1u << SIGBUS | 1u << SIGILL | 1u << SIGFPE)) &&
	    info->signo < 32 && info->code > 0) {
		s->addr = info->fault.addr;
		return;
	}
	if (info->signo == SIGIO && info->code > 0) {
		s->band = (uint32_t)info->poll.band;
		s->fd = info->poll.fd;
		return;
	}
	s->pid = (uint32_t)info->rt.pid;
	s->uid = info->rt.uid;
	s->value_ptr = info->rt.value;
	s->value_int = (int32_t)info->rt.value;
}

/* One signal: 1, 0 = none pending (nonblock), -errno. */
static int take(struct signalfd *s, struct siginfo *info, bool wait)
{
	struct task *t = task_current();
	struct process *p = t->process;
	uint64_t flags = process_lock(p);
	int sig, err = 0;

	for (;;) {
		sig = signal_dequeue_locked(t, atomic_load(&s->mask), info);
		if (sig || err || !wait) {
			break;
		}
		err = waitq_wait_irq(&p->signal_waitq, &p->siglock, WAIT_INTR, DEADLINE_NONE);
	}
	signal_recalc_locked(t);
	process_unlock(p, flags);
	return sig ? 1 : err;
}

static long signalfd_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct signalfd *s = f->private_data;
	bool wait = !file_nonblock(f, flags);
	struct linux_signalfd_siginfo out;
	struct siginfo info;
	long done = 0;

	if (u->left < sizeof(out)) {
		return -EINVAL;
	}
	while (u->left >= sizeof(out)) {
		int n = take(s, &info, wait);

		if (n <= 0) {
			n = n ? n : -EAGAIN;
			return done ? done : n;
		}
		convert(&info, &out);
		if (uio_write_to(u, &out, sizeof(out)) != sizeof(out)) {
			return done ? done : -EFAULT;
		}
		done += (long)sizeof(out);
		wait = false;
	}
	return done;
}

static uint32_t signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->private_data;
	struct task *t = task_current();
	uint64_t flags, set;

	poll_wait(pt, &t->process->signal_waitq);
	flags = process_lock(t->process);
	set = t->pending.set | t->process->shared.set;
	process_unlock(t->process, flags);
	return set & atomic_load(&s->mask) ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	kfree(f->private_data);
}

static void signalfd_show(struct file *f, char *buf, size_t size)
{
	struct signalfd *s = f->private_data;

	fmt_snprintf(buf, size, "sigmask:\t%016lx\n", atomic_load(&s->mask));
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.show_fdinfo = signalfd_show,
};

static int change(int fd, uint64_t mask)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err) {
		return err;
	}
	if (f->ops == &signalfd_ops) {
		struct signalfd *s = f->private_data;

		atomic_store(&s->mask, mask);
		/* Sleeping readers look again. */
		waitq_wake_all(&process_current()->signal_waitq);
	} else {
		err = -EINVAL;
	}
	file_put(f);
	return err ? err : fd;
}

long signalfd_set(int fd, uint64_t mask, int flags)
{
	struct signalfd *s;
	struct file *f;
	int err;

	mask &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
	if (fd != -1) {
		return change(fd, mask);
	}
	s = kzalloc(sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	atomic_store(&s->mask, mask);
	err = file_alloc_anon(&signalfd_ops, s, O_RDWR | (flags & SFD_NONBLOCK ? O_NONBLOCK : 0),
			      0600, "anon_inode:[signalfd]", &f);
	if (err) {
		kfree(s);
		return err;
	}
	return fd_give(f, flags & SFD_CLOEXEC);
}
