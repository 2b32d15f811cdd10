/* SPDX-License-Identifier: MIT */
/*
 * timerfd(2): a timer that is read as a count of expiries.
 *
 * t->lock covers a descriptor's timer; the timer function takes it, in an interrupt.  wall_lock covers
 * the list of those that follow the wall clock, and comes first.  Release takes the descriptor off the
 * list, disarms it, and waits for a function that runs, in this order: nothing can arm it again.
 */
#include <arch/clock.h>
#include <fs/event/poll.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <time/posix_timers_api.h>
#include "timers_internal.h"

struct timerfd {
	SPINLOCK(timerfd) lock; /* irq: the timer function takes it */
	struct waitq waitq;
	struct timer timer;
	int clock;
	int set_flags GUARDED_BY(timerfd_role);	   /* TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET */
	uint64_t expires GUARDED_BY(timerfd_role); /* ns, clock_mono_ns(); 0 = disarmed */
	uint64_t wall GUARDED_BY(timerfd_role);	   /* ns, absolute time on a wall clock */
	uint64_t interval GUARDED_BY(timerfd_role);
	uint64_t ticks
		GUARDED_BY(timerfd_role); /* expiries not read; of a periodic timer the last only */
	bool canceled GUARDED_BY(timerfd_role);	       /* the wall clock was set */
	struct list link GUARDED_BY(wall_timers_role); /* [wall_lock] */
};

static SPINLOCK(wall_timers) wall_lock = SPINLOCK_INIT(RANK_FUTEX_PI, "wall clock timerfds");
static struct list wall_timers = LIST_INIT(wall_timers);

static void expired(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);
	uint64_t flags = spin_lock_irqsave(&t->lock);

	if (t->expires && clock_mono_ns() >= t->expires) {
		t->ticks++;
		if (!t->interval) {
			t->expires = 0;
		}
		/* A periodic one is armed again when it is read: missed periods are counted. */
		waitq_wake(&t->waitq, -1, POLLIN | POLLRDNORM);
	}
	spin_unlock_irqrestore(&t->lock, flags);
}

/* Periods that have passed; arms for the next. */
static uint64_t take_ticks_locked(struct timerfd *t) REQUIRES(timerfd_role)
{
	uint64_t ticks = t->ticks, now = clock_mono_ns();

	ASSERT(spin_held(&t->lock));
	if (ticks && t->interval && t->expires) {
		uint64_t n = now >= t->expires ? (now - t->expires) / t->interval : 0;

		ticks += n;
		t->expires += (n + 1) * t->interval;
		timer_arm(&t->timer, t->expires);
	}
	t->ticks = 0;
	return ticks;
}

static long timerfd_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct timerfd *t = f->private_data;
	bool nonblock = file_nonblock(f, flags);
	uint64_t irq, ticks = 0;
	int err = 0;

	if (u->left < sizeof(ticks)) {
		return -EINVAL;
	}
	irq = spin_lock_irqsave(&t->lock);
	while (!t->ticks && !t->canceled && !err) {
		err = nonblock ? -EAGAIN
			       : waitq_wait_irq(&t->waitq, &t->lock, WAIT_INTR, DEADLINE_NONE);
	}
	if (t->canceled) {
		t->canceled = false;
		t->ticks = 0;
		err = -ECANCELED;
	} else if (t->ticks) {
		ticks = take_ticks_locked(t);
		err = 0;
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (err) {
		return err;
	}
	return uio_write_to(u, &ticks, sizeof(ticks)) == sizeof(ticks) ? (long)sizeof(ticks)
								       : -EFAULT;
}

static uint32_t timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->private_data;

	poll_wait(pt, &t->waitq);
	return READ_ONCE(t->ticks) || READ_ONCE(t->canceled) ? POLLIN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->private_data;
	uint64_t flags = spin_lock_irqsave(&wall_lock);

	list_remove(&t->link);
	spin_unlock_irqrestore(&wall_lock, flags);
	flags = spin_lock_irqsave(&t->lock);
	t->expires = 0;
	spin_unlock_irqrestore(&t->lock, flags);
	timer_cancel_sync(&t->timer);
	kfree(t);
}

static void get_locked(struct timerfd *t, struct linux_itimerspec *out) REQUIRES(timerfd_role)
{
	uint64_t now = clock_mono_ns(), expires = t->expires;

	ASSERT(spin_held(&t->lock));
	if (expires && expires <= now && t->interval) {
		expires += ((now - expires) / t->interval + 1) * t->interval;
	}
	out->value = ns_to_timespec(expires > now ? expires - now : 0);
	out->interval = ns_to_timespec(t->interval);
}

