/* SPDX-License-Identifier: MIT */
/*
 * --strace: a line for each wanted system call, sent to the launcher when the call is over (or
 * before it, when it does not return).  Output arguments are read from the program's memory after
 * the call, the others before it.  The filter is set once, before the first program runs.
 *
 * A call that is not over after LATE_NS is announced by a thread of this file.  The texts of
 * arguments belong to the thread that makes the call, but those that were made before it ran do not
 * change any more; all else of a call in progress is under trace_mutex.
 */
#include <syscall/trace/trace.h>

#include "trace_internal.h"

#include <arch/clock.h>
#include <host/hostctl.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/kthread.h>
#include <mm/slab.h>
#include <proc/lifecycle.h>
#include <proc/task.h>
#include <sched/timer.h>
#include <sync/mutex.h>
#include <syscall/dispatch.h>
#include <syscall/numbers.h>

#define ARG_TEXT 512
#define LINE_TEXT 1800 /* below HOSTCTL_MAX */
#define LATE_NS (100 * NSEC_PER_MSEC)

/* A call in progress: its arguments as text, as far as they are known. */
struct trace_call {
	const struct syscall_desc *desc; /* NULL: no such call */
	uint32_t nr;
	int tid;
	struct list link; /* in_progress */
	uint64_t began;
	bool announced;
	uint64_t arg[SYSCALL_MAX_ARGS];
	char text[SYSCALL_MAX_ARGS][ARG_TEXT];
	char line[LINE_TEXT];
};

bool trace_on;
static struct trace_set wanted;

static MUTEX(trace) trace_mutex;
static struct list in_progress GUARDED_BY(trace_role) = LIST_INIT(in_progress); /* oldest first */
static struct timer late_timer; /* pending while a call in progress is not announced */
static struct waitq late_queue;
static _Atomic bool late_due;

static const uint8_t show_of[ARG_KIND_COUNT] = {
#define K(kind, type, show) [ARG_##kind] = SHOW_##show,
#include "../args.def"
#undef K
};

/* Output arguments when `after`, the others otherwise. */
static void show_args(struct trace_call *c, bool after, long result)
{
	for (unsigned i = 0; c->desc && i < c->desc->nargs; i++) {
		enum trace_show s = show_of[c->desc->kind[i]];
		struct trace_text t = { .buf = c->text[i], .cap = ARG_TEXT };

		if (trace_shown_after(s) == after) {
			trace_show_arg(&t, s, c->arg, i, result);
		}
	}
}

static void print_head(struct trace_text *t, const struct trace_call *c, bool resumed)
{
	trace_print(t, resumed ? "[pid %d] <... " : "[pid %d] ", c->tid);
	if (c->desc) {
		trace_print(t, "%s", c->desc->name);
	} else {
		trace_print(t, "syscall_%#x", c->nr);
	}
	trace_print(t, resumed ? " resumed>" : "(");
}

static void send_text(struct trace_text *t)
{
	t->buf[t->len - 1] = '\n'; /* also when it was cut */
	hostctl_text(CTL_TRACE, t->buf, t->len);
}

/* The first argument that is known only after the call. */
static unsigned known_args(const struct trace_call *c)
{
	unsigned n = 0;

	while (c->desc && n < c->desc->nargs && !trace_shown_after(show_of[c->desc->kind[n]])) {
		n++;
	}
	return n;
}

static void announce_locked(struct trace_call *c) REQUIRES(trace_role)
{
	struct trace_text t = { .buf = c->line, .cap = LINE_TEXT };
	unsigned n = known_args(c);

	print_head(&t, c, false);
	for (unsigned i = 0; i < n; i++) {
		trace_print(&t, "%s%s", c->text[i], i + 1 < c->desc->nargs ? ", " : "");
	}
	trace_print(&t, "%s<unfinished ...>\n", c->desc && n && n == c->desc->nargs ? " " : "");
	send_text(&t);
	c->announced = true;
}

static void send_line(struct trace_call *c, const char *result)
{
	struct trace_text t = { .buf = c->line, .cap = LINE_TEXT };

	print_head(&t, c, c->announced);
	for (unsigned i = c->announced ? known_args(c) : 0; c->desc && i < c->desc->nargs; i++) {
		trace_print(&t, "%s%s", c->text[i], i + 1 < c->desc->nargs ? ", " : "");
	}
	trace_print(&t, ")");
	while (t.len < 40 && t.len + 1 < t.cap) {
		trace_print(&t, " ");
	}
	trace_print(&t, " = %s\n", result);
	send_text(&t);
}

