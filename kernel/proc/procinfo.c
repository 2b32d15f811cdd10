/* SPDX-License-Identifier: MIT */
/*
 * What /proc shows of processes and threads: the source that fs/pseudo/procfs.h asks for.
 *
 * A number is looked up anew in each call; what is found is counted, and may be a zombie, which has
 * no threads and no parts: then the file is empty or gone.
 */
#include "procinfo.h"

#include <fs/pseudo/procfs.h>

#include <arch/clock.h>
#include <fs/context.h>
#include <fs/cred.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/stat.h>
#include <mm/mm.h>
#include <proc/access.h>
#include <proc/lifecycle.h>
#include <proc/limits.h>
#include <signal/signal.h>
#include "proc_internal.h"

/* The thread that /proc/pid[/task/tid] names, counted; a zombie has none. */
struct task *procinfo_get_task(int pid, int tid)
{
	struct process *p;
	struct task *t;

	if (tid) {
		t = task_find(tid);
		if (t && process_pid(t->process) != pid) {
			task_put(t);
			t = NULL;
		}
		return t;
	}
	p = process_find(pid);
	t = p ? process_get_task(p) : NULL;
	process_put(p);
	return t;
}

static int next_pid(int after)
{
	struct process *p = process_next(after + 1);
	int pid = p ? process_pid(p) : -1;

	process_put(p);
	return pid;
}

static int next_tid(int pid, int after)
{
	struct process *p = process_find(pid);
	struct task *t;
	uint64_t flags;
	int best = -1;

	if (!p) {
		return -1;
	}
	flags = process_lock(p);
	list_for_each_entry(t, &p->threads, thread_link) {
		int tid = task_tid(t);

		if (tid > after && (best < 0 || tid < best)) {
			best = tid;
		}
	}
	process_unlock(p, flags);
	process_put(p);
	return best;
}

/* The first thread is as old as the process, whichever goes by its number after an exec. */
static uint64_t born(int pid, int tid)
{
	struct process *p = process_find(pid);
	struct task *t = tid ? procinfo_get_task(pid, tid) : NULL;
	uint64_t when = p ? p->start_ns : 0;

	if (tid && (!t || tid != pid)) {
		when = t ? t->start_ns : 0;
	}
	task_put(t);
	process_put(p);
	return when;
}

static int self_pid(void)
{
	return thread_current()->task ? process_pid(process_current()) : 0;
}

static int self_tid(void)
{
	return thread_current()->task ? task_tid(task_current()) : 0;
}

/* What is not dumpable, and what has no memory any more, is root's: but the directories that
 * anybody may search tell whose process it is. */
static int owner(int pid, int tid, uint32_t mode, uint32_t *uid, uint32_t *gid)
{
	bool always = mode == (S_IFDIR | 0555);
	struct process *p = process_find(pid);
	struct task *t;
	uint64_t flags;

	if (!p) {
		return -ESRCH;
	}
	t = procinfo_get_task(pid, tid);
	if (t && t->process != p) { /* the number is another's by now */
		task_put(t);
		t = NULL;
	}
	*uid = *gid = 0;
	flags = process_lock(p);
	if (t && (always || (t->thread.mm && READ_ONCE(t->thread.mm->dumpable)))) {
		*uid = t->thread.cred->u.eff;
		*gid = t->thread.cred->g.eff;
	} else if (!t && always) {
		*uid = p->user->uid;
	}
	process_unlock(p, flags);
	task_put(t);
	process_put(p);
	return 0;
}

static struct mm *get_mm(int pid, int tid)
{
	struct task *t = procinfo_get_task(pid, tid);
	struct mm *mm = task_get_mm(t);

	task_put(t);
	return mm;
}

static int next_fd(int pid, int tid, int from, struct fd_access *out)
{
	struct task *t = procinfo_get_task(pid, tid);
	int fd = task_next_fd(t, from, out);

	task_put(t);
	return fd;
}

static int open_mm(int pid, int tid, struct mm **out)
{
	struct task *t = procinfo_get_task(pid, tid);
	int err = task_access_mm(t, ACCESS_FS_IDS, out);

	task_put(t);
	return err == -EPERM ? -EACCES : err;
}

