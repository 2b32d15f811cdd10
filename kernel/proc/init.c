/* SPDX-License-Identifier: MIT */
/*
 * Boot order of this layer, the hooks of fs and mm, the first process, and the end of the VM.
 *
 * Everything here runs once, before there are programs, or in the last thread of process 1.
 */
#include <proc/lifecycle.h>

#include <arch/clock.h>
#include <arch/fpu.h>
#include <fs/context.h>
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <host/hostctl.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <futex/futex.h>
#include <ipc/ipc.h>
#include <proc/hostname.h>
#include <proc/cred.h>
#include <proc/limits.h>
#include <proc/tree.h>
#include <time/posix_timers.h>
#include <signal/sigio.h>
#include <signal/signal.h>
#include "proc_internal.h"

/* --- hooks of lower layers --- */

static uint64_t current_rlimit(int resource)
{
	struct task *t = task_current();

	return t->thread.task ? process_rlimit(t->process, resource) : RLIM_INFINITY;
}

static uint64_t current_mm_rlimit(int resource)
{
	return resource == RLIMIT_MEMLOCK && cred_capable(CAP_IPC_LOCK) ? RLIM_INFINITY
									: current_rlimit(resource);
}

static int current_pid(void)
{
	return thread_current()->task ? process_pid(process_current()) : 0;
}

static void set_files(struct fdtable *t)
{
	uint64_t flags = process_lock(process_current());

	thread_current()->files = t;
	process_unlock(process_current(), flags);
}

static void send_current(int sig)
{
	struct siginfo info;

	if (thread_current()->task) {
		siginfo_init_user(&info, sig, SI_USER);
		(void)!signal_send_task(task_current(), &info);
	}
}

static void send_sigpipe(void)
{
	send_current(SIGPIPE);
}

static void send_sigxfsz(void)
{
	send_current(SIGXFSZ);
}

static const struct fs_upcalls upcalls = {
	.current_pid = current_pid,
	.rlimit = current_rlimit,
	.set_files = set_files,
	.send_sigxfsz = send_sigxfsz,
	.send_sigpipe = send_sigpipe,
	.send_sigio = sigio_send,
	.drop_owner = sigio_drop_owner,
	.get_user = user_account_current,
	.put_user = user_account_put,
	.charge = user_account_charge,
	.uncharge = user_account_uncharge,
};

void proc_init(void)
{
	pid_init();
	process_subsystem_init();
	signal_subsystem_init();
	limits_subsystem_init();
	futex_init();
	fault_subsystem_init();
	timers_init();
	procinfo_init();
	mm_rlimit = current_mm_rlimit;
	fs_upcalls_register(&upcalls);
}

/* --- pid 1 --- */

static int init_parts(struct process *p, struct task *t)
{
	struct cred *cred = cred_alloc();
	int err;

	if (!cred) {
		return -ENOMEM;
	}
	cred_init(cred, 0, 0);
	t->thread.cred = cred;
	p->sighand = sighand_alloc();
	p->user = user_account_get(0);
	t->thread.files = fdtable_create();
	t->thread.fs = fs_context_create();
	if (!p->sighand || !p->user || !t->thread.files || !t->thread.fs) {
		return -ENOMEM;
	}
	limits_init_default(p);
	err = mm_create(&t->thread.mm);
	if (err) {
		return err;
	}
	t->thread.arch.space = &t->thread.mm->space;
	return 0;
}

static int publish_init(struct process *p, struct task *t)
{
	struct session *session;
	uint64_t flags;
	int err = pid_alloc(&t->pid, 0);

	if (err) {
		return err;
	}
	ASSERT(task_tid(t) == 1);
	p->pid = t->pid;
	pid_get(p->pid);
	session = session_alloc(p->pid, p);
	if (!session) {
		return -ENOMEM;
	}
	p->is_init = true;
	p->exit_signal = SIGCHLD;
	flags = spin_lock_irqsave(&proctree_lock);
	spin_lock(&p->siglock);
	list_push_back(&p->threads, &t->thread_link);
	p->nthreads = 1;
	p->leader = t;
	atomic_store(&p->live, 1);
	atomic_fetch_add(&p->user->threads, 1);
	spin_unlock(&p->siglock);
	tree_link_locked(p, NULL, p->pid, session);
	init_process = p;
	pid_set_task(t->pid, t);
	spin_unlock_irqrestore(&proctree_lock, flags);
	session_put(session); /* the process has its own */
	task_get(t);	      /* the list's */
	return 0;
}

struct task *proc_create_init(void (*fn)(void *arg), void *arg)
{
	struct process *p = process_alloc();
	struct task *t = p ? task_alloc(p, "init", NULL) : NULL;
	char *top;

	hostname_register_files();
	ipc_proc_register();
	/* At boot there is nothing to go back to: what was made stays. */
	if (!t || init_parts(p, t) || publish_init(p, t)) {
		return NULL;
	}
	fpu_init_area(t->thread.arch.fpu);
	/* fn fills the user registers, which are at the top of its own stack. */
	top = (char *)t->thread.kstack + KSTACK_SIZE;
	arch_thread_init_kernel(&t->thread.arch, top - ALIGN_UP(sizeof(struct trap_frame), 16ul),
				fn, arg);
	t->thread.arch.kstack_top = (uint64_t)top;
	return t;
}

/* --- the end --- */

static struct vm_exit_hook *exit_hooks;

void proc_add_exit_hook(struct vm_exit_hook *h)
{
	h->next = exit_hooks;
	exit_hooks = h;
}

void proc_exit_vm(bool by_signal, unsigned value)
{
	struct ctl_exit e = { .by_signal = by_signal, .value = value };
	struct mem_stats s;

	for (struct vm_exit_hook *h = exit_hooks; h; h = h->next) {
		h->fn();
	}
	pagecache_sync_all(); /* not SYNCFS: the host keeps what was written */
	mem_get_stats(&s);
	e.mem_peak_kib = s.peak_used_pages * (PAGE_SIZE / 1024);
	if (init_process) {
		uint64_t flags = process_lock(init_process);

		e.run_ns = clock_mono_ns() - init_process->start_ns;
		e.max_rss_kib = MAX(init_process->vm_hiwater_kib,
				    init_process->children_usage.maxrss_kib);
		process_unlock(init_process, flags);
	}
	hostctl_exit(&e);
}
