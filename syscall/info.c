/* SPDX-License-Identifier: MIT */
/* Calls about the system as a whole, and those that a VM of one tenant refuses. */
#include <syscall/syscalls.h>

#include <arch/clock.h>
#include <fs/cred.h>
#include <sync/random.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/personality.h>
#include <mm/phys.h>
#include <mm/usercopy.h>
#include <proc/hostname.h>
#include <proc/task.h>
#include <signal/signal.h>

long sys_uname(user_ptr buf)
{
	struct linux_utsname names = hostname_read();

	return copy_to_user(buf, &names, sizeof(names));
}

static long set_name(void (*set)(const char *name, size_t n), user_ptr from, int len)
{
	char text[UTS_LEN];
	int err;

	if (!cred_capable(CAP_SYS_ADMIN)) {
		return -EPERM;
	}
	if (len < 0 || len > UTS_LEN) {
		return -EINVAL;
	}
	err = copy_from_user(text, from, (size_t)len);
	if (!err) {
		set(text, (size_t)len);
	}
	return err;
}

long sys_sethostname(user_ptr name, int len)
{
	return set_name(hostname_set, name, len);
}

long sys_setdomainname(user_ptr name, int len)
{
	return set_name(hostname_set_domain, name, len);
}

long sys_sysinfo(user_ptr info)
{
	struct linux_sysinfo si = { .mem_unit = 1 };
	struct mem_stats m;

	mem_get_stats(&m);
	sched_loadavg(si.loads);
	si.uptime = (int64_t)DIV_ROUND_UP(clock_mono_ns(), NSEC_PER_SEC);
	si.totalram = m.total_pages * PAGE_SIZE;
	si.freeram = m.free_pages * PAGE_SIZE;
	si.procs = (uint16_t)MIN(task_count(), 65535u);
	return copy_to_user(info, &si, sizeof(si));
}

long sys_getrandom(user_ptr buf, size_t count, unsigned flags)
{
	uint8_t chunk[256];
	size_t done = 0;

	if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) {
		return -EINVAL;
	}
	if (flags & GRND_RANDOM && flags & GRND_INSECURE) {
		return -EINVAL;
	}
	count = MIN(count, (size_t)INT32_MAX);
	while (done < count) {
		size_t n = MIN(count - done, sizeof(chunk)), copied;

		random_bytes(chunk, n);
		copied = copy_to_user_partial(user_ptr_add(buf, done), chunk, n);
		done += copied;
		if (copied < n || (done < count && signal_interrupted())) {
			break;
		}
		if (done % (64 * sizeof(chunk)) == 0) {
			sched_yield_point();
		}
	}
	memset(chunk, 0, sizeof(chunk));
	return count && !done ? -EFAULT : (long)done;
}

long sys_personality(unsigned persona)
{
	struct process *p = process_current();
	uint32_t old = READ_ONCE(p->personality);

	if (persona == PERSONALITY_QUERY) {
		return old;
	}
	if (persona & PER_MASK) {
		return -EINVAL;
	}
	WRITE_ONCE(p->personality, persona);
	return old;
}

/* The kernel log goes to the host: there is nothing to read in here. */
long sys_syslog(int type, user_ptr buf, int len)
{
	const int read_first = 2, read_last = 4, last = 10;

	if (!cred_capable(CAP_SYSLOG)) {
		return -EPERM;
	}
	if (type < 0 || type > last) {
		return -EINVAL;
	}
	if (type >= read_first && type <= read_last && (user_ptr_is_null(buf) || len < 0)) {
		return -EINVAL;
	}
	return 0;
}

long sys_sysfs(int option, uint64_t arg1, uint64_t arg2)
{
	return -EINVAL;
}

long sys_vhangup(void)
{
	return -EPERM;
}

long sys_pivot_root(user_ptr new_root, user_ptr put_old)
{
	return -EPERM;
}

long sys_swapon(user_ptr path, int flags)
{
	return -EPERM;
}

long sys_swapoff(user_ptr path)
{
	return -EPERM;
}

long sys_reboot(unsigned magic1, unsigned magic2, unsigned cmd, user_ptr arg)
{
	return -EPERM;
}

long sys_iopl(int level)
{
	return (unsigned)level > 3 ? -EINVAL : -EPERM;
}

long sys_ioperm(uint64_t from, uint64_t count, int on)
{
	if (from + count <= from || from + count > 65536) {
		return -EINVAL;
	}
	return -EPERM;
}
