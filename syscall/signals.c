/* SPDX-License-Identifier: MIT */
/* Signals: actions, masks, sending, waiting. */
#include <syscall/deadline.h>
#include <syscall/syscalls.h>

#include <arch/clock.h>
#include <arch/thread.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/usercopy.h>
#include <proc/lifecycle.h>
#include <time/posix_timers.h>
#include <signal/signal.h>
#include <signal/signalfd.h>

long sys_rt_sigaction(int sig, user_ptr uact, user_ptr uold, size_t sigsetsize)
{
	struct linux_sigaction act, old;
	bool set = !user_ptr_is_null(uact);
	int err = 0;

	if (sigsetsize != sizeof(uint64_t)) {
		return -EINVAL;
	}
	if (set) {
		err = copy_from_user(&act, uact, sizeof(act));
	}
	if (!err) {
		err = signal_set_action(sig, set ? &act : NULL, &old);
	}
	if (!err && !user_ptr_is_null(uold)) {
		err = copy_to_user(uold, &old, sizeof(old));
	}
	return err;
}

long sys_rt_sigprocmask(int how, user_ptr set, user_ptr oldset, size_t sigsetsize)
{
	uint64_t old = task_current()->blocked, mask;
	int err;

	if (sigsetsize != sizeof(uint64_t)) {
		return -EINVAL;
	}
	if (!user_ptr_is_null(set)) {
		err = get_user_u64(&mask, set);
		if (err) {
			return err;
		}
		switch (how) {
		case SIG_BLOCK: mask |= old; break;
		case SIG_UNBLOCK: mask = old & ~mask; break;
		case SIG_SETMASK: break;
		default: return -EINVAL;
		}
		signal_set_blocked(mask);
	}
	return user_ptr_is_null(oldset) ? 0 : put_user_u64(oldset, old);
}

long sys_rt_sigreturn(void)
{
	return sigframe_return(arch_user_frame(&thread_current()->arch));
}

long sys_rt_sigpending(user_ptr set, size_t sigsetsize)
{
	uint64_t pending = signal_pending_set(task_current());

	if (sigsetsize > sizeof(pending)) {
		return -EINVAL;
	}
	return copy_to_user(set, &pending, sigsetsize);
}

long sys_rt_sigtimedwait(user_ptr uset, user_ptr uinfo, user_ptr utimeout, size_t sigsetsize)
{
	uint64_t set, deadline;
	struct siginfo info;
	long sig;
	int err = signal_copy_mask(uset, sigsetsize, &set);

	if (!err) {
		err = deadline_after_timespec(utimeout, &deadline); /* 0 only looks */
	}
	if (err) {
		return err;
	}
	sig = signal_timed_wait(set, &info, deadline);
	if (sig > 0 && !user_ptr_is_null(uinfo)) {
		err = signal_copy_info_to_user(uinfo, &info);
	}
	return err ? err : sig;
}

long sys_rt_sigsuspend(user_ptr uset, size_t sigsetsize)
{
	uint64_t set;
	int err = signal_copy_mask(uset, sigsetsize, &set);

	if (err) {
		return err;
	}
	signal_begin_temporary_mask(set);
	while (!err) {
		err = sched_sleep_until(DEADLINE_NONE, WAIT_INTR);
	}
	signal_end_temporary_mask(-ERESTARTNOHAND);
	return -ERESTARTNOHAND;
}

long sys_pause(void)
{
	int err = 0;

	while (!err) {
		err = sched_sleep_until(DEADLINE_NONE, WAIT_INTR);
	}
	return -ERESTARTNOHAND;
}

long sys_sigaltstack(user_ptr uss, user_ptr uold)
{
	struct linux_stack ss, old;
	bool set = !user_ptr_is_null(uss);
	int err = 0;

	if (set) {
		err = copy_from_user(&ss, uss, sizeof(ss));
	}
	if (!err) {
		memset(&old, 0, sizeof(old));
		err = signal_set_altstack(set ? &ss : NULL, &old,
					  arch_user_frame(&thread_current()->arch)->rsp);
	}
	if (!err && !user_ptr_is_null(uold)) {
		err = copy_to_user(uold, &old, sizeof(old));
	}
	return err;
}

