/* SPDX-License-Identifier: MIT */
/*
 * --strace: a line for each wanted system call, sent to the launcher when the call is over (or
 * before it, when it does not return).  Output arguments are read from the program's memory after
 * the call, the others before it.  The text belongs to the one thread that makes the call; the
 * filter is set once, before the first program runs.
 */
#include <syscall/trace/trace.h>

#include "trace_internal.h"

#include <host/hostctl.h>
#include <debug/log.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <proc/task.h>
#include <syscall/dispatch.h>
#include <syscall/numbers.h>

#define ARG_TEXT 512
#define LINE_TEXT 1800 /* below HOSTCTL_MAX */

/* A call in progress: its arguments as text, as far as they are known. */
struct trace_call {
	const struct syscall_desc *desc; /* NULL: no such call */
	uint32_t nr;
	int tid;
	uint64_t arg[SYSCALL_MAX_ARGS];
	char text[SYSCALL_MAX_ARGS][ARG_TEXT];
	char line[LINE_TEXT];
};

bool trace_on;
static struct trace_set wanted;

static const uint8_t show_of[ARG_KIND_COUNT] = {
#define K(kind, type, show) [ARG_##kind] = SHOW_##show,
#include "../args.def"
#undef K
};

void trace_start(const char *filter)
{
	const char *unknown = "";

	if (trace_parse_filter(filter, &wanted, &unknown)) {
		hostctl_warn("--strace: there is no system call or class '%s'", unknown);
	}
	trace_on = true;
}

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

static void send_line(struct trace_call *c, const char *result)
{
	struct trace_text t = { .buf = c->line, .cap = LINE_TEXT };

	trace_print(&t, "[pid %d] ", c->tid);
	if (c->desc) {
		trace_print(&t, "%s(", c->desc->name);
	} else {
		trace_print(&t, "syscall_%#x(", c->nr);
	}
	for (unsigned i = 0; c->desc && i < c->desc->nargs; i++) {
		trace_print(&t, "%s%s", i ? ", " : "", c->text[i]);
	}
	trace_print(&t, ")");
	while (t.len < 40 && t.len + 1 < t.cap) {
		trace_print(&t, " ");
	}
	trace_print(&t, " = %s\n", result);
	t.buf[t.len - 1] = '\n'; /* also when it was cut */
	hostctl_text(CTL_TRACE, t.buf, t.len);
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
	send_line(c, text);
	kfree(c);
}
