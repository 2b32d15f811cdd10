/* SPDX-License-Identifier: MIT */
/*
 * The end of threads and processes, see proc/lifecycle.h.
 *
 * A thread leaves its process's list last, when it has given up all its parts; whoever leaves
 * an empty list makes the process a zombie.  Until then the thread can be found and signalled,
 * which does nothing any more: `exiting` is set under the siglock, under which signals choose.
 *
 * Exit against wait: the state becomes ZOMBIE under proctree_lock, under which a waiter looks before
 * it sleeps and the parent's queue is woken, so it is not missed.  Only under that lock does a zombie
 * become DEAD, so exactly one reaps it: a waiter, its own exit (when the parent ignores children), or
 * the exit of its parent.
 *
 * Exit against the parent's exit: both hold proctree_lock; the child sees a parent that is alive, or
 * its reaper.  Exit against timers: timers_exit() of the last thread waits for timer functions that
 * run, and nobody is left to arm new ones.
 */
#include <proc/lifecycle.h>

#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/thread.h>
#include <fs/context.h>
#include <fs/fdtable.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <mm/usercopy.h>
#include <proc/coredump.h>
#include <futex/futex.h>
#include <ipc/ipc.h>
#include <proc/limits.h>
#include <proc/stop.h>
#include <proc/tree.h>
#include <time/posix_timers.h>
#include <signal/signal.h>
#include "proc_internal.h"

/* --- parts --- */

static void task_release_mm(struct task *t)
{
	futex_exit(t);
	vfork_release(t);
}

static void note_max_rss(struct process *p, struct mm *mm)
{
	uint64_t kib = mm_peak_rss_pages(mm) * (PAGE_SIZE / 1024);
	uint64_t flags = process_lock(p);

	p->vm_hiwater_kib = MAX(p->vm_hiwater_kib, kib);
	process_unlock(p, flags);
}

static void drop_parts(struct task *t)
{
	struct process *p = t->process;
	struct fdtable *files;
	struct fs_context *fs;
	struct mm *mm;
	uint64_t flags;

	task_release_mm(t);
	sem_undo_exit(t);
	if (t->thread.mm) {
		note_max_rss(p, t->thread.mm);
	}
	/* Off the tables before they go. */
	arch_load_space(&kernel_space);
	flags = process_lock(p);
	mm = t->thread.mm;
	files = t->thread.files;
	fs = t->thread.fs;
	t->thread.mm = NULL;
	t->thread.files = NULL;
	t->thread.fs = NULL;
	t->thread.arch.space = NULL;
	t->rseq_addr = 0;
	process_unlock(p, flags);
	fdtable_put(files);
	fs_context_leave(fs);
	mm_put(mm);
	oom_memory_returned();
}

/* --- children --- */

/* The signal is the dying parent's: one that may not signal the child does not. */
static void queue_pdeath(struct process *child) REQUIRES(proctree_role)
{
	bool may = !signal_check_permission(child, SIGKILL);
	struct siginfo info;
	int sig;

	/* Under its siglock the leader can't go meanwhile. */
	spin_lock(&child->siglock);
	sig = child->leader ? atomic_load(&child->leader->pdeath_signal) : 0;
	if (may && signal_valid(sig)) {
		siginfo_init_user(&info, sig, SI_USER);
		(void)!signal_send_locked(child, NULL, &info, NULL);
	}
	spin_unlock(&child->siglock);
}

