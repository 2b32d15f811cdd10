/* SPDX-License-Identifier: MIT */
/* prctl(2). */
#include <syscall/syscalls.h>

#include <fs/cred.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <mm/mm.h>
#include <mm/usercopy.h>
#include <proc/cred.h>
#include <proc/task.h>

static long set_name(user_ptr from)
{
	struct thread *t = thread_current();
	char name[sizeof(t->name)];
	long n = copy_string_from_user(name, from, sizeof(name));
	uint64_t flags;

	if (n == -ENAMETOOLONG) {
		name[sizeof(name) - 1] = 0;
		n = copy_from_user(name, from, sizeof(name) - 1);
	}
	if (n < 0) {
		return n;
	}
	flags = process_lock(process_current());
	str_copy(t->name, name, sizeof(t->name));
	process_unlock(process_current(), flags);
	return 0;
}

static long get_name(user_ptr to)
{
	struct thread *t = thread_current();
	char name[sizeof(t->name)] = { 0 };

	str_copy(name, t->name, sizeof(name));
	return copy_to_user(to, name, sizeof(name));
}

static long cap_ambient(uint64_t op, uint64_t cap, uint64_t arg4, uint64_t arg5)
{
	if (op == PR_CAP_AMBIENT_CLEAR_ALL) {
		return cap || arg4 || arg5 ? -EINVAL : cred_change(cred_clear_ambient, 0);
	}
	if (cap > CAP_LAST || arg4 || arg5) {
		return -EINVAL;
	}
	switch (op) {
	case PR_CAP_AMBIENT_IS_SET: return thread_current()->cred->cap_ambient >> cap & 1;
	case PR_CAP_AMBIENT_RAISE: return cred_change(cred_raise_ambient, cap);
	case PR_CAP_AMBIENT_LOWER: return cred_change(cred_lower_ambient, cap);
	default: return -EINVAL;
	}
}

static long prctl_cred(int option, uint64_t arg2, uint64_t arg3, uint64_t arg4, uint64_t arg5)
{
	const struct cred *c = thread_current()->cred;

	switch (option) {
	case PR_GET_KEEPCAPS: return !!(c->securebits & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS: return arg2 > 1 ? -EINVAL : cred_change(cred_set_keep_caps, arg2);
	case PR_CAPBSET_READ:
		return arg2 > CAP_LAST ? -EINVAL : (long)(c->cap_bounding >> arg2 & 1);
	case PR_CAPBSET_DROP:
		return arg2 > CAP_LAST ? -EINVAL : cred_change(cred_drop_bounding, arg2);
	case PR_GET_SECUREBITS: return c->securebits;
	case PR_SET_SECUREBITS: return cred_change(cred_set_securebits, arg2);
	case PR_SET_NO_NEW_PRIVS:
		return arg2 != 1 || arg3 || arg4 || arg5 ? -EINVAL
							 : cred_change(cred_set_no_new_privs, 0);
	case PR_GET_NO_NEW_PRIVS: return arg2 || arg3 || arg4 || arg5 ? -EINVAL : c->no_new_privs;
	case PR_CAP_AMBIENT: return cap_ambient(arg2, arg3, arg4, arg5);
	default: return -EINVAL;
	}
}

static long set_no_huge(bool off)
{
	WRITE_ONCE(thread_current()->mm->no_huge, off);
	return 0;
}

static long prctl_process(int option, uint64_t arg2)
{
	struct task *t = task_current();
	struct process *p = t->process;

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (arg2 > NSIG) {
			return -EINVAL;
		}
		atomic_store(&t->pdeath_signal, (int)arg2);
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user_u32((user_ptr){ arg2 }, (uint32_t)atomic_load(&t->pdeath_signal));
	case PR_GET_DUMPABLE: return t->thread.mm->dumpable;
	case PR_SET_DUMPABLE:
		if (arg2 > 1) {
			return -EINVAL;
		}
		WRITE_ONCE(t->thread.mm->dumpable, arg2);
		return 0;
	case PR_SET_CHILD_SUBREAPER: p->child_subreaper = arg2 != 0; return 0;
	case PR_GET_CHILD_SUBREAPER: return put_user_u32((user_ptr){ arg2 }, p->child_subreaper);
	case PR_SET_TIMERSLACK:
		arg2 = (int64_t)arg2 <= 0 ? 0 : arg2;
		t->timer_slack_ns = (uint32_t)MIN(arg2, (uint64_t)UINT32_MAX);
		return 0;
	case PR_GET_TIMERSLACK: return task_timer_slack_ns(t);
	case PR_GET_TID_ADDRESS: return put_user_u64((user_ptr){ arg2 }, t->clear_child_tid.addr);
	default: return -EINVAL;
	}
}

long sys_prctl(int option, uint64_t arg2, uint64_t arg3, uint64_t arg4, uint64_t arg5)
{
	switch (option) {
	case PR_SET_NAME: return set_name((user_ptr){ arg2 });
	case PR_GET_NAME: return get_name((user_ptr){ arg2 });
	case PR_SET_PDEATHSIG:
	case PR_GET_PDEATHSIG:
	case PR_GET_DUMPABLE:
	case PR_SET_DUMPABLE:
	case PR_SET_CHILD_SUBREAPER:
	case PR_GET_CHILD_SUBREAPER:
	case PR_SET_TIMERSLACK:
	case PR_GET_TIMERSLACK:
	case PR_GET_TID_ADDRESS: return prctl_process(option, arg2);
	case PR_GET_TIMING: return PR_TIMING_STATISTICAL;
	case PR_SET_TIMING: return arg2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_TSC: return put_user_u32((user_ptr){ arg2 }, PR_TSC_ENABLE);
	case PR_SET_TSC: return arg2 == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_GET_SECCOMP: return 0;
	case PR_MCE_KILL_GET: /* no machine checks: the default */
		return arg2 || arg3 || arg4 || arg5 ? -EINVAL : 2 /* PR_MCE_KILL_DEFAULT */;
	case PR_SET_THP_DISABLE: return arg3 || arg4 || arg5 ? -EINVAL : set_no_huge(arg2);
	case PR_GET_THP_DISABLE:
		return arg2 || arg3 || arg4 || arg5 ? -EINVAL : thread_current()->mm->no_huge;
	case PR_GET_IO_FLUSHER: return 0;
	case PR_SET_VMA: return 0; /* a name for a mapping: nobody sees it */
	default: return prctl_cred(option, arg2, arg3, arg4, arg5);
	}
}
