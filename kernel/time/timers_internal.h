/* SPDX-License-Identifier: MIT */
#pragma once
/* What clock.c, posix_timers.c, cpu_timers.c, itimer.c and timerfd.c share. */
#include <time/posix_timers.h>

bool clock_is_wall(int clock);
bool clock_is_cpu(int clock);

/* Which share of the CPU time counts. */
enum { CPU_PROF, CPU_VIRT, CPU_SCHED };
struct cpu_clock {
	struct task *task;	 /* counted; NULL = the process's clock */
	struct process *process; /* counted; NULL = the thread's */
	unsigned which;
	uint64_t seen GUARDED_BY(
		siglock_role); /* [S] of the timer's process: the last sample of another one */
};
MUST_USE int cpu_clock_resolve(int clock, struct cpu_clock *out);
void cpu_clock_put(struct cpu_clock *c);
/* What p has used. */
uint64_t cpu_sample_locked(unsigned which, struct process *p, uint64_t since)
	REQUIRES(siglock_role);
/* The clock of a timer of `own`, whose siglock is held: no older than `since`, a time of
 * clock_mono_ns(), so that who asks for many adds up the threads of each process once.  A process
 * whose siglock can't be had at once, as there is no order between the two, shows what it did before:
 * never too much. */
uint64_t cpu_clock_sample_locked(struct cpu_clock *c, struct process *own, uint64_t since)
	REQUIRES(siglock_role);

struct posix_timer {
	struct list link GUARDED_BY(siglock_role); /* [S] process->posix_timers */
	struct rb_node id_node;			   /* [S] process->timer_ids */
	struct process *process;		   /* [I] lives longer than its timers */
	int id, clock, notify, signo;		   /* [I] */
	struct pid *target;			   /* [I] counted: SIGEV_THREAD_ID */
	uint64_t value;				   /* [I] sival */
	struct timer timer;			   /* clocks of the wall and monotonic kind */
	struct cpu_clock cpu;			   /* CPU clocks */
	struct rb_node cpu_node GUARDED_BY(siglock_role); /* [S] cpu_timers->armed */
	struct list cpu_link GUARDED_BY(siglock_role);	  /* [S] of those that are about to fire */
	uint64_t expires GUARDED_BY(siglock_role);  /* [S] ns of clock_mono_ns(), or of CPU time */
	uint64_t interval GUARDED_BY(siglock_role); /* [S] ns */
	bool armed, deleted;			    /* [S] */
	bool on_wall GUARDED_BY(siglock_role); /* [S] set to an absolute time of a wall clock */
	int64_t overrun, overrun_last;	       /* [S] */
	struct sigqueue *q;		       /* [I] */
};
/* Wakes those who sleep until an absolute time of a wall clock (clock.c). */
void clock_wake_wall_sleepers(void);
void clock_sleep_init(void);
/* siglock held: it expired at `now` of its clock. */
void posix_timer_fire_locked(struct posix_timer *t, uint64_t now) REQUIRES(siglock_role);

/* --- cpu_timers.c: siglock held --- */
MUST_USE int cpu_timers_prepare(struct process *p); /* allocates; no lock */
void cpu_timer_arm_locked(struct process *p, struct posix_timer *t) REQUIRES(siglock_role);
void cpu_timer_disarm_locked(struct posix_timer *t) REQUIRES(siglock_role);
/* Its clock is that of a thread that has ended: it stands still. */
bool cpu_timer_is_dead_locked(const struct posix_timer *t) REQUIRES(siglock_role);
/* ITIMER_VIRTUAL and ITIMER_PROF (which: CPU_VIRT, CPU_PROF): remaining and interval, ns. */
void cpu_itimer_get_locked(struct process *p, unsigned which, uint64_t *left, uint64_t *interval)
	REQUIRES(siglock_role);
void cpu_itimer_set_locked(struct process *p, unsigned which, uint64_t left, uint64_t interval)
	REQUIRES(siglock_role);
void cpu_timers_stop(struct process *p); /* no lock: nothing fires any more */
void cpu_timers_free(struct process *p);

/* --- itimer.c --- */
void itimer_real_init(struct process *p);
void itimer_real_stop(struct process *p);
/* timerfd.c: absolute wall-clock timers move with the clock. */
void timerfd_clock_was_set(void);
