/* SPDX-License-Identifier: MIT */
/*
 * Tasks and processes as objects: memory, references, CPU time, and the parts of others.
 *
 * A task counts its process, never the other way round: the process knows its threads only by the
 * list, of which each entry is a reference of its own (add_thread_locked() in clone.c).  So a
 * process is freed after its last task, and nothing waits for that.
 *
 * A thread's parts (mm, files, fs) are its own to replace; others take a reference under the
 * siglock, under which the thread puts its pointers to NULL before it drops them.
 */
#include <proc/task.h>

#include <arch/clock.h>
#include <arch/fpu.h>
#include <fs/context.h>
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include "proc_internal.h"
#include <proc/limits.h>
#include <time/posix_timers.h>
#include <signal/signal.h>

static struct kmem_cache *task_cache, *process_cache, *fpu_cache;

void process_subsystem_init(void)
{
	task_cache = kmem_cache_create("task", sizeof(struct task), 64);
	process_cache = kmem_cache_create("process", sizeof(struct process), 64);
	fpu_cache = kmem_cache_create("fpu", fpu_area_size(), 64);
	ASSERT(task_cache && process_cache && fpu_cache);
}

/* --- tasks --- */

static void task_release(struct thread *thread)
{
	struct task *t = (struct task *)thread;

	ASSERT(!thread->mm && !thread->files && !thread->fs);
	ASSERT(!list_linked(&t->thread_link) && list_empty(&t->pi_owned));
	sigpending_flush(&t->pending);
	kstack_free(thread->kstack);
	kmem_cache_free(fpu_cache, thread->arch.fpu);
	cred_put(thread->cred);
	pid_put(t->pid);
	process_put(t->process);
	kmem_cache_free(task_cache, t);
}

struct task *task_alloc(struct process *p, const char *name, const struct thread *parent)
{
	struct task *t = kmem_cache_zalloc(task_cache);

	if (!t) {
		return NULL;
	}
	t->thread.kstack = kstack_alloc();
	t->thread.arch.fpu = kmem_cache_alloc(fpu_cache);
	if (!t->thread.kstack || !t->thread.arch.fpu) {
		kstack_free(t->thread.kstack);
		if (t->thread.arch.fpu) {
			kmem_cache_free(fpu_cache, t->thread.arch.fpu);
		}
		kmem_cache_free(task_cache, t);
		return NULL;
	}
	thread_init(&t->thread, name, parent);
	t->thread.task = t;
	t->thread.release = task_release;
	t->process = p;
	process_get(p);
	list_init(&t->thread_link);
	list_init(&t->pi_owned);
	sigpending_init(&t->pending);
	t->altstack_flags = SS_DISABLE;
	t->start_ns = clock_mono_ns();
	return t;
}

/* --- processes --- */

struct process *process_alloc(void)
{
	struct process *p = kmem_cache_zalloc(process_cache);

	if (!p) {
		return NULL;
	}
	refcount_init(&p->refs, 1);
	list_init(&p->children);
	list_init(&p->sibling_link);
	list_init(&p->group_link);
	list_init(&p->session_link);
	list_init(&p->threads);
	waitq_init(&p->child_waitq);
	waitq_init_mortal(&p->signal_waitq); /* signalfds are polled by others, too */
	waitq_init(&p->thread_exit_waitq);
	waitq_init(&p->stop_waitq);
	spin_init(&p->siglock, RANK_SIGHAND, "siglock");
	sigpending_init(&p->shared);
	p->start_ns = clock_mono_ns();
	timers_process_init(p);
	return p;
}

void process_get(struct process *p)
{
	refcount_get(&p->refs);
}

void process_put(struct process *p)
{
	if (!p || !refcount_put(&p->refs)) {
		return;
	}
	ASSERT(list_empty(&p->threads) && !list_linked(&p->sibling_link));
	ASSERT(!list_linked(&p->group_link) && !list_linked(&p->session_link));
	waitq_end(&p->signal_waitq);
	sigpending_flush(&p->shared);
	timers_process_free(p);
	sighand_put(p->sighand);
	user_account_put(p->user);
	pid_put(p->pid);
	kmem_cache_free(process_cache, p);
}

/* --- accounting --- */

uint32_t process_uid(struct process *p)
{
	uint64_t flags = process_lock(p);
	uint32_t uid = p->user->uid;

	process_unlock(p, flags);
	return uid;
}

uint64_t task_current_cpu_ns(void)
{
	struct thread *t = thread_current();

	/* Without the run queue's lock: only this CPU charges the running thread.  A charge between
	 * the two reads (the timer's interrupt) makes the answer a slice too small, once. */
	return atomic_load_explicit(&t->runtime, memory_order_relaxed) + clock_mono_ns() -
	       READ_ONCE(t->exec_start);
}

