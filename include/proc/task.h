/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Threads and processes of programs.
 *
 * struct task is a thread: what the scheduler runs (its first member) plus identity, signal
 * mask, pending signals and what exit has to clean up.  struct process is a thread group:
 * threads that share signal handlers' bookkeeping, parent, group, limits and one exit status.
 * Address space, descriptors, fs context and credentials are counted parts that hang on struct
 * thread; signal handlers are a counted part here (struct sighand).  clone() shares or copies
 * each as its flags say (proc/clone.c).
 *
 * Life of a process: process_alloc - threads come and go - the last thread's exit makes it a
 * zombie - the parent (or the reaper) takes its status and unlinks it - the last reference
 * frees it.  A task keeps its process; the process keeps its tasks only by being in its
 * thread list, which each leaves on exit.  Pointers to other tasks are counted (task_get).
 *
 * Locks: [T] proctree_lock: tree, groups, sessions, exit status of zombies; [S] process->siglock
 * (RANK_SIGHAND, irq): threads, pending signals, stop and exit state, timers, limits;
 * sighand->lock (RANK_SIGACTION): actions.  [I] set before publication, [a] atomic, [t] the
 * thread itself only, [tS] changed by the thread itself under siglock, so it reads freely.
 */
#include <lib/rbtree.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <mm/user_ptr.h>
#include <proc/pid.h>
#include <sched/sched.h>

struct session;
struct user_account;
struct tty;
struct posix_timer;
struct sem_undo_list;
struct restart_block;
struct futex_waiter;
struct vfork_wait;

struct sigpending {
	uint64_t set;	   /* signals that are pending */
	struct list queue; /* struct sigqueue, oldest first */
};

struct sighand {
	struct refcount refs;
	SPINLOCK(sigaction) lock;
	struct linux_sigaction action[NSIG] GUARDED_BY(
		sigaction_role); /* [lock]; index signo - 1.  A handler alone may be
					      * read without it. */
};

/* A call to be continued by restart_syscall(2). */
struct restart_block {
	long (*fn)(struct task *t); /* NULL: -EINTR */
	uint64_t arg[6];
};

struct task {
	struct thread thread;				  /* first */
	struct process *process;			  /* [I] counted */
	struct pid *pid;				  /* [tS] counted; exec may change it */
	struct list thread_link GUARDED_BY(siglock_role); /* [S] process->threads */
	uint64_t start_ns;				  /* [I] clock_mono_ns() at its creation */
	bool exiting GUARDED_BY(siglock_role); /* [S] left the thread list or is about to */

	/* signals */
	struct sigpending pending GUARDED_BY(siglock_role); /* [S] thread directed */
	uint64_t blocked;				    /* [tS] */
	uint64_t saved_blocked; /* [t] to come back after sigsuspend, ppoll ... */
	bool restore_blocked;	/* [t] saved_blocked is to be restored or put into the frame */
	bool stopped GUARDED_BY(siglock_role); /* [S] counted in the group stop */
	uint32_t cont_seen;		       /* [t] cont_count when it took a stop signal */
	uint64_t real_blocked
		GUARDED_BY(siglock_role); /* [S] the mask proper during sigtimedwait; 0 otherwise */
	uint64_t altstack_sp, altstack_size; /* [t] */
	uint32_t altstack_flags;	     /* [t] */
	uint64_t fault_addr;		     /* [t] cr2 of the last fault, for frames */
	uint32_t fault_trapno, fault_error;  /* [t] */
	struct restart_block restart;	     /* [t] */

	/* exit */
	user_ptr clear_child_tid; /* [t] */
	user_ptr set_child_tid;	  /* [t] written on the first way to user mode */
	user_ptr robust_list;	  /* [t] */
	struct vfork_wait *vfork; /* [t] the parent to release, counted */

	/* priority inheritance (futex/futex_pi.c) */
	struct list pi_owned;		/* each pi_state that it owns */
	struct futex_waiter *pi_waiter; /* its own wait for a PI futex */
	bool pi_exited;			/* owns none any more */

	/* rseq */
	uint64_t rseq_addr; /* [t] 0 = not registered */
	uint32_t rseq_len, rseq_sig;

	_Atomic int pdeath_signal;
	bool made_children;		/* [t] some process has it as its creator */
	uint32_t timer_slack_ns;	/* 0: TIMER_SLACK_DEFAULT_NS */
	int io_prio;			/* ioprio_set(2) */
	struct sem_undo_list *sem_undo; /* [t] counted, shared by CLONE_SYSVSEM */
	uint64_t minflt, majflt;	/* [t] */
	uint32_t sys_sample; /* [t] entries into the kernel until the next one is timed */
	uint64_t sys_ns;     /* [t] CPU time in the kernel, from samples */
	uint64_t seen_utime, seen_stime;      /* [a] what was told: never goes back */
	bool dumped GUARDED_BY(siglock_role); /* [S] took part in a core dump */
};