static void timerfd_show(struct file *f, char *buf, size_t size)
{
	struct timerfd *t = f->private_data;
	struct linux_itimerspec s;
	uint64_t flags = spin_lock_irqsave(&t->lock);

	get_locked(t, &s);
	fmt_snprintf(buf, size,
		     "clockid: %d\nticks: %lu\nsettime flags: 0%o\nit_value: (%ld, %ld)\n"
		     "it_interval: (%ld, %ld)\n",
		     t->clock, t->ticks, t->set_flags, s.value.sec, s.value.nsec, s.interval.sec,
		     s.interval.nsec);
	spin_unlock_irqrestore(&t->lock, flags);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
	.show_fdinfo = timerfd_show,
};

long timerfd_create_fd(int clock, int flags)
{
	struct timerfd *t;
	struct file *f;
	int err;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK) ||
	    (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME &&
	     clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM)) {
		return -EINVAL;
	}
	t = kzalloc(sizeof(*t));
	if (!t) {
		return -ENOMEM;
	}
	spin_init(&t->lock, RANK_FS_LEAF, "timerfd");
	waitq_init(&t->waitq);
	timer_init(&t->timer, expired);
	list_init(&t->link);
	t->clock = clock;
	err = file_alloc_anon(&timerfd_ops, t, O_RDWR | (flags & O_NONBLOCK), 0600,
			      "anon_inode:[timerfd]", &f);
	if (err) {
		kfree(t);
		return err;
	}
	return fd_give(f, flags & O_CLOEXEC);
}

/* The timerfd behind fd; the file is counted. */
static int lookup(int fd, struct file **f, struct timerfd **t)
{
	int err = fd_get(fd, f);

	if (err) {
		return err;
	}
	if ((*f)->ops != &timerfd_ops) {
		file_put(*f);
		return -EINVAL;
	}
	*t = (*f)->private_data;
	return 0;
}

static void arm_locked(struct timerfd *t, int flags, const struct linux_itimerspec *s)
	REQUIRES(timerfd_role)
{
	bool absolute = flags & TIMER_ABSTIME;

	ASSERT(spin_held(&t->lock));
	t->set_flags = flags;
	t->ticks = 0;
	t->canceled = false;
	t->interval = timespec_to_ns(&s->interval);
	t->wall = timespec_to_ns(&s->value);
	t->expires = t->wall ? MAX(clock_deadline(t->clock, &s->value, absolute), 1ull) : 0;
	if (t->expires) {
		timer_arm(&t->timer, t->expires);
	} else {
		timer_cancel(&t->timer);
	}
}

int timerfd_set(int fd, int flags, const struct linux_itimerspec *s, struct linux_itimerspec *old)
{
	struct timerfd *t;
	struct file *f;
	uint64_t irq;
	bool on_wall;
	int err;

	if (flags & ~(TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) || !timespec_valid(&s->value) ||
	    !timespec_valid(&s->interval)) {
		return -EINVAL;
	}
	err = lookup(fd, &f, &t);
	if (err) {
		return err;
	}
	on_wall = clock_is_wall(t->clock) && flags & TIMER_ABSTIME;
	irq = spin_lock_irqsave(&wall_lock);
	list_remove(&t->link);
	if (on_wall) {
		list_push_back(&wall_timers, &t->link);
	}
	spin_unlock_irqrestore(&wall_lock, irq);
	irq = spin_lock_irqsave(&t->lock);
	get_locked(t, old);
	arm_locked(t, flags, s);
	spin_unlock_irqrestore(&t->lock, irq);
	file_put(f);
	return 0;
}

int timerfd_get(int fd, struct linux_itimerspec *out)
{
	struct timerfd *t;
	struct file *f;
	uint64_t irq;
	int err = lookup(fd, &f, &t);

	if (err) {
		return err;
	}
	irq = spin_lock_irqsave(&t->lock);
	get_locked(t, out);
	spin_unlock_irqrestore(&t->lock, irq);
	file_put(f);
	return 0;
}

void timerfd_clock_was_set(void)
{
	uint64_t flags = spin_lock_irqsave(&wall_lock);
	struct timerfd *t;

	list_for_each_entry(t, &wall_timers, link) {
		spin_lock(&t->lock);
		if (t->set_flags & TFD_TIMER_CANCEL_ON_SET) {
			t->canceled = true;
			waitq_wake(&t->waitq, -1, POLLIN | POLLRDNORM);
		}
		if (t->expires) {
			struct timespec64 at = ns_to_timespec(t->wall);

			t->expires = MAX(clock_deadline(t->clock, &at, true), 1ull);
			timer_arm(&t->timer, t->expires);
		}
		spin_unlock(&t->lock);
	}
	spin_unlock_irqrestore(&wall_lock, flags);
}
