/* SPDX-License-Identifier: MIT */
/*
 * The clone core: threads, fork, vfork, posix_spawn and clone3, see proc/lifecycle.h.
 *
 * Order: check, allocate and copy the parts (all of which can be undone), publish under
 * the locks, start.  Nobody sees a child before it is complete: its number is taken early, but
 * names it (pid_set_task()) as the last step of publication.
 *
 * Fork against a signal to the group: under proctree_lock either the child is a member already, or
 * the parent has the signal pending, and does its fork again after the handler.  A new thread against
 * exec and exit: under the siglock it is in the list that they kill, or they are seen and it is not
 * made.  Against a stop: it is interrupted at once and counts itself.
 */
#include <proc/lifecycle.h>

#include <arch/fpu.h>
#include <arch/paging.h>
#include <fs/context.h>
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <ipc/ipc.h>
#include <proc/limits.h>
#include <proc/pidfd.h>
#include <proc/tree.h>
#include <signal/signal.h>
#include "proc_internal.h"
#include "vfork.h"

static int check_flags(const struct clone_request *r)
{
	uint64_t f = r->flags;

	if (f & CLONE_NEW_ALL) {
		return -EINVAL; /* no namespaces: as a kernel without them */
	}
	if ((f & CLONE_THREAD && !(f & CLONE_SIGHAND)) || (f & CLONE_SIGHAND && !(f & CLONE_VM))) {
		return -EINVAL;
	}
	if (f & CLONE_CLEAR_SIGHAND && f & CLONE_SIGHAND) {
		return -EINVAL;
	}
	if (f & CLONE_PIDFD && f & CLONE_DETACHED) {
		return -EINVAL;
	}
	if (f & CLONE_PARENT && process_current()->is_init) {
		return -EINVAL;
	}
	if (r->set_tid < 0 || r->set_tid >= PID_MAX) {
		return -EINVAL;
	}
	if (r->set_tid && !cred_capable(CAP_SYS_ADMIN) && !cred_capable(CAP_CHECKPOINT_RESTORE)) {
		return -EPERM;
	}
	if (f & CLONE_SETTLS && !arch_user_base_ok(r->tls)) {
		return -EPERM;
	}
	return 0;
}

static int check_limits(struct process *p)
{
	struct user_account *u = process_get_user(p);
	int32_t mine = atomic_load_explicit(&u->threads, memory_order_relaxed);
	bool is_root = u->uid == 0;

	user_account_put(u);
	if (task_count() >= proc_max_threads()) {
		return -EAGAIN;
	}
	if (!is_root && (uint64_t)mine >= process_rlimit(p, RLIMIT_NPROC) &&
	    !cred_capable(CAP_SYS_RESOURCE) && !cred_capable(CAP_SYS_ADMIN)) {
		return -EAGAIN;
	}
	return 0;
}

/* --- parts --- */

static int copy_mm(struct task *t, uint64_t flags)
{
	struct mm *mm = thread_current()->mm;

	if (flags & CLONE_VM) {
		mm_get(mm);
	} else {
		int err = mm_fork(mm, &mm);

		if (err) {
			return err;
		}
	}
	t->thread.mm = mm;
	t->thread.arch.space = &mm->space;
	return 0;
}

static int copy_files(struct task *t, uint64_t flags)
{
	struct thread *cur = thread_current();

	if (flags & CLONE_FILES) {
		fdtable_get_ref(cur->files);
		t->thread.files = cur->files;
		return 0;
	}
	return fdtable_copy(cur->files, &t->thread.files);
}

static int copy_fs(struct task *t, uint64_t flags)
{
	struct thread *cur = thread_current();

	if (flags & CLONE_FS) {
		fs_context_join(cur->fs);
		t->thread.fs = cur->fs;
	} else {
		t->thread.fs = fs_context_copy(cur->fs);
	}
	return t->thread.fs ? 0 : -ENOMEM;
}

static void drop_parts(struct task *t)
{
	sem_undo_exit(t);
	if (t->thread.fs) {
		fs_context_leave(t->thread.fs);
		t->thread.fs = NULL;
	}
	if (t->thread.files) {
		fdtable_put(t->thread.files);
		t->thread.files = NULL;
	}
	if (t->thread.mm) {
		mm_put(t->thread.mm);
		t->thread.mm = NULL;
		t->thread.arch.space = NULL;
	}
}

static int copy_parts(struct task *t, uint64_t flags)
{
	int err = copy_files(t, flags);

	if (!err) {
		err = copy_fs(t, flags);
	}
	if (!err) {
		err = sem_undo_copy(t, flags & CLONE_SYSVSEM);
	}
	if (!err) {
		err = copy_mm(t, flags);
	}
	return err;
}