/* --- calls that take long --- */

static void on_late(struct timer *t)
{
	(void)t;
	atomic_store_explicit(&late_due, true, memory_order_release);
	waitq_wake_all(&late_queue);
}

static bool take_late(void *arg)
{
	(void)arg;
	return atomic_exchange_explicit(&late_due, false, memory_order_acq_rel);
}

/* Those that began by then; the timer is set for the first of the others. */
static void announce_until(uint64_t then)
{
	struct trace_call *c;

	mutex_lock(&trace_mutex);
	list_for_each_entry(c, &in_progress, link) {
		if (c->announced) {
			continue;
		}
		if (c->began > then) {
			timer_arm(&late_timer, c->began + LATE_NS);
			break;
		}
		announce_locked(c);
	}
	mutex_unlock(&trace_mutex);
}

static void announcer(void *arg)
{
	(void)arg;
	for (;;) {
		(void)!waitq_wait_until(&late_queue, take_late, NULL, WAIT_UNINTR, DEADLINE_NONE);
		announce_until(clock_mono_ns() - LATE_NS);
	}
}

static void announce_all(void)
{
	announce_until(UINT64_MAX);
}

static void begin(struct trace_call *c)
{
	mutex_lock(&trace_mutex);
	c->began = clock_mono_ns();
	list_push_back(&in_progress, &c->link);
	if (!timer_pending(&late_timer)) {
		timer_arm(&late_timer, c->began + LATE_NS);
	}
	mutex_unlock(&trace_mutex);
}

static void finish(struct trace_call *c, const char *result)
{
	mutex_lock(&trace_mutex);
	list_remove(&c->link);
	send_line(c, result);
	mutex_unlock(&trace_mutex);
	kfree(c);
}

void trace_start(const char *filter)
{
	static struct vm_exit_hook at_end = { .fn = announce_all };
	const char *unknown = "";

	if (trace_parse_filter(filter, &wanted, &unknown)) {
		hostctl_warn("--strace: there is no system call or class '%s'", unknown);
	}
	mutex_init(&trace_mutex, RANK_SLEEP_LEAF, "trace");
	waitq_init(&late_queue);
	timer_init(&late_timer, on_late);
	if (!kthread_start("strace", announcer, NULL)) {
		hostctl_warn("--strace: no memory for calls that do not return");
	}
	proc_add_exit_hook(&at_end);
	trace_on = true;
}

static bool never_returns(uint32_t nr)
{
	return nr == SYS_NR_exit || nr == SYS_NR_exit_group;
}

struct trace_call *trace_enter(const struct trap_frame *f)
{
	uint32_t nr = (uint32_t)f->orig_rax;
	struct trace_call *c;

	if (!trace_on || !trace_wanted(&wanted, nr)) {
		return NULL;
	}
	c = kzalloc(sizeof(*c));
	if (!c) {
		return NULL;
	}
	c->nr = nr;
	c->desc = syscall_describe(nr);
	c->tid = task_tid(task_current());
	c->arg[0] = f->rdi;
	c->arg[1] = f->rsi;
	c->arg[2] = f->rdx;
	c->arg[3] = f->r10;
	c->arg[4] = f->r8;
	c->arg[5] = f->r9;
	show_args(c, false, 0);
	if (never_returns(nr)) {
		send_line(c, "?");
		kfree(c);
		return NULL;
	}
	begin(c);
	return c;
}

/* brk, mmap and such */
static bool returns_address(const struct syscall_desc *d)
{
	return d && d->nargs && d->kind[0] == ARG_addr && d->kind[1] != ARG_size;
}

void trace_exit(struct trace_call *c, long result)
{
	struct trace_text t;
	const char *name;
	char text[64];

	if (!c) {
		return;
	}
	t = (struct trace_text){ .buf = text, .cap = sizeof(text) };
	name = result < 0 && result > -4096 ? trace_errno_name((int)-result) : NULL;
	if (name && result <= -ERESTARTSYS) {
		trace_print(&t, "? %s", name);
	} else if (name) {
		trace_print(&t, "-1 %s", name);
	} else if (returns_address(c->desc) || result > 1l << 32 || result < 0) {
		trace_print(&t, "%#lx", (unsigned long)result);
	} else {
		trace_print(&t, "%ld", result);
	}
	show_args(c, true, result);
	finish(c, text);
}
