/* SPDX-License-Identifier: MIT */
/*
 * The texts of /proc/PID: stat, status, limits and the small ones.
 *
 * A text is made from a snapshot: what is under the siglock in one piece, what is in the tree in
 * another.  The two may differ by a moment (a process that has just ended, a new group).
 */
#include <fs/pseudo/procfs.h>

#include <fs/context.h>
#include <fs/cred.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include <proc/limits.h>
#include <proc/tree.h>
#include <signal/signal.h>
#include "proc_internal.h"
#include "procinfo.h"

/* --- a snapshot of what the text files tell --- */

struct snapshot {
	int pid, tid, ppid, pgrp, session, tty, tpgid;
	unsigned nthreads;
	char comm[16];
	char state; /* as ps shows it */
	const char *state_name;
	struct cred *cred;
	struct mm *mm;
	struct usage self, children;
	uint64_t start_ns, pending, shared, blocked, ignored, caught;
	uint64_t rss_limit, sig_limit;
	int sigqueued, nice, policy, rt_prio, exit_signal, exit_code, cpu;
	uint64_t umask, affinity;
	bool may_look; /* the caller may see where its memory is */
};

static void tree_part(struct process *p, struct snapshot *s)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);

	s->ppid = p->parent_pid;
	s->pgrp = p->group ? p->group->nr : 0;
	s->session = p->session ? p->session->sid->nr : 0;
	s->tpgid = -1;
	if (p->session && p->session->tty) {
		p->session->tty_ops->describe(p->session->tty, &s->tty, &s->tpgid);
	}
	if (p->state != PROCESS_ALIVE) {
		s->state = 'Z';
		s->state_name = "Z (zombie)";
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
}

static void state_part(struct process *p, struct task *t, struct snapshot *s) REQUIRES(siglock_role)
{
	if (!t) {
		s->state = 'Z';
		s->state_name = "Z (zombie)";
		return;
	}
	if (p->is_stopped) {
		s->state = 'T';
		s->state_name = "T (stopped)";
	} else if (atomic_load(&t->thread.state) == THREAD_RUNNABLE) {
		s->state = 'R';
		s->state_name = "R (running)";
	} else if (atomic_load(&t->thread.wait_mode) == WAIT_INTR) {
		s->state = 'S';
		s->state_name = "S (sleeping)";
	} else {
		s->state = 'D';
		s->state_name = "D (disk sleep)";
	}
}

static void thread_part(struct task *t, struct snapshot *s) REQUIRES(siglock_role)
{
	str_copy(s->comm, t->thread.name, sizeof(s->comm));
	s->pending = t->pending.set;
	s->blocked = t->blocked;
	s->nice = t->thread.nice;
	s->policy = t->thread.policy;
	s->rt_prio = t->thread.rt_prio;
	s->cpu = t->thread.cpu;
	s->affinity = t->thread.affinity & sched_online_mask();
	s->start_ns = t->start_ns;
	s->cred = t->thread.cred;
	if (s->cred) {
		cred_get(s->cred);
	}
	s->mm = t->thread.mm;
	if (s->mm) {
		mm_get(s->mm);
	}
	if (t->thread.fs) {
		s->umask = t->thread.fs->umask;
	}
}

static void handlers_part(struct process *p, struct snapshot *s) REQUIRES(siglock_role)
{
	for (int i = 0; i < NSIG && p->sighand; i++) {
		uint64_t handler = READ_ONCE(p->sighand->action[i].handler);

		if (handler == SIG_IGN) {
			s->ignored |= 1ull << i;
		} else if (handler != SIG_DFL) {
			s->caught |= 1ull << i;
		}
	}
}