enum process_state {
	PROCESS_ALIVE,
	PROCESS_ZOMBIE, /* its last thread is gone; status waits to be taken */
	PROCESS_DEAD,	/* reaped, or nobody wanted the status */
};
/* Times and counts of threads that are gone, or of children that were waited for. */
struct usage {
	uint64_t utime, stime; /* ns */
	uint64_t minflt, majflt, nvcsw, nivcsw, maxrss_kib, inblock, oublock;
};

struct process {
	struct refcount refs;
	struct pid *pid; /* [I] counted: tgid */

	/* tree [T] */
	struct process *parent GUARDED_BY(proctree_role); /* NULL only for pid 1 */
	int32_t parent_pid;				  /* [a] for getppid(2) without a lock */
	int32_t creator_tid; /* thread of the parent that made it (PDEATHSIG, __WNOTHREAD) */
	struct list children GUARDED_BY(proctree_role); /* by sibling_link */
	struct list sibling_link GUARDED_BY(proctree_role);
	struct pid *group GUARDED_BY(proctree_role);	    /* counted and used */
	struct list group_link GUARDED_BY(proctree_role);   /* in group->group */
	struct session *session GUARDED_BY(proctree_role);  /* counted */
	struct list session_link GUARDED_BY(proctree_role); /* in session->sid->session */
	enum process_state state GUARDED_BY(proctree_role);
	int exit_signal; /* to the parent, as clone(2) was told: perhaps no signal at all */
	uint64_t parent_exec_count; /* the parent's exec_count when it made it */
	bool child_subreaper;
	bool reparented GUARDED_BY(proctree_role); /* its own parent is gone */
	bool did_exec; /* since fork: setpgid by the parent gives EACCES */
	uint64_t exec_count GUARDED_BY(siglock_role);	/* [S] execs: which program it is */
	struct waitq child_waitq;			/* a child changed state */
	uint32_t wait_status GUARDED_BY(proctree_role); /* zombie: as wait4 gives it */

	/* threads and signals [S] */
	SPINLOCK(siglock) siglock;
	struct list threads GUARDED_BY(siglock_role);
	unsigned nthreads GUARDED_BY(siglock_role);   /* in the list */
	_Atomic unsigned live;			      /* not yet at the end of task_exit() */
	struct task *leader GUARDED_BY(siglock_role); /* NULL once it has exited */
	struct sighand *sighand; /* counted; changed only by exec with one thread left */
	struct sigpending shared GUARDED_BY(siglock_role);
	struct waitq signal_waitq; /* signalfd, sigtimedwait: something is pending */
	_Atomic bool group_exit;   /* all threads are to die */
	struct task *exec_task
		GUARDED_BY(siglock_role); /* a thread in exec waits for the others to go */
	struct waitq thread_exit_waitq;	  /* exec, core dump: a thread left */
	uint32_t exit_status GUARDED_BY(siglock_role); /* wait status with group_exit */
	/* job control */
	_Atomic bool stop_active; /* threads are to stop, until SIGCONT or SIGKILL */
	bool is_stopped GUARDED_BY(siglock_role);     /* all have */
	unsigned stop_count GUARDED_BY(siglock_role); /* threads that have stopped */
	uint32_t stop_signal GUARDED_BY(siglock_role);
	uint32_t cont_count GUARDED_BY(siglock_role); /* SIGCONTs sent */
	bool cont_pending
		GUARDED_BY(siglock_role);	   /* the parent is to hear that it was continued */
	bool stop_report GUARDED_BY(siglock_role); /* for wait: not yet taken */
	bool cont_report GUARDED_BY(siglock_role);
	struct waitq stop_waitq; /* threads wait here while stopped */

	/* timers (kernel/time) [S] */
	struct list posix_timers GUARDED_BY(siglock_role);
	struct rb_tree timer_ids GUARDED_BY(siglock_role); /* the same, by id */
	int32_t next_timer_id GUARDED_BY(siglock_role);
	struct timer real_timer;			/* ITIMER_REAL */
	uint64_t real_expires GUARDED_BY(siglock_role); /* ns */
	uint64_t real_interval GUARDED_BY(siglock_role);
	bool real_armed GUARDED_BY(siglock_role);
	/* The last sample of its CPU time for a timer, and when it was taken (posix_clock.c). */
	uint64_t cpu_sampled_ns GUARDED_BY(siglock_role);
	uint64_t cpu_sampled_utime GUARDED_BY(siglock_role);
	uint64_t cpu_sampled_stime GUARDED_BY(siglock_role);
	struct cpu_timers *cpu_timers; /* ITIMER_VIRTUAL, PROF, CPU clocks; NULL = never used */

