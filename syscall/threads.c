/* SPDX-License-Identifier: MIT */
/* What threads set up for themselves: tid addresses, robust lists, bases, rseq. */
#include <syscall/syscalls.h>

#include <arch/fpu.h>
#include <arch/paging.h>
#include <arch/thread.h>
#include <fs/cred.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <mm/usercopy.h>
#include <proc/access.h>
#include <proc/task.h>

long sys_set_tid_address(user_ptr tidptr)
{
	task_current()->clear_child_tid = tidptr;
	return task_tid(task_current());
}

long sys_set_robust_list(user_ptr head, size_t len)
{
	if (len != sizeof(struct linux_robust_list_head)) {
		return -EINVAL;
	}
	task_current()->robust_list = head;
	return 0;
}

long sys_get_robust_list(int pid, user_ptr head, user_ptr len)
{
	struct task *t = pid ? task_find(pid) : task_current();
	uint64_t list;
	int err;

	if (!t) {
		return -ESRCH;
	}
	list = t->robust_list.addr;
	err = task_may_access(t, ACCESS_REAL_IDS);
	if (pid) {
		task_put(t);
	}
	if (!err) {
		err = put_user_u64(len, sizeof(struct linux_robust_list_head));
	}
	return err ? err : put_user_u64(head, list);
}

/* Which register states the kernel saves, and who may use those that need to be asked for: of those
 * (AMX's tiles) there are none here.  Documentation/arch/x86/xstate.rst */
static long xcomp_prctl(int op, uint64_t arg)
{
	switch (op) {
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM: return put_user_u64((user_ptr){ arg }, fpu_features());
	case ARCH_REQ_XCOMP_PERM: return arg > XFEATURE_XTILE_DATA ? -EINVAL : -EOPNOTSUPP;
	default: return -EINVAL;
	}
}

long sys_arch_prctl(int op, uint64_t addr)
{
	struct arch_thread *t = &thread_current()->arch;

	switch (op) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (!arch_user_base_ok(addr)) {
			return -EPERM;
		}
		if (op == ARCH_SET_FS) {
			arch_set_fs_base(t, addr);
		} else {
			arch_set_gs_base(t, addr);
		}
		return 0;
	case ARCH_GET_FS: return put_user_u64((user_ptr){ addr }, arch_get_fs_base(t));
	case ARCH_GET_GS: return put_user_u64((user_ptr){ addr }, arch_get_gs_base(t));
	default: return xcomp_prctl(op, addr);
	}
}