static int take_snapshot(int pid, int tid, struct snapshot *s)
{
	struct process *p = process_find(pid);
	struct task *t;
	uint64_t flags;

	memset(s, 0, sizeof(*s));
	if (!p) {
		return -ESRCH;
	}
	t = procinfo_get_task(pid, tid);
	if (tid && !t) {
		process_put(p);
		return -ESRCH;
	}
	s->pid = tid ? tid : pid;
	s->tid = tid;
	s->start_ns = p->start_ns;
	if (tid) {
		task_usage(t, &s->self);
	} else {
		process_usage(p, &s->self);
	}
	flags = process_lock(p);
	s->children = p->children_usage;
	s->nthreads = p->nthreads;
	s->shared = p->shared.set;
	s->exit_signal = tid && tid != pid ? -1 : p->exit_signal;
	s->exit_code = (int)p->exit_status;
	s->sigqueued = atomic_load(&p->user->sigpending);
	s->sig_limit = p->rlimit[RLIMIT_SIGPENDING].cur;
	s->rss_limit = p->rlimit[RLIMIT_RSS].cur;
	handlers_part(p, s);
	state_part(p, t, s);
	if (t && t->process == p) {
		s->may_look = !task_may_access_locked(t, ACCESS_FS_IDS);
		thread_part(t, s);
	} else {
		s->may_look = p->user->uid == thread_current()->cred->u.fs ||
			      cred_capable(CAP_SYS_PTRACE);
	}
	process_unlock(p, flags);
	tree_part(p, s);
	task_put(t);
	process_put(p);
	return 0;
}

static void drop_snapshot(struct snapshot *s)
{
	cred_put(s->cred);
	if (s->mm) {
		mm_put(s->mm);
	}
}

/* --- stat --- */

static uint64_t ticks(uint64_t ns)
{
	return ns / (NSEC_PER_SEC / USER_HZ);
}

static int kernel_priority(const struct snapshot *s)
{
	bool rt = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	return rt ? -1 - s->rt_prio : 20 + s->nice;
}

/* Addresses are for those who may look in; others see that there is a program. */
static void show_stat(const struct snapshot *s, struct text_buf *t)
{
	static const struct mm none, hidden = { .start_code = 1, .end_code = 1 };
	const struct mm *mm = s->mm ? s->mm : &none;
	const struct mm *layout = s->may_look || !s->mm ? mm : &hidden;
	bool rt = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	text_printf(t, "%d (%s) %c %d %d %d %d %d %u ", s->pid, s->comm, s->state, s->ppid, s->pgrp,
		    s->session, s->tty, s->tpgid, 0u);
	text_printf(t, "%lu %lu %lu %lu %lu %lu %ld %ld ", s->self.minflt, s->children.minflt,
		    s->self.majflt, s->children.majflt, ticks(s->self.utime), ticks(s->self.stime),
		    (long)ticks(s->children.utime), (long)ticks(s->children.stime));
	text_printf(t, "%d %d %u 0 %lu ", kernel_priority(s), s->nice, s->nthreads,
		    ticks(s->start_ns));
	text_printf(t, "%lu %lu %lu %lu %lu %lu 0 0 ", mm->total_pages * PAGE_SIZE,
		    mm_rss_pages(mm), s->rss_limit, layout->start_code, layout->end_code,
		    layout->start_stack);
	text_printf(t, "%lu %lu %lu %lu 0 0 0 ", s->pending & 0x7fffffff, s->blocked & 0x7fffffff,
		    s->ignored & 0x7fffffff, s->caught & 0x7fffffff);
	text_printf(t, "%d %d %d %d 0 0 0 ", s->exit_signal, s->cpu, rt ? s->rt_prio : 0,
		    s->policy);
	text_printf(t, "%lu %lu %lu %lu %lu %lu %lu %d\n", layout->start_data, layout->end_data,
		    layout->brk_start, layout->arg_start, layout->arg_end, layout->env_start,
		    layout->env_end, s->may_look ? s->exit_code : 0);
}

/* --- status --- */

