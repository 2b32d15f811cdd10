/* SPDX-License-Identifier: MIT */
/* Processes: creation, end, waiting, groups and sessions, pidfds. */
#include <syscall/syscalls.h>

#include <fs/context.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/usercopy.h>
#include <ipc/ipc.h>
#include <proc/access.h>
#include <proc/lifecycle.h>
#include <proc/pidfd.h>
#include <signal/signal.h>

long sys_clone(uint64_t flags, uint64_t stack, user_ptr parent_tid, user_ptr child_tid,
	       uint64_t tls)
{
	struct clone_request r = {
		.flags = (uint32_t)flags & ~CSIGNAL,
		.exit_signal = (int)(flags & CSIGNAL),
		.stack = stack,
		.tls = tls,
		.parent_tid = parent_tid,
		.child_tid = child_tid,
		.pidfd = parent_tid, /* the old call has no argument of its own for it */
	};

	if (r.flags & CLONE_PIDFD && r.flags & CLONE_PARENT_SETTID) {
		return -EINVAL;
	}
	return task_clone(&r);
}

/* clone3(2): bytes that we don't know must be zero. */
static int copy_clone_args(struct linux_clone_args *args, user_ptr from, size_t size)
{
	uint8_t extra[64];

	if (size > PAGE_SIZE) {
		return -E2BIG;
	}
	if (size < CLONE_ARGS_SIZE_VER0) {
		return -EINVAL;
	}
	memset(args, 0, sizeof(*args));
	for (size_t off = sizeof(*args); off < size; off += sizeof(extra)) {
		size_t n = MIN(sizeof(extra), size - off);
		int err = copy_from_user(extra, user_ptr_add(from, off), n);

		if (err) {
			return err;
		}
		for (size_t i = 0; i < n; i++) {
			if (extra[i]) {
				return -E2BIG;
			}
		}
	}
	return copy_from_user(args, from, MIN(size, sizeof(*args)));
}

long sys_clone3(user_ptr uargs, size_t size)
{
	struct linux_clone_args a;
	struct clone_request r;
	uint32_t number = 0;
	int err = copy_clone_args(&a, uargs, size);

	if (err) {
		return err;
	}
	if (a.flags & (CLONE_DETACHED | CSIGNAL | CLONE_INTO_CGROUP) & ~CLONE_NEWTIME ||
	    a.flags >> 34 || a.exit_signal > NSIG || a.set_tid_size > 1 ||
	    !a.set_tid != !a.set_tid_size) {
		return -EINVAL;
	}
	if (a.flags & (CLONE_THREAD | CLONE_PARENT) && a.exit_signal) {
		return -EINVAL;
	}
	/* The lowest address and a size, or neither. */
	if (!a.stack != !a.stack_size ||
	    (a.stack && !user_range_ok((user_ptr){ a.stack }, a.stack_size))) {
		return -EINVAL;
	}
	if (a.set_tid_size) {
		err = get_user_u32(&number, (user_ptr){ a.set_tid });
		if (err || (int)number < 1) {
			return err ? err : -EINVAL;
		}
	}
	r = (struct clone_request){
		.flags = a.flags,
		.exit_signal = (int)a.exit_signal,
		.stack = a.stack ? a.stack + a.stack_size : 0,
		.tls = a.tls,
		.parent_tid = { a.parent_tid },
		.child_tid = { a.child_tid },
		.pidfd = { a.pidfd },
		.set_tid = (int)number,
	};
	return task_clone(&r);
}

long sys_fork(void)
{
	struct clone_request r = { .exit_signal = SIGCHLD };

	return task_clone(&r);
}

long sys_vfork(void)
{
	struct clone_request r = { .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD };

	return task_clone(&r);
}

long sys_exit(int status)
{
	task_exit((uint32_t)(status & 0xff) << 8);
}

long sys_exit_group(int status)
{
	process_exit_group((uint32_t)(status & 0xff) << 8);
}

/* --- waiting --- */