/* --- the new process --- */

static int new_sighand(struct process *child, struct process *p, uint64_t flags)
{
	if (flags & CLONE_SIGHAND) {
		child->sighand = p->sighand;
		sighand_get(child->sighand);
		return 0;
	}
	child->sighand = sighand_copy(p->sighand);
	if (!child->sighand) {
		return -ENOMEM;
	}
	if (flags & CLONE_CLEAR_SIGHAND) {
		sighand_reset(child->sighand, false);
	}
	return 0;
}

static int new_process(const struct clone_request *r, struct process **out)
{
	struct process *p = process_current(), *child = process_alloc();
	uint64_t exec_count;
	uint64_t flags;
	int err;

	if (!child) {
		return -ENOMEM;
	}
	err = new_sighand(child, p, r->flags);
	if (err) {
		process_put(child);
		return err;
	}
	flags = process_lock(p);
	memcpy(child->rlimit, p->rlimit, sizeof(child->rlimit));
	child->user = p->user;
	user_account_ref(child->user);
	exec_count = p->exec_count;
	process_unlock(p, flags);
	child->exit_signal = r->flags & CLONE_PARENT ? p->exit_signal : r->exit_signal;
	child->parent_exec_count = r->flags & CLONE_PARENT ? p->parent_exec_count : exec_count;
	child->creator_tid = task_tid(task_current());
	task_current()->made_children = true;
	child->personality = p->personality;
	child->oom_score_adj = p->oom_score_adj;
	*out = child;
	return 0;
}

/* --- registers and signal state --- */

static void copy_registers(struct task *t, const struct clone_request *r)
{
	struct thread *cur = thread_current();
	struct trap_frame regs = *arch_user_frame(&cur->arch);

	regs.rax = 0;
	regs.orig_rax = ~0ull;
	if (r->stack) {
		regs.rsp = r->stack;
	}
	fpu_save_current();
	memcpy(t->thread.arch.fpu, cur->arch.fpu, fpu_area_size());
	arch_thread_init_user(&t->thread.arch, (char *)t->thread.kstack + KSTACK_SIZE, &regs);
	t->thread.arch.fs_base = r->flags & CLONE_SETTLS ? r->tls : arch_get_fs_base(&cur->arch);
	t->thread.arch.gs_base = arch_get_gs_base(&cur->arch);
}

static void copy_signal_state(struct task *t, const struct clone_request *r)
{
	struct task *cur = task_current();

	t->blocked = cur->restore_blocked ? cur->saved_blocked : cur->blocked;
	/* A new stack means another alternate stack, too, except for vfork. */
	if (!(r->flags & CLONE_VM) || r->flags & CLONE_VFORK) {
		t->altstack_sp = cur->altstack_sp;
		t->altstack_size = cur->altstack_size;
		t->altstack_flags = cur->altstack_flags;
	}
	if (r->flags & CLONE_CHILD_CLEARTID) {
		t->clear_child_tid = r->child_tid;
	}
	if (r->flags & CLONE_CHILD_SETTID) {
		t->set_child_tid = r->child_tid;
		atomic_fetch_or(&t->thread.arch.work, WORK_NOTIFY);
	}
	if (!(r->flags & CLONE_VM)) { /* rseq(2): inherited by fork, not by threads */
		t->rseq_addr = cur->rseq_addr;
		t->rseq_len = cur->rseq_len;
		t->rseq_sig = cur->rseq_sig;
		t->thread.notify_switch = cur->thread.notify_switch;
	}
	t->timer_slack_ns = cur->timer_slack_ns;
	t->io_prio = cur->io_prio;
}

/* --- publication --- */

/* siglock of p held: t becomes one of its threads.  Its number does not name it yet. */
static void add_thread_locked(struct process *p, struct task *t) REQUIRES(siglock_role)
{
	ASSERT(spin_held(&p->siglock));
	list_push_back(&p->threads, &t->thread_link);
	task_get(t); /* the list's */
	p->nthreads++;
	atomic_fetch_add(&p->live, 1);
	atomic_fetch_add_explicit(&p->user->threads, 1, memory_order_relaxed);
}

static int publish_thread(struct task *t)
{
	struct process *p = process_current();
	uint64_t flags = process_lock(p);
	int err = 0;

	if (atomic_load(&p->group_exit) || p->exec_task) {
		err = -ERESTARTNOINTR; /* we are about to die */
	} else {
		add_thread_locked(p, t);
		if (atomic_load(&p->stop_active)) {
			signal_wake_task_locked(t, false);
		}
		pid_set_task(t->pid, t);
	}
	process_unlock(p, flags);
	return err;
}