/* PR_SET_PDEATHSIG speaks of the thread that made the child. */
static void thread_leaves_children(struct task *t)
{
	struct process *p = t->process, *child;
	uint64_t flags;

	if (!t->made_children) {
		return;
	}
	flags = spin_lock_irqsave(&proctree_lock);
	list_for_each_entry(child, &p->children, sibling_link) {
		if (child->creator_tid == task_tid(t)) {
			queue_pdeath(child);
		}
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
}

static struct process *find_reaper_locked(struct process *p) REQUIRES(proctree_role)
{
	struct process *up;

	ASSERT(spin_held(&proctree_lock));
	for (up = p->parent; up; up = up->parent) {
		if (up->child_subreaper && up->state == PROCESS_ALIVE) {
			return up;
		}
	}
	return init_process && init_process != p && init_process->state == PROCESS_ALIVE
		       ? init_process
		       : NULL;
}

/* A group that has just become orphaned and has stopped members gets SIGHUP and SIGCONT. */
static void check_orphaned_locked(struct pid *group, const struct process *without)
	REQUIRES(proctree_role)
{
	ASSERT(spin_held(&proctree_lock));
	if (tree_group_orphaned_locked(group, without) && tree_group_has_stopped_locked(group)) {
		signal_kernel_group(group, SIGHUP);
		signal_kernel_group(group, SIGCONT);
	}
}

/* How many members each group loses a parent for that may be its last: with the last of them it is
 * looked at, once. */
static void note_jobs_locked(struct process *p) REQUIRES(proctree_role)
{
	struct process *child;

	ASSERT(spin_held(&proctree_lock));
	list_for_each_entry(child, &p->children, sibling_link) {
		if (child->state == PROCESS_ALIVE && tree_parent_keeps_group(child)) {
			child->group->loses_parents++;
		}
	}
}

/* proctree_lock held; zombies that nobody will wait for go to `dead`. */
static void reparent_children_locked(struct process *p, struct list *dead) REQUIRES(proctree_role)
{
	struct process *reaper = find_reaper_locked(p), *child, *tmp;

	ASSERT(spin_held(&proctree_lock));
	note_jobs_locked(p);
	list_for_each_entry_safe(child, tmp, &p->children, sibling_link) {
		struct pid *group = child->group;

		list_remove(&child->sibling_link);
		child->parent = reaper;
		child->parent_pid = reaper ? process_pid(reaper) : 0;
		child->reparented = true;
		child->exit_signal = SIGCHLD;
		child->creator_tid = 0;
		if (reaper) {
			list_push_back(&reaper->children, &child->sibling_link);
		}
		if (child->state == PROCESS_ZOMBIE) {
			process_notify_parent_locked(child, 0, 0);
			if (child->state == PROCESS_DEAD) {
				tree_unlink_locked(child);
				list_push_back(dead, &child->sibling_link);
			}
		} else if (group->loses_parents && --group->loses_parents == 0) {
			check_orphaned_locked(group, NULL);
		}
	}
}

/* --- telling the parent --- */

static void fill_sigchld(struct process *p, struct siginfo *info, int cause, int status)
	REQUIRES(siglock_role)
{
	uint64_t utime, stime;

	process_cpu_ns_locked(p, &utime, &stime);
	siginfo_init(info, SIGCHLD, cause);
	info->chld.pid = process_pid(p);
	info->chld.uid = p->user->uid;
	info->chld.status = status;
	info->chld.utime = (int64_t)(utime / (NSEC_PER_SEC / USER_HZ));
	info->chld.stime = (int64_t)(stime / (NSEC_PER_SEC / USER_HZ));
}

/* What p's end sends to its parent; 0 = nothing.  It was chosen for the program that the parent was
 * when it made p: what that has executed since only hears SIGCHLD. */
static int end_signal_locked(struct process *p, struct process *parent) REQUIRES(siglock_role)
{
	ASSERT(spin_held(&parent->siglock));
	if (p->exit_signal != SIGCHLD && p->parent_exec_count != parent->exec_count) {
		return SIGCHLD;
	}
	return signal_valid(p->exit_signal) ? p->exit_signal : 0;
}

/* cause 0: p is a zombie; otherwise CLD_STOPPED or CLD_CONTINUED.  A zombie that nobody waits
 * for becomes PROCESS_DEAD. */
void process_notify_parent_locked(struct process *p, int cause, int status)
{
	struct process *parent = p->parent;
	struct linux_sigaction *act;
	bool ended = !cause, ignored;
	struct siginfo info;

	ASSERT(spin_held(&proctree_lock));
	if (!parent || parent->state != PROCESS_ALIVE) {
		if (ended) {
			p->state = PROCESS_DEAD;
		}
		return;
	}
	spin_lock(&p->siglock);
	fill_sigchld(p, &info, ended ? wait_status_cause(p->wait_status) : cause,
		     ended ? wait_status_value(p->wait_status) : status);
	spin_unlock(&p->siglock);
	/* Its exec may replace the handlers, under this lock. */
	spin_lock(&parent->siglock);
	act = &parent->sighand->action[SIGCHLD - 1];
	ignored = READ_ONCE(act->handler) == SIG_IGN;
	if (ended) {
		info.signo = end_signal_locked(p, parent);
		if (info.signo == SIGCHLD && (ignored || READ_ONCE(act->flags) & SA_NOCLDWAIT)) {
			p->state = PROCESS_DEAD;
			info.signo = ignored ? 0 : SIGCHLD;
		}
	} else if (ignored || READ_ONCE(act->flags) & SA_NOCLDSTOP) {
		info.signo = 0;
	}
	if (info.signo) {
		(void)!signal_send_locked(parent, NULL, &info, NULL);
	}
	spin_unlock(&parent->siglock);
	waitq_wake_all(&parent->child_waitq);
}

/* --- the last thread --- */

static _Atomic bool wait_all; /* [a] set at boot */

void proc_set_wait_all(bool on)
{
	atomic_store_explicit(&wait_all, on, memory_order_relaxed);
}

static void kill_everybody(void)
{
	struct process *p;

	for (int nr = 1; (p = process_next(nr)); process_put(p)) {
		nr = process_pid(p) + 1;
		if (!p->is_init) {
			signal_kernel(p, SIGKILL);
		}
	}
}

static void release_dead(struct list *dead)
{
	struct process *d;

	while (!list_empty(dead)) {
		d = list_first_entry(dead, struct process, sibling_link);
		list_remove(&d->sibling_link);
		process_put(d);
	}
}

/* The VM ends with pid 1, or with the last process.  Its last thread does not leave the list;
 * the process counts as a zombie whose children nobody inherits. */
static NORETURN void init_exited(struct process *p)
{
	struct list dead = LIST_INIT(dead);
	uint32_t status = READ_ONCE(p->exit_status);
	uint64_t flags;

	session_leader_exit(p);
	flags = spin_lock_irqsave(&proctree_lock);
	p->wait_status = status;
	p->state = PROCESS_ZOMBIE;
	reparent_children_locked(p, &dead);
	spin_unlock_irqrestore(&proctree_lock, flags);
	release_dead(&dead);
	if (atomic_load_explicit(&wait_all, memory_order_relaxed)) {
		process_wait_alone(DEADLINE_NONE);
	}
	kill_everybody();
	/* What hangs on a device that does not answer must not keep the VM from its end. */
	process_wait_alone(clock_mono_ns() + NSEC_PER_SEC);
	proc_exit_vm(wait_status_cause(status) != CLD_EXITED, (unsigned)wait_status_value(status));
}

static void become_zombie(struct process *p)
{
	struct list dead = LIST_INIT(dead);
	uint64_t flags;
	bool autoreap;

	session_leader_exit(p);
	flags = spin_lock_irqsave(&proctree_lock);
	p->wait_status = READ_ONCE(p->exit_status); /* nobody is left to change it */
	reparent_children_locked(p, &dead);
	if (p->session->leader == p) {
		p->session->leader = NULL;
	}
	p->state = PROCESS_ZOMBIE;
	if (p->parent && tree_parent_keeps_group(p)) {
		check_orphaned_locked(p->group, p);
	}
	if (!p->is_init) {
		process_notify_parent_locked(p, 0, 0);
	}
	autoreap = p->state == PROCESS_DEAD;
	waitq_wake_all(&p->pid->exit_waitq);
	if (autoreap) {
		tree_unlink_locked(p);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	release_dead(&dead);
	if (autoreap) {
		process_put(p);
	}
}

/* --- threads --- */

/* The status of a process that dies by itself is its leader's. */
static void note_status_locked(struct task *t, uint32_t status) REQUIRES(siglock_role)
{
	ASSERT(spin_held(&t->process->siglock));
	if (!atomic_load(&t->process->group_exit) && t == t->process->leader) {
		t->process->exit_status = status;
	}
}

static void leave_list(struct task *t)
{
	struct process *p = t->process;
	bool last, report;
	struct usage u;
	uint64_t flags = process_lock(p);

	task_usage(t, &u);
	usage_add(&p->dead_threads, &u);
	list_remove(&t->thread_link);
	last = --p->nthreads == 0;
	if (p->leader == t) {
		p->leader = NULL;
	}
	atomic_fetch_sub_explicit(&p->user->threads, 1, memory_order_relaxed);
	report = process_stop_thread_gone_locked(p);
	waitq_wake_all(&p->thread_exit_waitq);
	process_unlock(p, flags);
	if (report) {
		process_report_stop(p);
	}
	/* A leader's number goes on naming the process. */
	pid_set_task(t->pid, NULL);
	pid_unuse(t->pid);
	if (last) {
		become_zombie(p);
	}
	task_put(t); /* the list's reference */
}

void task_exit(uint32_t status)
{
	struct task *t = task_current();
	struct process *p = t->process;
	bool last;
	uint64_t flags;

	ASSERT(irq_enabled() && !READ_ONCE(t->exiting));
	flags = process_lock(p);
	coredump_park_locked(p, &flags);
	note_status_locked(t, status);
	t->exiting = true;
	last = atomic_fetch_sub(&p->live, 1) == 1;
	signal_retarget_locked(p, t, ~t->blocked);
	process_unlock(p, flags);
	/* From here on signals find another thread, and nothing may cut short the writes and
	 * closes of the end. */
	atomic_store(&t->thread.interrupted, false);
	atomic_store(&t->thread.killed, false);
	t->thread.ending = true;
	if (last) {
		timers_exit(p);
	}
	thread_leaves_children(t);
	drop_parts(t);
	if (p->is_init && last) {
		init_exited(p);
	}
	process_get(p);
	leave_list(t);
	process_put(p);
	sched_exit();
}

void process_kill_threads_locked(struct process *p, uint32_t status)
{
	struct task *t;

	ASSERT(spin_held(&p->siglock));
	if (atomic_load(&p->group_exit)) {
		return;
	}
	p->exit_status = status;
	atomic_store(&p->group_exit, true);
	atomic_store(&p->stop_active, false);
	p->is_stopped = false;
	list_for_each_entry(t, &p->threads, thread_link) {
		if (!t->exiting) {
			signal_wake_task_locked(t, true);
		}
	}
	waitq_wake_all(&p->stop_waitq);
}

void process_exit_group(uint32_t status)
{
	struct process *p = process_current();
	uint64_t flags = process_lock(p);

	process_kill_threads_locked(p, status);
	status = p->exit_status;
	process_unlock(p, flags);
	task_exit(status);
}
