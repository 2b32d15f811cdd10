/* SPDX-License-Identifier: MIT */
/* Scheduling parameters: sched(7), nice, affinity, getcpu, rseq, membarrier. */
#include <syscall/syscalls.h>

#include <arch/cpu.h>
#include <fs/cred.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <mm/usercopy.h>
#include <time/posix_timers.h>
#include <proc/lifecycle.h>
#include <proc/rseq.h>
#include <proc/task.h>

#define RR_INTERVAL_NS (100 * NSEC_PER_MSEC)

/* The thread with that tid (0 = current), counted. */
static struct task *get_task(int tid)
{
	struct task *t;

	if (tid) {
		return task_find(tid);
	}
	t = task_current();
	task_get(t);
	return t;
}

/* a policy that has priorities, but that nobody can have here */
#define DEADLINE_POLICY 6

static bool is_rt(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int priority_of(const struct task *t)
{
	return is_rt(t->thread.policy) ? t->thread.rt_prio : 0;
}

static bool policy_known(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
	       is_rt(policy);
}

/* Whoever is permitted more than the caller is out of reach, whatever the ids say. */
static bool has_more(const struct cred *c)
{
	return c->cap_permitted & ~thread_current()->cred->cap_permitted;
}

static bool may_change(struct task *t)
{
	const struct cred *me = thread_current()->cred;
	struct cred *c;
	bool ok;

	if (cred_capable(CAP_SYS_NICE)) {
		return true;
	}
	c = task_get_cred(t);
	ok = (me->u.eff == c->u.eff || me->u.eff == c->u.real) && !has_more(c);
	cred_put(c);
	return ok;
}

/* Without CAP_SYS_NICE: within RLIMIT_RTPRIO and RLIMIT_NICE. */
static int check_limits(struct task *t, int policy, int nice, int prio)
{
	if (!may_change(t)) {
		return -EPERM;
	}
	if (cred_capable(CAP_SYS_NICE)) {
		return 0;
	}
	if (is_rt(policy) && (uint64_t)prio > process_rlimit(t->process, RLIMIT_RTPRIO) &&
	    prio > t->thread.rt_prio) {
		return -EPERM;
	}
	if (!is_rt(policy) && nice < t->thread.nice &&
	    (uint64_t)(20 - nice) > process_rlimit(t->process, RLIMIT_NICE)) {
		return -EPERM;
	}
	return 0;
}

static long set_scheduler(struct task *t, int policy, int nice, int prio, bool reset_on_fork)
{
	int err;

	if (!policy_known(policy) || prio < 0 || prio > SCHED_RT_PRIO_MAX ||
	    (prio != 0) != is_rt(policy)) {
		return -EINVAL;
	}
	err = check_limits(t, policy, nice, prio);
	if (!err) {
		err = sched_set_policy(&t->thread, policy, nice, prio);
	}
	if (!err) {
		t->thread.reset_on_fork = reset_on_fork;
	}
	return err;
}

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

#define KEEP_POLICY (-1)

static long change_scheduler(int pid, int policy, user_ptr uparam)
{
	struct linux_sched_param param;
	bool reset = policy & SCHED_RESET_ON_FORK;
	struct task *t;
	long err;

	if (pid < 0 || user_ptr_is_null(uparam)) {
		return -EINVAL;
	}
	err = copy_from_user(&param, uparam, sizeof(param));
	if (err) {
		return err;
	}
	t = get_task(pid);
	if (!t) {
		return -ESRCH;
	}
	if (policy == KEEP_POLICY) {
		policy = t->thread.policy;
		reset = t->thread.reset_on_fork;
	}
	err = set_scheduler(t, policy & ~SCHED_RESET_ON_FORK, t->thread.nice, param.priority,
			    reset);
	task_put(t);
	return err;
}

long sys_sched_setscheduler(int pid, int policy, user_ptr uparam)
{
	return policy < 0 ? -EINVAL : change_scheduler(pid, policy, uparam);
}

long sys_sched_setparam(int pid, user_ptr uparam)
{
	return change_scheduler(pid, KEEP_POLICY, uparam);
}

long sys_sched_getscheduler(int pid)
{
	struct task *t = pid < 0 ? NULL : get_task(pid);
	long policy;

	if (!t) {
		return pid < 0 ? -EINVAL : -ESRCH;
	}
	policy = t->thread.policy | (t->thread.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	task_put(t);
	return policy;
}

long sys_sched_getparam(int pid, user_ptr uparam)
{
	struct linux_sched_param param;
	struct task *t;

	if (pid < 0 || user_ptr_is_null(uparam)) {
		return -EINVAL;
	}
	t = get_task(pid);
	if (!t) {
		return -ESRCH;
	}
	param.priority = priority_of(t);
	task_put(t);
	return copy_to_user(uparam, &param, sizeof(param));
}

long sys_sched_get_priority_max(int policy)
{
	if (!policy_known(policy) && policy != DEADLINE_POLICY) {
		return -EINVAL;
	}
	return is_rt(policy) ? SCHED_RT_PRIO_MAX : 0;
}

long sys_sched_get_priority_min(int policy)
{
	return policy_known(policy) || policy == DEADLINE_POLICY ? is_rt(policy) : -EINVAL;
}

static uint64_t slice_ns(const struct task *t)
{
	switch (t->thread.policy) {
	case SCHED_RR: return RR_INTERVAL_NS;
	case SCHED_FIFO: return 0;
	default: return 4 * NSEC_PER_MSEC;
	}
}

long sys_sched_rr_get_interval(int pid, user_ptr interval)
{
	struct timespec64 ts;
	struct task *t;

	if (pid < 0) {
		return -EINVAL;
	}
	t = get_task(pid);
	if (!t) {
		return -ESRCH;
	}
	ts = ns_to_timespec(slice_ns(t));
	task_put(t);
	return copy_to_user(interval, &ts, sizeof(ts));
}

/* --- attributes --- */

static int copy_attr(struct linux_sched_attr *a, user_ptr from)
{
	uint32_t size;
	int err = get_user_u32(&size, from);

	if (err) {
		return err;
	}
	if (!size) {
		size = SCHED_ATTR_SIZE_VER0;
	}
	if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE) {
		err = put_user_u32(from, sizeof(*a));
		return err ? err : -E2BIG;
	}
	memset(a, 0, sizeof(*a));
	for (uint32_t off = sizeof(*a); off < size; off++) {
		uint8_t byte;

		err = copy_from_user(&byte, user_ptr_add(from, off), 1);
		if (err || byte) {
			return err ? err : -E2BIG;
		}
	}
	return copy_from_user(a, from, MIN((size_t)size, sizeof(*a)));
}

long sys_sched_setattr(int pid, user_ptr uattr, unsigned flags, uint64_t unused)
{
	struct linux_sched_attr a;
	struct task *t;
	long err;

	if (user_ptr_is_null(uattr) || pid < 0 || flags) {
		return -EINVAL;
	}
	err = copy_attr(&a, uattr);
	if (err) {
		return err;
	}
	if ((int)a.policy < 0 || a.flags & ~SCHED_FLAG_ALL || a.nice < -20 || a.nice > 19) {
		return -EINVAL;
	}
	t = get_task(pid);
	if (!t) {
		return -ESRCH;
	}
	if (a.flags & SCHED_FLAG_KEEP_POLICY) {
		a.policy = t->thread.policy;
	}
	if (a.flags & SCHED_FLAG_KEEP_PARAMS) {
		a.nice = t->thread.nice;
		a.priority = (uint32_t)priority_of(t);
	}
	if (is_rt((int)a.policy)) {
		a.nice = t->thread.nice;
	}
	err = set_scheduler(t, (int)a.policy, a.nice, (int)a.priority,
			    a.flags & SCHED_FLAG_RESET_ON_FORK);
	task_put(t);
	return err;
}

long sys_sched_getattr(int pid, user_ptr uattr, unsigned size, unsigned flags)
{
	struct linux_sched_attr a;
	struct task *t;

	if (user_ptr_is_null(uattr) || pid < 0 || flags || size < SCHED_ATTR_SIZE_VER0 ||
	    size > PAGE_SIZE) {
		return -EINVAL;
	}
	t = get_task(pid);
	if (!t) {
		return -ESRCH;
	}
	a = (struct linux_sched_attr){
		.size = MIN(size, (unsigned)sizeof(a)),
		.policy = t->thread.policy,
		.priority = (uint32_t)priority_of(t),
		.util_max = 1024,
	};
	if (t->thread.reset_on_fork) {
		a.flags = SCHED_FLAG_RESET_ON_FORK;
	}
	if (!is_rt(t->thread.policy)) {
		a.nice = t->thread.nice;
	}
	task_put(t);
	return copy_to_user(uattr, &a, a.size);
}

/* --- affinity --- */

long sys_sched_setaffinity(int pid, unsigned len, user_ptr umask)
{
	uint64_t mask = 0;
	struct task *t;
	long err = copy_from_user(&mask, umask, MIN((size_t)len, sizeof(mask)));

	if (err) {
		return err;
	}
	t = get_task(pid);
	if (!t) {
		return -ESRCH;
	}
	if (!may_change(t)) {
		err = -EPERM;
	} else {
		mask &= sched_online_mask();
		err = mask ? sched_set_affinity(&t->thread, mask) : -EINVAL;
	}
	task_put(t);
	return err;
}

long sys_sched_getaffinity(int pid, unsigned len, user_ptr umask)
{
	uint64_t mask;
	struct task *t;
	int err;

	if (len < sizeof(mask) || len % sizeof(mask)) {
		return -EINVAL;
	}
	t = get_task(pid);
	if (!t) {
		return -ESRCH;
	}
	mask = t->thread.affinity & sched_online_mask();
	task_put(t);
	err = put_user_u64(umask, mask);
	return err ? err : (long)sizeof(mask);
}

long sys_getcpu(user_ptr cpu, user_ptr node, user_ptr unused)
{
	int err = user_ptr_is_null(cpu) ? 0 : put_user_u32(cpu, cpu_id());

	return err || user_ptr_is_null(node) ? err : put_user_u32(node, 0);
}

/* --- nice --- */

/* Calls fn for every thread that which/who names; -ESRCH when there is none. */
static long for_each_named(int which, int who, long (*fn)(struct task *t, void *arg), void *arg)
{
	long result = -ESRCH, pgid = who ? who : process_getpgid(0, false);
	struct process *p;
	struct task *t;

	if (which == PRIO_PROCESS) {
		t = get_task(who);
		if (t) {
			result = fn(t, arg);
			task_put(t);
		}
		return result;
	}
	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		bool match;

		nr = process_pid(p) + 1;
		if (which == PRIO_PGRP) {
			match = pgid > 0 && process_getpgid(process_pid(p), false) == pgid;
		} else {
			struct cred *c = process_get_cred(p);

			match = c &&
				c->u.real == (who ? (uint32_t)who : thread_current()->cred->u.real);
			cred_put(c);
		}
		t = match ? process_get_task(p) : NULL;
		if (t) {
			long err = fn(t, arg);

			result = err || result == -ESRCH ? err : result;
			task_put(t);
		}
	}
	return result;
}