	/* limits and accounting */
	struct linux_rlimit rlimit[RLIM_NLIMITS]; /* [S] to write; words may be read freely */
	struct user_account *user; /* [S] counted: RLIMIT_NPROC, RLIMIT_SIGPENDING by uid */
	struct usage dead_threads GUARDED_BY(siglock_role);   /* [S] */
	struct usage children_usage GUARDED_BY(siglock_role); /* [S] */
	uint64_t start_ns;				      /* [I] */
	uint64_t vm_hiwater_kib
		GUARDED_BY(siglock_role); /* largest resident set, kept after the mm is gone */
	bool is_init;			  /* [I] pid 1 */
	struct task *core_dumper
		GUARDED_BY(siglock_role); /* [S] writes a core; the other threads wait to die */
	uint32_t personality;
	int oom_score_adj;
};

static inline struct task *task_current(void)
{
	return (struct task *)thread_current();
}
static inline struct process *process_current(void)
{
	return task_current()->process;
}
static inline void task_get(struct task *t)
{
	thread_get(&t->thread);
}
static inline void task_put(struct task *t)
{
	if (t) {
		thread_put(&t->thread);
	}
}
static inline int task_tid(const struct task *t)
{
	return t->pid->nr;
}
static inline int process_pid(const struct process *p)
{
	return p->pid->nr;
}
static inline uint64_t process_lock(struct process *p) ACQUIRES(siglock_role)
{
	return spin_lock_irqsave(&p->siglock);
}
static inline void process_unlock(struct process *p, uint64_t flags) RELEASES(siglock_role)
{
	spin_unlock_irqrestore(&p->siglock, flags);
}
void process_get(struct process *p);
void process_put(struct process *p);

#define TIMER_SLACK_DEFAULT_NS 50000
static inline uint32_t task_timer_slack_ns(const struct task *t)
{
	uint32_t ns = READ_ONCE(t->timer_slack_ns);

	return ns ? ns : TIMER_SLACK_DEFAULT_NS;
}

/* Soft limit of a process, no lock. */
static inline uint64_t process_rlimit(const struct process *p, int resource)
{
	return READ_ONCE(p->rlimit[resource].cur);
}

/* CPU time of the whole group up to now, ns: user and system share.  siglock held. */
void process_cpu_ns_locked(struct process *p, uint64_t *utime, uint64_t *stime)
	REQUIRES(siglock_role);
/* User and system share of one thread. */
void task_cpu_ns(struct task *t, uint64_t *utime, uint64_t *stime);

/* User and system time can't be told apart without reading the clock at each entry, which costs
 * as much as a short call: one in SYS_SAMPLE entries is timed and stands for all. */
#define SYS_SAMPLE 32
static inline bool task_sample_due(void)
{
	struct task *t = task_current();

	if (likely(t->sys_sample--)) {
		return false;
	}
	t->sys_sample = SYS_SAMPLE - 1;
	return true;
}
/* CPU time of the current thread, ns, without a lock. */
uint64_t task_current_cpu_ns(void);
static inline void task_sample_end(uint64_t began)
{
	task_current()->sys_ns += (task_current_cpu_ns() - began) * SYS_SAMPLE;
}

/* The parts of another process's task, counted; NULL when it has none any more, or t is NULL.  What
 * not everybody may see is got by proc/access.h instead. */
struct mm *task_get_mm(struct task *t);
struct mm *process_get_mm(struct process *p);
struct cred *process_get_cred(struct process *p);
struct cred *task_get_cred(struct task *t); /* it has them to its end: never NULL */
struct fd_access;
/* The next descriptor of t from `from` on, and how it was opened; -1 = none, or t is NULL.  Without a
 * reference to its table or files: as the last one it would close them here, under whatever
 * locks of directories the caller has. */
MUST_USE int task_next_fd(struct task *t, int from, struct fd_access *out);
/* Whom it is charged to: its real uid, also when it has no credentials any more. */
uint32_t process_uid(struct process *p);
/* A live thread of p, the leader if it can be, counted; NULL when all are gone. */
struct task *process_get_task(struct process *p);

/* Boot order: once, before the first process. */
void proc_init(void);
