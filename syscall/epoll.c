/* SPDX-License-Identifier: MIT */
/* epoll_create, epoll_ctl, epoll_wait and its forms; eventfd. */
#include <syscall/deadline.h>
#include <syscall/syscalls.h>

#include <fs/event/epoll.h>
#include <fs/event/eventfd.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <signal/signal.h>

#define FEW_EVENTS 16
#define MANY_EVENTS 512 /* more are fetched in the next call, as maxevents is only a limit */

long sys_epoll_create1(int flags)
{
	struct file *f;
	long err;

	if (flags & ~(int)EPOLL_CLOEXEC) {
		return -EINVAL;
	}
	err = epoll_create_file(&f);
	return err ? err : fd_give(f, flags & EPOLL_CLOEXEC);
}
long sys_epoll_create(int size)
{
	return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

long sys_epoll_ctl(int epfd, int op, int fd, user_ptr event)
{
	struct linux_epoll_event ev = { 0, 0 };
	struct fdref ep, target;
	long err;

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, event, sizeof(ev))) {
		return -EFAULT;
	}
	err = fdref_get(epfd, &ep);
	if (err) {
		return err;
	}
	err = fdref_get(fd, &target);
	if (!err) {
		err = epoll_control(ep.file, op, fd, target.file, &ev);
		fdref_put(&target);
	}
	fdref_put(&ep);
	return err;
}

static long do_wait(int epfd, user_ptr events, int max, uint64_t deadline)
{
	struct linux_epoll_event few[FEW_EVENTS], *buf = few;
	struct fdref ep;
	unsigned room;
	long n;

	if (max <= 0 || (size_t)max > INT32_MAX / sizeof(*buf)) {
		return -EINVAL;
	}
	if (!user_range_ok(events, (uint64_t)max * sizeof(*buf))) {
		return -EFAULT;
	}
	n = fdref_get(epfd, &ep);
	if (n) {
		return n;
	}
	if (!file_is_epoll(ep.file)) {
		n = -EINVAL;
		goto out;
	}
	room = (unsigned)MIN(max, MANY_EVENTS);
	if (room > FEW_EVENTS) {
		buf = kmalloc(room * sizeof(*buf));
		if (!buf) {
			n = -ENOMEM;
			goto out;
		}
	}
	n = epoll_wait_events(ep.file, buf, room, deadline);
	if (n > 0 && copy_to_user(events, buf, (size_t)n * sizeof(*buf))) {
		n = -EFAULT;
	}
	if (buf != few) {
		kfree(buf);
	}
out:
	fdref_put(&ep);
	return n;
}
static long wait_masked(int epfd, user_ptr events, int max, uint64_t deadline, user_ptr sigmask,
			size_t setsize)
{
	uint64_t mask;
	long ret;

	if (user_ptr_is_null(sigmask)) {
		return do_wait(epfd, events, max, deadline);
	}
	ret = signal_copy_mask(sigmask, setsize, &mask);
	if (ret) {
		return ret;
	}
	signal_begin_temporary_mask(mask);
	ret = do_wait(epfd, events, max, deadline);
	signal_end_temporary_mask(ret);
	return ret;
}
long sys_epoll_wait(int epfd, user_ptr events, int max, int timeout)
{
	return do_wait(epfd, events, max, deadline_after_ms(timeout));
}
long sys_epoll_pwait(int epfd, user_ptr events, int max, int timeout, user_ptr sigmask,
		     size_t setsize)
{
	return wait_masked(epfd, events, max, deadline_after_ms(timeout), sigmask, setsize);
}
long sys_epoll_pwait2(int epfd, user_ptr events, int max, user_ptr timeout, user_ptr sigmask,
		      size_t setsize)
{
	uint64_t deadline;
	int err = deadline_after_timespec(timeout, &deadline);

	return err ? err : wait_masked(epfd, events, max, deadline, sigmask, setsize);
}

long sys_eventfd2(unsigned count, int flags)
{
	struct file *f;
	long err = eventfd_create(count, flags, &f);

	return err ? err : fd_give(f, flags & EFD_CLOEXEC);
}
long sys_eventfd(unsigned count)
{
	return sys_eventfd2(count, 0);
}