static long best_nice(struct task *t, void *arg)
{
	int *best = arg;

	*best = MAX(*best, 20 - t->thread.nice);
	return 0;
}

long sys_getpriority(int which, int who)
{
	int best = 0;
	long err;

	if (which < PRIO_PROCESS || which > PRIO_USER) {
		return -EINVAL;
	}
	err = for_each_named(which, who, best_nice, &best);
	return err ? err : best;
}

static long set_nice(struct task *t, void *arg)
{
	int nice = *(int *)arg;

	if (!may_change(t)) {
		return -EPERM;
	}
	if (nice < t->thread.nice && !cred_capable(CAP_SYS_NICE) &&
	    (uint64_t)(20 - nice) > process_rlimit(t->process, RLIMIT_NICE)) {
		return -EACCES;
	}
	return sched_set_policy(&t->thread, t->thread.policy, nice, t->thread.rt_prio);
}

long sys_setpriority(int which, int who, int nice)
{
	if (which < PRIO_PROCESS || which > PRIO_USER) {
		return -EINVAL;
	}
	nice = MAX(-20, MIN(nice, 19));
	return for_each_named(which, who, set_nice, &nice);
}

/* --- I/O priority: kept, as the host schedules I/O --- */

static long check_ioprio(int prio)
{
	int class = prio >> IOPRIO_CLASS_SHIFT, level = prio & IOPRIO_DATA_MASK;

	switch (class) {
	case IOPRIO_CLASS_RT:
		if (!cred_capable(CAP_SYS_ADMIN) && !cred_capable(CAP_SYS_NICE)) {
			return -EPERM;
		}
		return level >= IOPRIO_LEVELS ? -EINVAL : 0;
	case IOPRIO_CLASS_BE: return level >= IOPRIO_LEVELS ? -EINVAL : 0;
	case IOPRIO_CLASS_IDLE: return 0;
	case IOPRIO_CLASS_NONE: return level ? -EINVAL : 0;
	default: return -EINVAL;
	}
}