static void show_memory(const struct mm *mm, struct text_buf *t)
{
	const unsigned long k = PAGE_SIZE / 1024;
	unsigned long anon = (unsigned long)MAX(atomic_load(&mm->rss_anon), 0l);
	unsigned long file = (unsigned long)MAX(atomic_load(&mm->rss_file), 0l);
	unsigned long shmem = (unsigned long)MAX(atomic_load(&mm->rss_shmem), 0l);
	unsigned long rss = anon + file + shmem;
	unsigned long peak = mm_peak_rss_pages(mm);

	text_printf(t, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmPin:\t%8u kB\n",
		    mm->total_pages * k, mm->total_pages * k, mm->locked_pages * k, 0u);
	text_printf(t, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", peak * k, rss * k);
	text_printf(t, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8lu kB\n", anon * k,
		    file * k, shmem * k);
	text_printf(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmLib:\t%8u kB\n",
		    mm->data_pages * k, mm->stack_pages * k,
		    (mm->end_code - mm->start_code + 1023) / 1024, 0u);
	text_printf(t, "VmPTE:\t%8lu kB\nVmSwap:\t%8u kB\n", atomic_load(&mm->table_pages) * k, 0u);
}

static void show_ids(const struct cred *c, struct text_buf *t)
{
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->u.real, c->u.eff,
		    c->u.saved, c->u.fs, c->g.real, c->g.eff, c->g.saved, c->g.fs);
}

static void show_caps(const struct cred *c, struct text_buf *t)
{
	text_printf(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n", c->cap_inheritable,
		    c->cap_permitted, c->cap_effective);
	text_printf(t, "CapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\n", c->cap_bounding,
		    c->cap_ambient, c->no_new_privs);
}

/* "0-3,5" */
static void show_cpu_list(uint64_t mask, struct text_buf *t)
{
	const char *comma = "";

	for (unsigned i = 0; i < 64; i++) {
		unsigned first = i;

		if (!(mask >> i & 1)) {
			continue;
		}
		while (i + 1 < 64 && mask >> (i + 1) & 1) {
			i++;
		}
		if (first == i) {
			text_printf(t, "%s%u", comma, i);
		} else {
			text_printf(t, "%s%u-%u", comma, first, i);
		}
		comma = ",";
	}
}