long sys_wait4(int pid, user_ptr status, int options, user_ptr rusage)
{
	struct wait_request r = { .type = P_ALL };
	int err;

	if ((unsigned)options & ~(WNOHANG | WSTOPPED | WCONTINUED | WNOTHREAD | WCLONE | WALL)) {
		return -EINVAL;
	}
	if (pid == INT32_MIN) {
		return -ESRCH;
	}
	if (pid < -1) {
		r.type = P_PGID;
		r.id = -pid;
	} else if (pid == 0) {
		r.type = P_PGID;
		r.id = (int)process_getpgid(0, false);
	} else if (pid > 0) {
		r.type = P_PID;
		r.id = pid;
	}
	r.options = (uint32_t)options | WEXITED;
	err = process_wait(&r);
	if (err || !r.pid) {
		return err;
	}
	if (!user_ptr_is_null(status)) {
		err = put_user_u32(status, r.status);
	}
	if (!err && !user_ptr_is_null(rusage)) {
		err = copy_to_user(rusage, &r.usage, sizeof(r.usage));
	}
	return err ? err : r.pid;
}

/* The process of a pidfd, counted: who has its number by now is another one.  *nonblock: EAGAIN
 * instead of waiting. */
static int pidfd_to_pid(int fd, struct pid **pid, bool *nonblock)
{
	struct file *f;
	int err = fd_get(fd, &f);

	if (err) {
		return err;
	}
	err = pidfd_get_pid(f, pid);
	if (!err) {
		*nonblock = atomic_load(&f->flags) & PIDFD_NONBLOCK;
	}
	file_put(f);
	return err;
}

static int status_value(const struct wait_request *r)
{
	switch (r->cause) {
	case CLD_STOPPED: return (int)(r->status >> 8 & 0xff);
	case CLD_CONTINUED: return SIGCONT;
	default: return wait_status_value(r->status);
	}
}

static int put_wait_info(user_ptr to, const struct wait_request *r)
{
	struct siginfo info;

	memset(&info, 0, sizeof(info));
	if (r->pid) {
		siginfo_init(&info, SIGCHLD, r->cause);
		info.chld.pid = r->pid;
		info.chld.uid = r->uid;
		info.chld.status = status_value(r);
	}
	/* Linux writes the fields, not all 128 bytes: up to si_status. */
	return copy_to_user(to, &info, offsetof(struct siginfo, chld.status) + 4);
}

long sys_waitid(int idtype, int id, user_ptr info, int options, user_ptr rusage)
{
	const unsigned events = WEXITED | WSTOPPED | WCONTINUED;
	struct wait_request r = { .type = idtype, .id = id, .options = (uint32_t)options };
	bool nonblock = false;
	int err = 0;

	if ((unsigned)options & ~(WNOHANG | WNOWAIT | events | WNOTHREAD | WCLONE | WALL) ||
	    !((unsigned)options & events)) {
		return -EINVAL;
	}
	switch (idtype) {
	case P_ALL: break;
	case P_PID: err = id > 0 ? 0 : -EINVAL; break;
	case P_PGID:
		err = id >= 0 ? 0 : -EINVAL;
		r.id = id ? id : (int)process_getpgid(0, false);
		break;
	case P_PIDFD: err = id >= 0 ? pidfd_to_pid(id, &r.target, &nonblock) : -EINVAL; break;
	default: err = -EINVAL;
	}
	if (err) {
		return err;
	}
	if (nonblock) {
		r.options |= WNOHANG;
	}
	err = process_wait(&r);
	pid_put(r.target);
	if (!err && !r.pid && nonblock && !((unsigned)options & WNOHANG)) {
		return -EAGAIN;
	}
	if (!err && !user_ptr_is_null(rusage) && r.pid) {
		err = copy_to_user(rusage, &r.usage, sizeof(r.usage));
	}
	if (!err && !user_ptr_is_null(info)) {
		err = put_wait_info(info, &r);
	}
	return err;
}

/* --- ids --- */

long sys_getpid(void)
{
	return process_pid(process_current());
}

long sys_getppid(void)
{
	return READ_ONCE(process_current()->parent_pid);
}

long sys_gettid(void)
{
	return task_tid(task_current());
}

long sys_getpgrp(void)
{
	return process_getpgid(0, false);
}

long sys_getpgid(int pid)
{
	return process_getpgid(pid, false);
}

long sys_getsid(int pid)
{
	return process_getpgid(pid, true);
}