static long set_ioprio(struct task *t, void *arg)
{
	const struct cred *me = thread_current()->cred;
	struct cred *c = task_get_cred(t);
	bool mine = c->u.real == me->u.eff || c->u.real == me->u.real;
	bool ok = (mine && !has_more(c)) || cred_capable(CAP_SYS_NICE);

	cred_put(c);
	if (!ok) {
		return -EPERM;
	}
	WRITE_ONCE(t->io_prio, *(int *)arg);
	return 0;
}

/* IOPRIO_WHO_* are PRIO_* + 1. */
long sys_ioprio_set(int which, int who, int prio)
{
	long err = check_ioprio(prio);

	if (!err && (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)) {
		err = -EINVAL;
	}
	return err ? err : for_each_named(which - IOPRIO_WHO_PROCESS, who, set_ioprio, &prio);
}

static long get_ioprio(struct task *t, void *arg)
{
	int *best = arg;

	*best = MIN(*best, READ_ONCE(t->io_prio));
	return 0;
}

long sys_ioprio_get(int which, int who)
{
	int prio = INT32_MAX;
	long err;

	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) {
		return -EINVAL;
	}
	err = for_each_named(which - IOPRIO_WHO_PROCESS, who, get_ioprio, &prio);
	return err ? err : prio;
}

long sys_rseq(user_ptr addr, unsigned len, int flags, unsigned sig)
{
	return rseq_register(addr, len, flags, sig);
}

long sys_membarrier(int cmd, unsigned flags, int cpu)
{
	return membarrier_run(cmd, flags, cpu);
}