static void show_status(const struct snapshot *s, int pid, struct text_buf *t)
{
	text_printf(t, "Name:\t%s\nUmask:\t%04lo\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\n",
		    s->comm, s->umask, s->state_name, pid, s->pid);
	text_printf(t, "PPid:\t%d\nTracerPid:\t0\n", s->ppid);
	if (s->cred) {
		show_ids(s->cred, t);
	}
	text_printf(t, "FDSize:\t64\nGroups:\t");
	for (unsigned i = 0; s->cred && i < s->cred->ngroups; i++) {
		text_printf(t, "%u ", s->cred->groups[i]);
	}
	text_printf(t, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", pid, s->pid, s->pgrp,
		    s->session);
	if (s->mm) {
		show_memory(s->mm, t);
	}
	text_printf(t, "Threads:\t%u\nSigQ:\t%d/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\n",
		    s->nthreads, s->sigqueued, s->sig_limit, s->pending, s->shared);
	text_printf(t, "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", s->blocked,
		    s->ignored, s->caught);
	if (s->cred) {
		show_caps(s->cred, t);
	}
	text_printf(t, "Seccomp:\t0\nSeccomp_filters:\t0\nCpus_allowed:\t%lx\n",
		    (unsigned long)s->affinity);
	text_printf(t, "Cpus_allowed_list:\t");
	show_cpu_list(s->affinity, t);
	text_printf(t, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
	text_printf(t, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		    s->self.nvcsw, s->self.nivcsw);
}

/* --- limits --- */

static void show_limit(struct text_buf *t, uint64_t v)
{
	if (v == RLIM_INFINITY) {
		text_printf(t, "%-20s ", "unlimited");
	} else {
		text_printf(t, "%-20lu ", v);
	}
}

static int show_limits(int pid, struct text_buf *t)
{
	static const struct {
		const char *name, *unit;
	} names[RLIM_NLIMITS] = {
		{ "Max cpu time", "seconds" },	   { "Max file size", "bytes" },
		{ "Max data size", "bytes" },	   { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" },
		{ "Max processes", "processes" },  { "Max open files", "files" },
		{ "Max locked memory", "bytes" },  { "Max address space", "bytes" },
		{ "Max file locks", "locks" },	   { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" },  { "Max nice priority", "" },
		{ "Max realtime priority", "" },   { "Max realtime timeout", "us" },
	};
	struct process *p = process_find(pid);

	if (!p) {
		return -ESRCH;
	}
	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		text_printf(t, "%-25s ", names[i].name);
		show_limit(t, READ_ONCE(p->rlimit[i].cur));
		show_limit(t, READ_ONCE(p->rlimit[i].max));
		text_printf(t, "%-10s\n", names[i].unit);
	}
	process_put(p);
	return 0;
}

static int render_process(int pid, enum proc_file kind, struct text_buf *t)
{
	struct process *p = process_find(pid);

	if (!p) {
		return -ESRCH;
	}
	switch (kind) {
	case PROC_OOM_ADJ: text_printf(t, "%d\n", p->oom_score_adj * 17 / 1000); break;
	case PROC_OOM_SCORE: text_printf(t, "%d\n", MAX(0, 666 + p->oom_score_adj * 2 / 3)); break;
	case PROC_OOM_SCORE_ADJ: text_printf(t, "%d\n", p->oom_score_adj); break;
	default: text_printf(t, "%08x\n", p->personality); break;
	}
	process_put(p);
	return 0;
}

static int render_fixed(enum proc_file kind, struct text_buf *t)
{
	switch (kind) {
	case PROC_WCHAN: text_printf(t, "0"); return 0;
	case PROC_LOGINUID:
	case PROC_SESSIONID: text_printf(t, "%u", UINT32_MAX); return 0;
	case PROC_CGROUP: text_printf(t, "0::/\n"); return 0;
	case PROC_UID_MAP:
	case PROC_GID_MAP: text_printf(t, "%10u %10u %10u\n", 0u, 0u, UINT32_MAX); return 0;
	case PROC_SETGROUPS: text_printf(t, "allow\n"); return 0;
	case PROC_IO:
		text_printf(t, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\n"
			       "write_bytes: 0\ncancelled_write_bytes: 0\n");
		return 0;
	case PROC_COREDUMP_FILTER: text_printf(t, "00000033\n"); return 0;
	default: return -EINVAL;
	}
}

static int show_slack(int pid, int tid, struct text_buf *t)
{
	struct task *task;
	int err = procinfo_find_slack(pid, tid, &task);

	if (!err) {
		text_printf(t, "%u\n", task_timer_slack_ns(task));
		task_put(task);
	}
	return err;
}

/* Texts that only who may look in gets. */
static int check_private(int pid, int tid, enum proc_file kind)
{
	struct task *t;
	int err;

	if (kind != PROC_SYSCALL && kind != PROC_STACK && kind != PROC_PERSONALITY &&
	    kind != PROC_IO) {
		return 0;
	}
	t = procinfo_get_task(pid, tid);
	err = task_may_access(t, ACCESS_FS_IDS);
	task_put(t);
	return err && kind == PROC_IO ? -EACCES : err;
}

int procinfo_render(int pid, int tid, enum proc_file kind, struct text_buf *t)
{
	struct snapshot s;
	int err = check_private(pid, tid, kind);

	if (err) {
		return err;
	}
	switch (kind) {
	case PROC_TIMERSLACK: return show_slack(pid, tid, t);
	case PROC_STAT:
	case PROC_STATUS:
	case PROC_COMM:
	case PROC_SCHEDSTAT: break;
	case PROC_LIMITS: return show_limits(pid, t);
	case PROC_OOM_ADJ:
	case PROC_OOM_SCORE:
	case PROC_OOM_SCORE_ADJ:
	case PROC_PERSONALITY: return render_process(pid, kind, t);
	default: return render_fixed(kind, t);
	}
	err = take_snapshot(pid, tid, &s);
	if (err) {
		return err;
	}
	if (kind == PROC_STAT) {
		show_stat(&s, t);
	} else if (kind == PROC_STATUS) {
		show_status(&s, pid, t);
	} else if (kind == PROC_COMM) {
		text_printf(t, "%s\n", s.comm);
	} else {
		text_printf(t, "%lu 0 %lu\n", s.self.utime + s.self.stime,
			    s.self.nvcsw + s.self.nivcsw);
	}
	drop_snapshot(&s);
	return 0;
}