static int open_fs(int pid, int tid, struct fs_context **out)
{
	struct task *t = procinfo_get_task(pid, tid);
	int err = task_access_fs(t, ACCESS_FS_IDS, out);

	task_put(t);
	return err == -EPERM ? -EACCES : err;
}

static int open_fd(int pid, int tid, int fd, struct file **out, bool *cloexec)
{
	struct task *t = procinfo_get_task(pid, tid);
	int err = task_access_file(t, ACCESS_FS_IDS, fd, out, cloexec);

	task_put(t);
	return err == -EPERM ? -EACCES : err;
}

static int may_access(int pid, int tid)
{
	struct task *t = procinfo_get_task(pid, tid);
	int err = task_may_access(t, ACCESS_FS_IDS);

	task_put(t);
	return err ? -EACCES : 0;
}

static bool is_self(int pid)
{
	return thread_current()->task && process_pid(process_current()) == pid;
}

/* --- writing --- */

static int write_comm(int pid, int tid, const char *buf, size_t n)
{
	struct task *t = procinfo_get_task(pid, tid);
	uint64_t flags;
	size_t len = n;

	if (!t) {
		return -ESRCH;
	}
	if (t->process != process_current()) {
		task_put(t);
		return -EINVAL;
	}
	while (len && (buf[len - 1] == '\n' || !buf[len - 1])) {
		len--;
	}
	len = MIN(len, sizeof(t->thread.name) - 1);
	flags = process_lock(t->process);
	memcpy(t->thread.name, buf, len);
	t->thread.name[len] = 0;
	process_unlock(t->process, flags);
	task_put(t);
	return 0;
}

static int write_oom(int pid, enum proc_file kind, const char *buf)
{
	bool negative = buf[0] == '-';
	struct process *p;
	uint64_t v;
	int adj;

	if (!parse_u64(buf + negative, 10, &v, NULL) || v > 1000) {
		return -EINVAL;
	}
	adj = negative ? -(int)v : (int)v;
	if (kind == PROC_OOM_ADJ) {
		adj = MIN(adj * 1000 / 17, 1000);
	}
	p = process_find(pid);
	if (!p) {
		return -ESRCH;
	}
	if (adj < p->oom_score_adj && !cred_capable(CAP_SYS_RESOURCE)) {
		process_put(p);
		return -EACCES;
	}
	p->oom_score_adj = adj;
	process_put(p);
	return 0;
}

/* Others' slack is scheduling, not looking in. */
int procinfo_find_slack(int pid, int tid, struct task **out)
{
	*out = procinfo_get_task(pid, tid);
	if (!*out) {
		return -ESRCH;
	}
	if (*out == task_current() || cred_capable(CAP_SYS_NICE)) {
		return 0;
	}
	task_put(*out);
	return -EPERM;
}

static int write_slack(int pid, int tid, const char *buf)
{
	struct task *t;
	uint64_t ns;
	int err = parse_u64(buf, 10, &ns, NULL) ? procinfo_find_slack(pid, tid, &t) : -EINVAL;

	if (!err) {
		WRITE_ONCE(t->timer_slack_ns, (uint32_t)MIN(ns, (uint64_t)UINT32_MAX));
		task_put(t);
	}
	return err;
}

static int write_file(int pid, int tid, enum proc_file kind, const char *buf, size_t n)
{
	switch (kind) {
	case PROC_COMM: return write_comm(pid, tid, buf, n);
	case PROC_OOM_ADJ:
	case PROC_OOM_SCORE_ADJ: return write_oom(pid, kind, buf);
	case PROC_TIMERSLACK: return write_slack(pid, tid, buf);
	case PROC_LOGINUID:
	case PROC_COREDUMP_FILTER: return 0;
	default: return -EINVAL;
	}
}

static const struct proc_source source = {
	.next_pid = next_pid,
	.next_tid = next_tid,
	.born = born,
	.self_pid = self_pid,
	.self_tid = self_tid,
	.owner = owner,
	.get_mm = get_mm,
	.next_fd = next_fd,
	.open_mm = open_mm,
	.open_fs = open_fs,
	.open_fd = open_fd,
	.may_access = may_access,
	.is_self = is_self,
	.render = procinfo_render,
	.write = write_file,
	.forks = proc_fork_count,
	.last_pid = pid_last,
};

void procinfo_init(void)
{
	procfs_set_source(&source);
}