long sys_restart_syscall(void)
{
	struct restart_block *r = &task_current()->restart;
	long (*fn)(struct task * t) = r->fn;

	r->fn = NULL;
	return fn ? fn(task_current()) : -EINTR;
}

/* --- sending --- */

long sys_kill(int pid, int sig)
{
	struct siginfo info;
	struct process *p;
	int err;

	if ((sig < 0 || sig > NSIG) && pid <= 0) {
		return -EINVAL;
	}
	siginfo_init_user(&info, sig, SI_USER);
	if (pid == INT32_MIN) {
		return -ESRCH;
	}
	if (pid == -1) {
		return signal_send_all(&info);
	}
	if (pid <= 0) {
		return signal_send_group(pid ? -pid : (int)process_getpgid(0, false), &info);
	}
	p = process_find_any(pid); /* a thread's number names its process, too */
	if (!p) {
		return -ESRCH;
	}
	err = sig < 0 || sig > NSIG ? -EINVAL : signal_check_permission(p, sig);
	if (!err && sig) {
		err = signal_send_process(p, &info);
	}
	process_put(p);
	return err;
}

static long send_to_thread(int tgid, int tid, const struct siginfo *info)
{
	struct task *self = task_current();
	struct task *t = tid == task_tid(self) ? self : task_find(tid);
	int err = 0;

	if (!t) {
		return -ESRCH;
	}
	if (tgid > 0 && process_pid(t->process) != tgid) {
		err = -ESRCH;
	}
	if (!err && (info->signo < 0 || info->signo > NSIG)) {
		err = -EINVAL;
	}
	if (!err) {
		err = signal_check_permission(t->process, info->signo);
	}
	if (!err && info->signo) {
		err = signal_send_task(t, info);
	}
	if (t != self) {
		task_put(t);
	}
	return err;
}

static long do_tkill(int tgid, int tid, int sig)
{
	struct siginfo info;

	if (tid <= 0) {
		return -EINVAL;
	}
	siginfo_init_user(&info, sig, SI_TKILL);
	return send_to_thread(tgid, tid, &info);
}

long sys_tkill(int tid, int sig)
{
	return do_tkill(0, tid, sig);
}

long sys_tgkill(int tgid, int tid, int sig)
{
	return tgid > 0 ? do_tkill(tgid, tid, sig) : -EINVAL;
}

/* The program's siginfo; what the kernel would say can't be sent to others. */
static int copy_info(struct siginfo *info, user_ptr uinfo, int sig, int pid)
{
	int err = copy_from_user(info, uinfo, sizeof(*info));

	if (err) {
		return err;
	}
	info->signo = sig;
	if ((info->code >= 0 || info->code == SI_TKILL) && pid != process_pid(process_current())) {
		return -EPERM;
	}
	return 0;
}

long sys_rt_sigqueueinfo(int pid, int sig, user_ptr uinfo)
{
	struct siginfo info;
	struct process *p;
	int err = copy_info(&info, uinfo, sig, pid);

	if (err) {
		return err;
	}
	p = pid > 0 ? process_find_any(pid) : NULL;
	if (!p) {
		return -ESRCH;
	}
	err = sig < 0 || sig > NSIG ? -EINVAL : signal_check_permission(p, sig);
	if (!err && sig) {
		err = signal_send_process(p, &info);
	}
	process_put(p);
	return err;
}

long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, user_ptr uinfo)
{
	struct siginfo info;
	int err;

	if (tgid <= 0 || tid <= 0) {
		return -EINVAL;
	}
	err = copy_info(&info, uinfo, sig, tgid);
	return err ? err : send_to_thread(tgid, tid, &info);
}

/* --- signalfd --- */

long sys_signalfd4(int fd, user_ptr umask, size_t sigsetsize, int flags)
{
	uint64_t mask;
	int err;

	if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) {
		return -EINVAL;
	}
	err = signal_copy_mask(umask, sigsetsize, &mask);
	return err ? err : signalfd_set(fd, mask, flags);
}

long sys_signalfd(int fd, user_ptr umask, size_t sigsetsize)
{
	return sys_signalfd4(fd, umask, sigsetsize, 0);
}
