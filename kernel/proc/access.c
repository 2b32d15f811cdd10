/* SPDX-License-Identifier: MIT */
/* Who may look at whom, see proc/access.h. */
#include <proc/access.h>

#include <fs/context.h>
#include <fs/cred.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <linux/errno.h>
#include <mm/mm.h>
#include "proc_internal.h"

int task_may_access_locked(const struct task *t, enum access_ids as)
{
	const struct cred *me = thread_current()->cred, *c = t->thread.cred;
	const struct mm *mm = t->thread.mm;
	bool real = as == ACCESS_REAL_IDS;

	if (t->process == process_current() || cred_capable(CAP_SYS_PTRACE)) {
		return 0;
	}
	if (!ids_are_all(&c->u, real ? me->u.real : me->u.fs) ||
	    !ids_are_all(&c->g, real ? me->g.real : me->g.fs)) {
		return -EPERM;
	}
	if (mm && !READ_ONCE(mm->dumpable)) {
		return -EPERM;
	}
	return c->cap_permitted & ~(real ? me->cap_permitted : me->cap_effective) ? -EPERM : 0;
}

int task_may_access(struct task *t, enum access_ids as)
{
	uint64_t flags;
	int err;

	if (!t) {
		return 0;
	}
	flags = process_lock(t->process);
	err = task_may_access_locked(t, as);
	process_unlock(t->process, flags);
	return err;
}

int task_access_mm(struct task *t, enum access_ids as, struct mm **out)
{
	struct mm *mm;
	uint64_t flags;
	int err = 0;

	if (!t) {
		return -ESRCH;
	}
	flags = process_lock(t->process);
	mm = t->thread.mm;
	if (!mm) {
		err = -ESRCH;
	} else if (mm != thread_current()->mm) { /* else it is ours already (vfork) */
		err = task_may_access_locked(t, as);
	}
	if (!err) {
		mm_get(mm);
		*out = mm;
	}
	process_unlock(t->process, flags);
	return err;
}

int task_access_fs(struct task *t, enum access_ids as, struct fs_context **out)
{
	uint64_t flags;
	int err;

	if (!t) {
		return -ESRCH;
	}
	flags = process_lock(t->process);
	err = task_may_access_locked(t, as);
	if (!err && !t->thread.fs) {
		err = -ESRCH;
	}
	if (!err) {
		fs_context_get(t->thread.fs);
		*out = t->thread.fs;
	}
	process_unlock(t->process, flags);
	return err;
}

/* The table is shared with the programs to come: a descriptor is only given when it was still the
 * same program, with the same rights, after it had been taken. */
int task_access_file(struct task *t, enum access_ids as, int fd, struct file **out, bool *cloexec)
{
	struct fdtable *files = NULL;
	uint64_t flags, program;
	int err;

	if (!t) {
		return -ESRCH;
	}
	flags = process_lock(t->process);
	program = t->process->exec_count;
	err = task_may_access_locked(t, as);
	if (!err) {
		files = t->thread.files;
		err = files ? 0 : -ESRCH;
	}
	if (!err) {
		fdtable_get_ref(files);
	}
	process_unlock(t->process, flags);
	if (err) {
		return err;
	}
	err = fdtable_get(files, fd, out, cloexec);
	fdtable_put(files);
	if (err) {
		return err;
	}
	flags = process_lock(t->process);
	err = program == t->process->exec_count ? task_may_access_locked(t, as) : -EPERM;
	process_unlock(t->process, flags);
	if (err) {
		file_put(*out);
	}
	return err;
}
