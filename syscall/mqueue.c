/* SPDX-License-Identifier: MIT */
/* POSIX message queues: names, times and attributes are copied here, messages in kernel/ipc/mqueue.c. */
#include <syscall/deadline.h>
#include <syscall/syscalls.h>

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <ipc/ipc.h>
#include <time/posix_timers.h>

/* The name as the C library passes it: without the leading slash. */
static int copy_name(user_ptr from, char **out)
{
	char *name = kmalloc(PATH_MAX);
	long n;

	if (!name) {
		return -ENOMEM;
	}
	n = copy_string_from_user(name, from, PATH_MAX);
	if (n < 0) {
		kfree(name);
		return (int)n;
	}
	*out = name;
	return 0;
}

long sys_mq_open(user_ptr uname, int oflags, uint32_t mode, user_ptr uattr)
{
	bool given = oflags & O_CREAT && !user_ptr_is_null(uattr);
	struct linux_mq_attr attr;
	char *name = NULL;
	long result = given ? copy_from_user(&attr, uattr, sizeof(attr)) : 0;

	if (!result) {
		result = copy_name(uname, &name);
	}
	if (result) {
		return result;
	}
	result = mq_open_fd(name, oflags, mode, given ? &attr : NULL);
	kfree(name);
	return result;
}

long sys_mq_unlink(user_ptr uname)
{
	char *name = NULL;
	long result = copy_name(uname, &name);

	if (!result) {
		result = mq_remove(name);
		kfree(name);
	}
	return result;
}

long sys_mq_timedsend(int fd, user_ptr msg, size_t len, unsigned prio, user_ptr timeout)
{
	uint64_t deadline;
	int err = deadline_at_timespec(timeout, CLOCK_REALTIME, &deadline);

	return err ? err : mq_send(fd, msg, len, prio, deadline);
}

long sys_mq_timedreceive(int fd, user_ptr msg, size_t len, user_ptr uprio, user_ptr timeout)
{
	uint64_t deadline;
	unsigned prio;
	long n = deadline_at_timespec(timeout, CLOCK_REALTIME, &deadline);

	if (!n) {
		n = mq_receive(fd, msg, len, &prio, deadline);
	}
	if (n >= 0 && !user_ptr_is_null(uprio)) {
		int err = put_user_u32(uprio, prio);

		n = err ? err : n;
	}
	return n;
}

long sys_mq_notify(int fd, user_ptr uevent)
{
	struct linux_sigevent event;
	bool given = !user_ptr_is_null(uevent);
	int err = given ? copy_from_user(&event, uevent, sizeof(event)) : 0;

	return err ? err : mq_set_notify(fd, given ? &event : NULL);
}

long sys_mq_getsetattr(int fd, user_ptr uset, user_ptr uold)
{
	struct linux_mq_attr set, old;
	bool given = !user_ptr_is_null(uset);
	int err = given ? copy_from_user(&set, uset, sizeof(set)) : 0;

	if (!err) {
		err = (int)mq_get_set_attr(fd, given ? &set : NULL, &old);
	}
	if (!err && !user_ptr_is_null(uold)) {
		err = copy_to_user(uold, &old, sizeof(old));
	}
	return err;
}
