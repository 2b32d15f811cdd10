/* SPDX-License-Identifier: MIT */
/* Resource limits and usage. */
#include <syscall/syscalls.h>

#include <arch/clock.h>
#include <fs/cred.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <mm/usercopy.h>
#include <proc/limits.h>
#include <signal/signal.h>

static long do_prlimit(struct process *p, unsigned resource, user_ptr unew, user_ptr uold)
{
	struct linux_rlimit new_limit, old;
	bool set = !user_ptr_is_null(unew);
	int err = 0;

	if (set) {
		err = copy_from_user(&new_limit, unew, sizeof(new_limit));
	}
	if (!err) {
		err = limits_set(p, (int)resource, set ? &new_limit : NULL, &old);
	}
	if (!err && !user_ptr_is_null(uold)) {
		err = copy_to_user(uold, &old, sizeof(old));
	}
	return err;
}

long sys_getrlimit(unsigned resource, user_ptr limit)
{
	/* prlimit() takes NULL for "not that"; here it is a bad address. */
	if (user_ptr_is_null(limit)) {
		return resource < RLIM_NLIMITS ? -EFAULT : -EINVAL;
	}
	return do_prlimit(process_current(), resource, (user_ptr){ 0 }, limit);
}

long sys_setrlimit(unsigned resource, user_ptr limit)
{
	return user_ptr_is_null(limit)
		       ? -EFAULT
		       : do_prlimit(process_current(), resource, limit, (user_ptr){ 0 });
}

/* Others' limits: all three of the target's ids must be ours. */
static int check_prlimit(struct task *t)
{
	const struct cred *me = thread_current()->cred;
	struct cred *c;
	bool ok;

	if (t == task_current() || cred_capable(CAP_SYS_RESOURCE)) {
		return 0;
	}
	c = task_get_cred(t);
	ok = ids_are_all(&c->u, me->u.real) && ids_are_all(&c->g, me->g.real);
	cred_put(c);
	return ok ? 0 : -EPERM;
}

long sys_prlimit64(int pid, unsigned resource, user_ptr new_limit, user_ptr old_limit)
{
	struct task *t;
	long err;

	if (!pid) {
		return do_prlimit(process_current(), resource, new_limit, old_limit);
	}
	t = task_find(pid);
	if (!t) {
		return -ESRCH;
	}
	err = check_prlimit(t);
	if (!err) {
		err = do_prlimit(t->process, resource, new_limit, old_limit);
	}
	task_put(t);
	return err;
}

static void add_rss(struct usage *u)
{
	struct mm *mm = thread_current()->mm;

	u->maxrss_kib = MAX(u->maxrss_kib, mm_peak_rss_pages(mm) * (PAGE_SIZE / 1024));
}

long sys_getrusage(int who, user_ptr to)
{
	struct process *p = process_current();
	struct linux_rusage r;
	struct usage u;
	uint64_t flags;

	switch (who) {
	case RUSAGE_SELF:
		process_usage(p, &u);
		add_rss(&u);
		break;
	case RUSAGE_THREAD:
		task_usage(task_current(), &u);
		add_rss(&u);
		break;
	case RUSAGE_CHILDREN:
		flags = process_lock(p);
		u = p->children_usage;
		process_unlock(p, flags);
		break;
	default: return -EINVAL;
	}
	usage_to_rusage(&u, &r);
	return copy_to_user(to, &r, sizeof(r));
}

long sys_times(user_ptr buf)
{
	const uint64_t tick = NSEC_PER_SEC / USER_HZ;
	struct process *p = process_current();
	struct linux_tms tms;
	uint64_t utime, stime, flags;
	int err = 0;

	flags = process_lock(p);
	process_cpu_ns_locked(p, &utime, &stime);
	tms = (struct linux_tms){
		.utime = (int64_t)(utime / tick),
		.stime = (int64_t)(stime / tick),
		.cutime = (int64_t)(p->children_usage.utime / tick),
		.cstime = (int64_t)(p->children_usage.stime / tick),
	};
	process_unlock(p, flags);
	if (!user_ptr_is_null(buf)) {
		err = copy_to_user(buf, &tms, sizeof(tms));
	}
	return err ? err : (long)(clock_mono_ns() / tick);
}
