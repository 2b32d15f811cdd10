/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Signals.
 *
 * A signal is sent to a thread or to a process: it becomes pending in the task's or the
 * process's set, with a queued struct siginfo (a standard signal is queued once, real-time ones
 * as often as they are sent).  The sender picks a thread that does not block it and interrupts
 * it (sched_interrupt); that thread takes it off the queue on its way to user mode
 * (upcall_return_to_user) and acts: ignore, end the process, stop, continue, or run a handler
 * on a frame that sigframe.c builds as Linux does.
 *
 * thread.interrupted is true iff a signal that is not blocked is (probably) pending, or the
 * thread is to stop or die; WORK_SIGNAL goes with it.  Only the thread itself clears both.
 *
 * Interrupted calls return -ERESTART*; signal_deliver() turns that into a restart or -EINTR.
 *
 * Contexts: sending is fine in interrupts (timers); all else in the thread itself.
 */
#include <mm/user_ptr.h>
#include <proc/task.h>

struct sigqueue;
struct trap_frame;

/* A number that a program chose names a signal; 0 and what clone(2) takes beyond NSIG name none. */
static inline bool signal_valid(int sig)
{
	return sig >= 1 && sig <= NSIG;
}

/* --- sending --- */
/* Sends `info` (info->signo) to one thread or to a process, without permission checks.  0, or
 * -EAGAIN: a real-time signal of a program that would exceed RLIMIT_SIGPENDING.  What the kernel
 * sends can't fail: those callers drop the result. */
MUST_USE int signal_send_task(struct task *t, const struct siginfo *info);
MUST_USE int signal_send_process(struct process *p, const struct siginfo *info);
/* kill(2) to every member of a process group, with permission checks; -ESRCH when it has none.
 * proctree_lock not held. */
MUST_USE int signal_send_group(int pgid, const struct siginfo *info);
/* All processes but pid 1 and the caller: kill(-1). */
MUST_USE int signal_send_all(const struct siginfo *info);
/* The same with the locks held (siglock of p; t NULL = to the process). */
MUST_USE int signal_send_locked(struct process *p, struct task *t, const struct siginfo *info,
				struct sigqueue *preallocated) REQUIRES(siglock_role);
/* Shorthand: from the kernel (SI_KERNEL), no sender. */
void signal_kernel(struct process *p, int sig);
void signal_kernel_locked(struct process *p, int sig) REQUIRES(siglock_role); /* siglock held */
/* To every member, without permission checks; false: it has none.  proctree_lock held. */
bool signal_send_members(struct pid *group, const struct siginfo *info) REQUIRES(proctree_role);
void signal_kernel_group(struct pid *group, int sig)
	REQUIRES(proctree_role); /* proctree_lock held */
/* Makes t look at its signals; killed: killable waits end, too.  siglock held. */
void signal_wake_task_locked(struct task *t, bool killed) REQUIRES(siglock_role);
/* Other threads than `gone` take what is pending of `set` for the process.  siglock held. */
void signal_retarget_locked(struct process *p, struct task *gone, uint64_t set)
	REQUIRES(siglock_role);
/* To the current thread for what it just did (faults): unblocks and resets when blocked or
 * ignored, so that it can't be missed. */
void signal_force_current(const struct siginfo *info);
void signal_force_fatal(int sig); /* current; default action whatever is set */
void siginfo_init(struct siginfo *info, int sig, int code);
void siginfo_init_user(struct siginfo *info, int sig, int code); /* + pid and uid of current */
/* kill(2) permission of current towards p for sig. */
MUST_USE int signal_check_permission(struct process *p, int sig);

/* --- the current thread --- */
uint64_t signal_pending_set(struct task *t); /* blocked ones too: sigpending(2) */
/* Any signal that would be delivered now? */
static inline bool signal_interrupted(void)
{
	return atomic_load_explicit(&thread_current()->interrupted, memory_order_relaxed);
}
void signal_set_blocked(uint64_t mask); /* KILL and STOP are taken out */
/* sigsuspend, ppoll, pselect, epoll_pwait: another mask until the call is over.  Afterwards,
 * when the call was interrupted, the old mask comes back after the handler ran; else at once:
 * always call signal_end_temporary_mask(result of the call). */
void signal_begin_temporary_mask(uint64_t mask);
void signal_end_temporary_mask(long result);
/* User sigset_t: 0, -EINVAL (size), -EFAULT. NULL pointer is the caller's case. */
MUST_USE int signal_copy_mask(user_ptr set, size_t sigsetsize, uint64_t *mask);
/* Takes a pending signal of `set` off the queues of the current thread; 0 = none. */
MUST_USE int signal_dequeue_locked(struct task *t, uint64_t set, struct siginfo *info)
	REQUIRES(siglock_role);
/* rt_sigtimedwait: signo, -EAGAIN, -EINTR. */
MUST_USE long signal_timed_wait(uint64_t set, struct siginfo *info, uint64_t deadline);
/* Looks again whether `interrupted` has to be set (mask, queues changed).  siglock held. */
void signal_recalc_locked(struct task *t) REQUIRES(siglock_role);
MUST_USE int signal_set_action(int sig, const struct linux_sigaction *act,
			       struct linux_sigaction *old);
void signal_siginfo_to_user(const struct siginfo *info, uint8_t out[SIGINFO_SIZE]);
MUST_USE int signal_copy_info_to_user(user_ptr dst, const struct siginfo *info);

/* --- delivery (on the way to user mode) --- */
void signal_deliver(struct trap_frame *f);
/* Builds the frame of a handler; -EFAULT when the stack can't take it. */
MUST_USE int sigframe_setup(struct trap_frame *f, int sig, const struct linux_sigaction *act,
			    const struct siginfo *info, uint64_t mask);
/* rt_sigreturn(2): the register values it restored (rax). */
long sigframe_return(struct trap_frame *f);
/* Smallest frame, for AT_MINSIGSTKSZ. */
size_t sigframe_min_stack(void);
MUST_USE int signal_set_altstack(const struct linux_stack *ss, struct linux_stack *old,
				 uint64_t sp);
/* Records what an interrupted call needs to go on; returns -ERESTART_RESTARTBLOCK. */
MUST_USE long signal_set_restart(long (*fn)(struct task *t), const uint64_t *args, unsigned nargs);

/* --- life cycle --- */
void sigpending_init(struct sigpending *p);
void sigpending_flush(struct sigpending *p); /* siglock held or nobody sees it */
struct sighand *sighand_alloc(void);
struct sighand *sighand_copy(struct sighand *from);
void sighand_get(struct sighand *h);
void sighand_put(struct sighand *h);
void sighand_reset(struct sighand *h, bool also_ignored); /* exec; CLONE_CLEAR_SIGHAND */
void signal_subsystem_init(void);

static inline bool signal_is_kernel_only(int sig) /* can't be caught, blocked, ignored */
{
	return sig == SIGKILL || sig == SIGSTOP;
}
