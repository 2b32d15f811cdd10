/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The scheduler.  One run queue per CPU: real-time threads by priority (FIFO,
 * RR), then fair ones by weighted virtual run time, then idle.  Tickless: the
 * timer is armed for the end of a slice only when somebody else waits.
 *
 * Placement: a woken thread goes to its last CPU when that is idle, else to an
 * idle CPU it may use, else to where it was; an idle CPU steals.
 *
 * Preemption happens only on return to user mode (WORK_RESCHED in
 * arch_thread.work) and where a thread blocks or calls sched_yield_point().
 *
 * A thread's life: thread_init() - sched_start() - runs - sched_exit(), which
 * drops the running reference after the last switch away from its stack.
 */
#include <arch/upcalls.h> /* sched_exit() */
#include <sched/thread.h>

/* Fills a zeroed struct thread: counts, state, timer, affinity; scheduling
 * parameters from `parent` (NULL = defaults).  refs = 1. */
void thread_init(struct thread *t, const char *name, const struct thread *parent);

/* Makes a new thread runnable for the first time (placed like a wake-up); the
 * scheduler takes its own reference.  arch_thread_init_*() was called. */
void sched_start(struct thread *t);

/* Gives way to an equal or better thread (sched_yield(2)). */
void sched_yield(void);
/* Inside long kernel work, no spinlock held: reschedules when asked to. */
void sched_yield_point(void);
/* The same in work whose length a program chooses; true = the thread is to die: the work ends. */
static inline bool sched_yield_killed(void)
{
	sched_yield_point();
	return atomic_load_explicit(&thread_current()->killed, memory_order_relaxed);
}
/* WORK_RESCHED on the way to user mode. */
void sched_resched(void);

/* Sleeps until an absolute time; 0 at the time, -ERESTARTSYS on a signal. */
MUST_USE int sched_sleep_until(uint64_t deadline, enum wait_mode mode);

/* Marks t as having a signal (killed: a fatal one), wakes it when its wait mode
 * allows, kicks its CPU when it runs in user mode.  Any context. */
void sched_interrupt(struct thread *t, bool killed);

/* Parameters, sched(7).  0 or -EINVAL. */
MUST_USE int sched_set_policy(struct thread *t, int policy, int nice, int rt_prio);
MUST_USE int sched_set_affinity(struct thread *t, uint64_t mask);
/* Priority inheritance: t runs at least as urgently as a thread of effective
 * priority prio (see sched_effective_prio); 0 ends the boost. */
void sched_boost(struct thread *t, int prio);
/* 1..99+40: higher is more urgent: real-time 40 + rt_prio, fair 20 - nice. */
MUST_USE int sched_effective_prio(const struct thread *t);

/* CPU time used up to now, running threads included, ns. */
uint64_t thread_cpu_ns(struct thread *t);
/* Counts for /proc: runnable threads, context switches, idle ns of a CPU. */
unsigned sched_runnable_count(void);
uint64_t sched_switch_count(void);
uint64_t sched_idle_ns(unsigned cpu);
/* CPUs online as a mask. */
uint64_t sched_online_mask(void);
/* Load averages in 1/65536 (getloadavg, sysinfo). */
void sched_loadavg(uint64_t load[3]);

/* On each CPU, before its first thread: the code that runs becomes its idle thread, whose
 * zeroed struct is the caller's for good.  It must not block before sched_run_idle(). */
void sched_init_cpu(struct thread *idle);
NORETURN void sched_run_idle(void); /* turns the boot stack into the idle thread */
