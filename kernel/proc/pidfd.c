/* SPDX-License-Identifier: MIT */
/*
 * pidfds, see proc/pidfd.h.  The descriptor counts the struct pid, not the process: it keeps neither
 * the zombie nor the number in use, and its number can't come to mean another process.
 */
#include <proc/pidfd.h>

#include <fs/event/poll.h>
#include <fs/file.h>
#include <lib/format.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <proc/task.h>

static bool has_ended(struct pid *p)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	bool ended = p->process ? p->process->state != PROCESS_ALIVE : !READ_ONCE(p->task);

	spin_unlock_irqrestore(&proctree_lock, flags);
	return ended;
}

static uint32_t pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct pid *p = f->private_data;

	poll_wait(pt, &p->exit_waitq);
	return has_ended(p) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	pid_put(f->private_data);
}

static void pidfd_show(struct file *f, char *buf, size_t size)
{
	struct pid *p = f->private_data;
	int nr = READ_ONCE(p->users) ? p->nr : -1;

	fmt_snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", nr, nr);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.show_fdinfo = pidfd_show,
};

int pidfd_create(struct pid *pid, int flags, bool thread, struct file **out)
{
	int err = file_alloc_anon(&pidfd_ops, pid, O_RDWR | (flags & PIDFD_NONBLOCK), 0600,
				  "anon_inode:[pidfd]", out);

	if (!err) {
		pid_get(pid);
	}
	return err;
}

int pidfd_get_pid(struct file *f, struct pid **out)
{
	if (f->ops != &pidfd_ops) {
		return -EBADF;
	}
	*out = f->private_data;
	pid_get(*out);
	return 0;
}