static int publish_process(struct task *t, struct process *child, uint64_t clone_flags)
{
	struct process *p = process_current();
	uint64_t flags = spin_lock_irqsave(&proctree_lock);

	if (signal_interrupted() || atomic_load(&p->group_exit)) {
		spin_unlock_irqrestore(&proctree_lock, flags);
		return -ERESTARTNOINTR;
	}
	child->pid = t->pid;
	pid_get(child->pid);
	spin_lock(&child->siglock);
	child->leader = t;
	add_thread_locked(child, t);
	spin_unlock(&child->siglock);
	tree_link_locked(child, clone_flags & CLONE_PARENT ? p->parent : p, p->group, p->session);
	pid_set_task(t->pid, t);
	spin_unlock_irqrestore(&proctree_lock, flags);
	return 0;
}

static _Atomic uint64_t fork_count;

uint64_t proc_fork_count(void)
{
	return atomic_load_explicit(&fork_count, memory_order_relaxed);
}

/* Undoes task_alloc() and pid_alloc() of a task that nobody saw. */
static void discard_task(struct task *t)
{
	drop_parts(t);
	vfork_release(t);
	if (t->pid) {
		pid_unuse(t->pid);
	}
	task_put(t);
}

static int build_task(const struct clone_request *r, struct process *p, struct task **out)
{
	struct thread *cur = thread_current();
	struct task *t = task_alloc(p, cur->name, cur);
	int err;

	if (!t) {
		return -ENOMEM;
	}
	t->thread.cred = cur->cred;
	cred_get(cur->cred);
	err = copy_parts(t, r->flags);
	if (!err) {
		err = pid_alloc(&t->pid, r->set_tid);
	}
	if (!err && r->flags & CLONE_VFORK) {
		t->vfork = vfork_wait_alloc();
		err = t->vfork ? 0 : -ENOMEM;
	}
	if (err) {
		discard_task(t);
		return err;
	}
	copy_registers(t, r);
	copy_signal_state(t, r);
	*out = t;
	return 0;
}

/* A pidfd of t, if one is wanted, and the place for it in the caller's table, to be installed when
 * t can be found. */
static int make_pidfd(const struct clone_request *r, struct task *t, struct file **out, int *fd)
{
	int err;

	if (!(r->flags & CLONE_PIDFD)) {
		return 0;
	}
	err = pidfd_create(t->pid, 0, r->flags & CLONE_THREAD, out);
	if (err) {
		return err;
	}
	*fd = fd_reserve(0, true);
	return *fd < 0 ? *fd : put_user_u32(r->pidfd, (uint32_t)*fd);
}

static void drop_pidfd(struct file *f, int fd)
{
	if (fd >= 0) {
		fd_unreserve(fd);
	}
	file_put(f);
}

/* Tells the caller (and a thread that shares its memory) the number.  Bad pointers are ignored,
 * as on Linux. */
static void report_tid(const struct clone_request *r, struct task *t)
{
	uint32_t tid = (uint32_t)task_tid(t);

	if (r->flags & CLONE_PARENT_SETTID) {
		(void)!put_user_u32(r->parent_tid, tid);
	}
	if (r->flags & CLONE_CHILD_SETTID && r->flags & CLONE_VM) {
		(void)!put_user_u32(r->child_tid, tid);
		t->set_child_tid = (user_ptr){ 0 };
	}
}

long task_clone(const struct clone_request *r)
{
	struct process *p = process_current(), *child = NULL;
	struct vfork_wait *vfork = NULL;
	struct file *pidfd = NULL;
	struct task *t;
	int err = check_flags(r), fd = -1, tid;

	if (!err) {
		err = check_limits(p);
	}
	if (!err && !(r->flags & CLONE_THREAD)) {
		err = signal_interrupted() ? -ERESTARTNOINTR : new_process(r, &child);
	}
	if (err) {
		return err;
	}
	err = build_task(r, child ? child : p, &t);
	if (err) {
		goto out;
	}
	err = make_pidfd(r, t, &pidfd, &fd);
	if (!err) {
		err = child ? publish_process(t, child, r->flags) : publish_thread(t);
	}
	if (err) {
		drop_pidfd(pidfd, fd);
		discard_task(t);
		goto out;
	}
	if (pidfd) {
		fd_install(fd, pidfd);
	}
	report_tid(r, t);
	atomic_fetch_add_explicit(&fork_count, 1, memory_order_relaxed);
	tid = task_tid(t);
	if (r->flags & CLONE_VFORK) {
		vfork = vfork_wait_get(t->vfork);
	}
	sched_start(&t->thread);
	task_put(t); /* ours; the list and the scheduler have theirs */
	if (vfork) {
		vfork_wait(vfork);
	}
	return tid;
out:
	process_put(child);
	return err;
}
