/* SPDX-License-Identifier: MIT */
/*
 * One line for the user when a program dies by a fault: what, where, and in which mapping.  In the
 * thread that did it, while its registers and its mm are still there.
 */
#include <arch/thread.h>
#include <host/hostctl.h>
#include <lib/format.h>
#include <debug/log.h>
#include <lib/string.h>
#include <mm/mm.h>
#include <proc/coredump.h>

static const char *signal_name(int sig)
{
	switch (sig) {
	case SIGSEGV: return "segmentation fault";
	case SIGBUS: return "bus error";
	case SIGILL: return "illegal instruction";
	case SIGFPE: return "arithmetic exception";
	default: return NULL;
	}
}

struct place {
	uint64_t addr;
	char text[160];
};

static int describe_vma(const struct vma *v, void *arg)
{
	struct place *p = arg;
	char path[96] = "";
	uint64_t dev, ino;

	if (p->addr < v->start || p->addr >= v->end) {
		return 0;
	}
	if (v->file) {
		mm_file_ops->describe(v->file, path, sizeof(path), &dev, &ino);
	} else if (v->special_name) {
		str_copy(path, v->special_name, sizeof(path));
	}
	fmt_snprintf(p->text, sizeof(p->text), " (%s+%#lx)", path[0] ? path : "anonymous memory",
		     p->addr - v->start + (v->file ? v->pgoff * PAGE_SIZE : 0));
	return 1;
}

void crash_report(int sig, const struct siginfo *info)
{
	struct task *t = task_current();
	const struct trap_frame *f = arch_user_frame(&t->thread.arch);
	struct place ip = { .addr = f->rip };
	const char *name = signal_name(sig);
	char line[400], fault[40] = "";

	if (!name || (info->code <= 0 && info->code != SI_KERNEL)) {
		return; /* somebody sent it */
	}
	mm_for_each_vma(t->thread.mm, describe_vma, &ip);
	if (sig == SIGSEGV || sig == SIGBUS) {
		fmt_snprintf(fault, sizeof(fault), " at address %#lx", info->fault.addr);
	}
	fmt_snprintf(line, sizeof(line), "%s[%d]: %s%s, ip %#lx%s, sp %#lx", t->thread.name,
		     task_tid(t), name, fault, f->rip, ip.text, f->rsp);
	log_warn("%s", line);
	hostctl_warn("%s", line);
}