void task_cpu_ns(struct task *t, uint64_t *utime, uint64_t *stime)
{
	uint64_t total = thread_cpu_ns(&t->thread);
	uint64_t seen_u = READ_ONCE(t->seen_utime), seen_s = READ_ONCE(t->seen_stime);

	*stime = MAX(MIN(READ_ONCE(t->sys_ns), total), seen_s);
	*utime = total > *stime ? total - *stime : 0;
	if (*utime < seen_u) {
		*utime = seen_u;
		*stime = MAX(total > seen_u ? total - seen_u : 0, seen_s);
	}
	WRITE_ONCE(t->seen_utime, *utime);
	WRITE_ONCE(t->seen_stime, *stime);
}

void process_cpu_ns_locked(struct process *p, uint64_t *utime, uint64_t *stime)
{
	struct task *t;

	ASSERT(spin_held(&p->siglock));
	*utime = p->dead_threads.utime;
	*stime = p->dead_threads.stime;
	list_for_each_entry(t, &p->threads, thread_link) {
		uint64_t u, s;

		task_cpu_ns(t, &u, &s);
		*utime += u;
		*stime += s;
	}
}

void usage_add(struct usage *to, const struct usage *from)
{
	to->utime += from->utime;
	to->stime += from->stime;
	to->minflt += from->minflt;
	to->majflt += from->majflt;
	to->nvcsw += from->nvcsw;
	to->nivcsw += from->nivcsw;
	to->inblock += from->inblock;
	to->oublock += from->oublock;
	to->maxrss_kib = MAX(to->maxrss_kib, from->maxrss_kib);
}

void task_usage(struct task *t, struct usage *u)
{
	memset(u, 0, sizeof(*u));
	task_cpu_ns(t, &u->utime, &u->stime);
	u->minflt = t->minflt;
	u->majflt = t->majflt;
	u->nvcsw = atomic_load_explicit(&t->thread.vol_switches, memory_order_relaxed);
	u->nivcsw = atomic_load_explicit(&t->thread.invol_switches, memory_order_relaxed);
}

void process_usage(struct process *p, struct usage *u)
{
	uint64_t flags = process_lock(p);
	struct task *t;

	*u = p->dead_threads;
	list_for_each_entry(t, &p->threads, thread_link) {
		struct usage one;

		task_usage(t, &one);
		usage_add(u, &one);
	}
	u->maxrss_kib = MAX(u->maxrss_kib, p->vm_hiwater_kib);
	process_unlock(p, flags);
}

void usage_to_rusage(const struct usage *u, struct linux_rusage *r)
{
	memset(r, 0, sizeof(*r));
	r->utime = ns_to_timeval(u->utime);
	r->stime = ns_to_timeval(u->stime);
	r->maxrss = (int64_t)u->maxrss_kib;
	r->minflt = (int64_t)u->minflt;
	r->majflt = (int64_t)u->majflt;
	r->inblock = (int64_t)u->inblock;
	r->oublock = (int64_t)u->oublock;
	r->nvcsw = (int64_t)u->nvcsw;
	r->nivcsw = (int64_t)u->nivcsw;
}

/* --- the parts of another process --- */

struct task *process_get_task(struct process *p)
{
	uint64_t flags = process_lock(p);
	struct task *t = p->leader;

	if (!t && !list_empty(&p->threads)) {
		t = list_first_entry(&p->threads, struct task, thread_link);
	}
	if (t) {
		task_get(t);
	}
	process_unlock(p, flags);
	return t;
}

/* A thread gives up or replaces its parts under its siglock (drop_parts() in exit.c, become() in
 * exec.c): under it they are there, or NULL. */
struct mm *task_get_mm(struct task *t)
{
	uint64_t flags;
	struct mm *mm;

	if (!t) {
		return NULL;
	}
	flags = process_lock(t->process);
	mm = t->thread.mm;
	if (mm) {
		mm_get(mm);
	}
	process_unlock(t->process, flags);
	return mm;
}

int task_next_fd(struct task *t, int from, struct fd_access *out)
{
	uint64_t flags;
	int fd = -1;

	if (!t) {
		return fd;
	}
	flags = process_lock(t->process);
	if (t->thread.files) {
		fd = fdtable_next_access(t->thread.files, from, out);
	}
	process_unlock(t->process, flags);
	return fd;
}

struct mm *process_get_mm(struct process *p)
{
	uint64_t flags = process_lock(p);
	struct mm *mm = NULL;
	struct task *t;

	list_for_each_entry(t, &p->threads, thread_link) {
		mm = t->thread.mm;
		if (mm) {
			mm_get(mm);
			break;
		}
	}
	process_unlock(p, flags);
	return mm;
}

struct cred *task_get_cred(struct task *t)
{
	uint64_t flags = process_lock(t->process);
	struct cred *c = t->thread.cred;

	cred_get(c);
	process_unlock(t->process, flags);
	return c;
}

/* Also under proctree_lock. */
struct cred *process_get_cred(struct process *p)
{
	uint64_t flags = process_lock(p);
	struct cred *c = NULL;

	if (!list_empty(&p->threads)) {
		c = list_first_entry(&p->threads, struct task, thread_link)->thread.cred;
		cred_get(c);
	}
	process_unlock(p, flags);
	return c;
}
