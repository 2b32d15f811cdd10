/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Creation and end of threads and processes.
 *
 * There is one clone core, task_clone(), for threads, fork, vfork, posix_spawn and clone3.
 * task_exit() ends the calling thread; with the last one the process becomes a zombie and its
 * parent hears of it.  process_exit_group() tells all other threads to die first.
 *
 * The end of the VM: when pid 1 ends all others are killed, dirty pages are flushed and the
 * launcher gets the status; with LAUNCH_WAIT_ALL that happens when the last process is gone.
 */
#include <mm/user_ptr.h>
#include <proc/task.h>

/* pid 1: a process whose first thread runs fn(arg) in the kernel; fn fills
 * arch_user_frame() and calls arch_enter_user(), or ends by proc_exit_vm().  It has an empty mm,
 * descriptor table, fs context and root's credentials; a session and group of its own. NULL =
 * out of memory.  The task is not started: sched_start(&t->thread). */
struct task *proc_create_init(void (*fn)(void *arg), void *arg);
/* LAUNCH_WAIT_ALL. */
void proc_set_wait_all(bool on);

struct clone_request {
	uint64_t flags; /* CLONE_*, without the signal */
	int exit_signal;
	uint64_t stack; /* 0 = the caller's stack pointer */
	uint64_t tls;	/* with CLONE_SETTLS */
	user_ptr parent_tid, child_tid, pidfd;
	int set_tid; /* clone3 set_tid: 0 = any */
};
/* The child's tid as the caller sees it, or -errno (checked first: nothing changed).  With
 * CLONE_VFORK returns once the child has let go of the address space. */
long task_clone(const struct clone_request *req);

/* exit(2): status as wait4 reports it (code << 8, or a signal | 0x80 for a core). */
NORETURN void task_exit(uint32_t wait_status);
/* exit_group(2), and death by a signal. */
NORETURN void process_exit_group(uint32_t wait_status);
/* Tells every thread of p to die with this status; the first to say so wins.  siglock held. */
void process_kill_threads_locked(struct process *p, uint32_t wait_status) REQUIRES(siglock_role);

/* Processes and threads made since boot (/proc/stat). */
uint64_t proc_fork_count(void);

/* A status of a process that ended: CLD_EXITED, CLD_KILLED or CLD_DUMPED ... */
static inline int wait_status_cause(uint32_t status)
{
	if (!(status & 0x7f)) {
		return CLD_EXITED;
	}
	return status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}
/* ... and its exit code, or the signal. */
static inline int wait_status_value(uint32_t status)
{
	return (int)(status & 0x7f ? status & 0x7f : status >> 8 & 0xff);
}

/* wait4/waitid core. */
struct wait_request {
	int type;	    /* P_ALL, P_PID, P_PGID, P_PIDFD */
	int id;		    /* pid or pgid */
	struct pid *target; /* P_PIDFD: counted by the caller */
	uint32_t options;   /* WEXITED ..., WNOHANG, WNOWAIT, __W* */
	/* result */
	int pid, cause;	 /* cause: CLD_*; pid 0: nothing yet (WNOHANG) */
	uint32_t status; /* wait4 format */
	uint32_t uid;
	struct linux_rusage usage;
};
MUST_USE int process_wait(struct wait_request *req);

/* Releases a CLONE_VFORK parent (exec, exit). */
void vfork_release(struct task *t);
/* The mm of the current thread goes: robust futexes, clear_child_tid, vfork. */
/* Thread list is down to the caller alone (exec); see proc/exec.c. */

/* Everything ends: flushes caches and hands the status to the launcher.  Never returns. */
NORETURN void proc_exit_vm(bool by_signal, unsigned value);
/* Called first by it, the last one added first.  Added at boot only. */
struct vm_exit_hook {
	struct vm_exit_hook *next;
	void (*fn)(void);
};
void proc_add_exit_hook(struct vm_exit_hook *h);

/* Sessions and groups: setsid(2), setpgid(2), getpgid(2)/getsid(2); 0 = the caller. */
long process_setsid(void);
long process_setpgid(int pid, int pgid);
long process_getpgid(int pid, bool session);