long sys_setpgid(int pid, int pgid)
{
	return process_setpgid(pid, pgid);
}

long sys_setsid(void)
{
	return process_setsid();
}

/* --- pidfds --- */

long sys_pidfd_open(int nr, unsigned flags)
{
	struct pid *pid;
	struct file *f;
	int err;

	if (flags & ~(unsigned)(PIDFD_NONBLOCK | PIDFD_THREAD) || nr <= 0) {
		return -EINVAL;
	}
	pid = pid_find(nr);
	if (!pid) {
		return -ESRCH;
	}
	/* A thread that is not a leader needs PIDFD_THREAD. */
	if (!pid->process && (!READ_ONCE(pid->task) || !(flags & PIDFD_THREAD))) {
		err = READ_ONCE(pid->task) ? -ENOENT : -ESRCH;
	} else {
		err = pidfd_create(pid, (int)(flags & PIDFD_NONBLOCK), flags & PIDFD_THREAD, &f);
	}
	pid_put(pid);
	if (err) {
		return err;
	}
	return fd_give(f, true);
}

static int pidfd_process(int fd, struct process **out)
{
	struct file *f;
	struct pid *pid;
	int err = fd_get(fd, &f);

	if (err) {
		return err;
	}
	err = pidfd_get_pid(f, &pid);
	if (!err) {
		*out = process_find(pid->nr);
		/* The number may be another's by now. */
		if (*out && (*out)->pid != pid) {
			process_put(*out);
			*out = NULL;
		}
		err = *out ? 0 : -ESRCH;
		pid_put(pid);
	}
	file_put(f);
	return err;
}

long sys_pidfd_send_signal(int fd, int sig, user_ptr uinfo, unsigned flags)
{
	struct process *p;
	struct siginfo info;
	int err;

	if (flags) {
		return -EINVAL;
	}
	err = pidfd_process(fd, &p);
	if (err) {
		return err;
	}
	if (sig < 0 || sig > NSIG) {
		process_put(p);
		return -EINVAL;
	}
	siginfo_init_user(&info, sig, SI_USER);
	if (!user_ptr_is_null(uinfo)) {
		err = copy_from_user(&info, uinfo, sizeof(info));
		if (!err && info.signo != sig) {
			err = -EINVAL;
		}
		/* What the kernel would say can't be forged. */
		if (!err && p != process_current() && (info.code >= 0 || info.code == SI_TKILL)) {
			err = -EPERM;
		}
	}
	if (!err) {
		err = signal_check_permission(p, sig);
	}
	if (!err && sig) {
		err = signal_send_process(p, &info);
	}
	process_put(p);
	return err;
}

long sys_pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	struct process *p;
	struct task *t;
	struct file *f;
	bool cloexec;
	int err;

	if (flags) {
		return -EINVAL;
	}
	err = pidfd_process(pidfd, &p);
	if (err) {
		return err;
	}
	t = process_get_task(p);
	err = task_access_file(t, ACCESS_REAL_IDS, fd, &f, &cloexec);
	task_put(t);
	process_put(p);
	return err ? err : fd_give(f, true);
}

/* --- parts --- */

long sys_unshare(uint64_t flags)
{
	struct thread *t = thread_current();
	int err = 0;

	if (flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) {
		/* Only a process with one thread has them for itself already. */
		return READ_ONCE(process_current()->nthreads) > 1 ? -EINVAL : 0;
	}
	if (flags & ~(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM)) {
		return -EINVAL;
	}
	if (flags & CLONE_FS && refcount_read(&t->fs->refs) > 1) {
		struct fs_context *copy = fs_context_copy(t->fs), *old = t->fs;
		uint64_t irq;

		if (!copy) {
			return -ENOMEM;
		}
		irq = process_lock(process_current());
		t->fs = copy;
		process_unlock(process_current(), irq);
		fs_context_leave(old);
	}
	if (flags & CLONE_FILES) {
		err = fdtable_unshare_current();
	}
	if (!err && flags & CLONE_SYSVSEM) {
		sem_undo_exit(task_current());
	}
	return err;
}

long sys_ptrace(uint64_t request, int pid, uint64_t addr, uint64_t data)
{
	return -EPERM; /* the launcher's --strace and --gdb are the way */
}
