/* SPDX-License-Identifier: MIT */
/* User and group ids, capabilities: credentials(7), capabilities(7). */
#include <syscall/syscalls.h>

#include <fs/cred.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <mm/usercopy.h>
#include <proc/cred.h>
#include <proc/task.h>

static const struct cred *me(void)
{
	return thread_current()->cred;
}

long sys_getuid(void)
{
	return me()->u.real;
}

long sys_geteuid(void)
{
	return me()->u.eff;
}

long sys_getgid(void)
{
	return me()->g.real;
}

long sys_getegid(void)
{
	return me()->g.eff;
}

long sys_setuid(uint32_t id)
{
	return cred_set_id(ID_USER, id);
}

long sys_setreuid(uint32_t real, uint32_t eff)
{
	return cred_set_two_ids(ID_USER, real, eff);
}

long sys_setresuid(uint32_t real, uint32_t eff, uint32_t saved)
{
	return cred_set_three_ids(ID_USER, real, eff, saved);
}

long sys_setfsuid(uint32_t id)
{
	return cred_set_fs_id(ID_USER, id);
}

long sys_setgid(uint32_t id)
{
	return cred_set_id(ID_GROUP, id);
}

long sys_setregid(uint32_t real, uint32_t eff)
{
	return cred_set_two_ids(ID_GROUP, real, eff);
}

long sys_setresgid(uint32_t real, uint32_t eff, uint32_t saved)
{
	return cred_set_three_ids(ID_GROUP, real, eff, saved);
}

long sys_setfsgid(uint32_t id)
{
	return cred_set_fs_id(ID_GROUP, id);
}

static int put_three(user_ptr real, user_ptr eff, user_ptr saved, const struct ids *ids)
{
	int err = put_user_u32(real, ids->real);

	if (!err) {
		err = put_user_u32(eff, ids->eff);
	}
	return err ? err : put_user_u32(saved, ids->saved);
}

long sys_getresuid(user_ptr real, user_ptr eff, user_ptr saved)
{
	return put_three(real, eff, saved, &me()->u);
}

long sys_getresgid(user_ptr real, user_ptr eff, user_ptr saved)
{
	return put_three(real, eff, saved, &me()->g);
}

/* --- supplementary groups --- */

long sys_getgroups(int size, user_ptr list)
{
	unsigned n = me()->ngroups;
	int err;

	if (size < 0 || (size && (unsigned)size < n)) {
		return -EINVAL;
	}
	if (!size) {
		return n;
	}
	err = copy_to_user(list, me()->groups, n * sizeof(uint32_t));
	return err ? err : (long)n;
}

long sys_setgroups(int size, user_ptr list)
{
	uint32_t groups[CRED_MAX_GROUPS];
	int err;

	if (!cred_capable(CAP_SETGID)) {
		return -EPERM;
	}
	if (size < 0 || size > CRED_MAX_GROUPS) {
		return -EINVAL;
	}
	err = copy_from_user(groups, list, (size_t)size * sizeof(groups[0]));
	return err ? err : cred_set_groups(groups, (unsigned)size);
}

/* --- capabilities --- */

/* Words of data that a version has; asks the program to use ours when unknown. */
static int cap_words(user_ptr uheader, struct linux_cap_header *h, unsigned *words)
{
	int err = copy_from_user(h, uheader, sizeof(*h));

	if (err) {
		return err;
	}
	switch (h->version) {
	case CAP_VERSION_1: *words = 1; return 0;
	case CAP_VERSION_2:
	case CAP_VERSION_3: *words = 2; return 0;
	default: err = put_user_u32(uheader, CAP_VERSION_3); return err ? err : -EINVAL;
	}
}

long sys_capget(user_ptr uheader, user_ptr udata)
{
	struct linux_cap_data data[2];
	struct linux_cap_header h;
	struct process *p = NULL;
	struct cred *c;
	unsigned words;
	int err = cap_words(uheader, &h, &words);

	if (err) {
		return err == -EINVAL && user_ptr_is_null(udata) ? 0 : err;
	}
	if (h.pid < 0) {
		return -EINVAL;
	}
	if (h.pid) {
		struct task *t = task_find(h.pid);

		if (!t) {
			return -ESRCH;
		}
		p = t->process;
		process_get(p);
		task_put(t);
	}
	c = process_get_cred(p ? p : process_current());
	process_put(p);
	if (!c) {
		return -ESRCH;
	}
	for (unsigned i = 0; i < 2; i++) {
		data[i] = (struct linux_cap_data){
			.effective = (uint32_t)(c->cap_effective >> 32 * i),
			.permitted = (uint32_t)(c->cap_permitted >> 32 * i),
			.inheritable = (uint32_t)(c->cap_inheritable >> 32 * i),
		};
	}
	cred_put(c);
	return user_ptr_is_null(udata) ? 0 : copy_to_user(udata, data, words * sizeof(data[0]));
}

static uint64_t join(uint32_t low, uint32_t high)
{
	return (low | (uint64_t)high << 32) & CAP_FULL_SET;
}

long sys_capset(user_ptr uheader, user_ptr udata)
{
	struct linux_cap_data d[2] = { { 0 } };
	struct linux_cap_header h;
	unsigned words;
	int err = cap_words(uheader, &h, &words);

	if (err) {
		return err;
	}
	if (h.pid && h.pid != task_tid(task_current())) {
		return -EPERM;
	}
	err = copy_from_user(d, udata, words * sizeof(d[0]));
	if (err) {
		return err;
	}
	return cred_set_caps(join(d[0].effective, d[1].effective),
			     join(d[0].permitted, d[1].permitted),
			     join(d[0].inheritable, d[1].inheritable));
}
