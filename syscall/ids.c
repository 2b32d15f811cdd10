/* SPDX-License-Identifier: MIT */
/* User and group ids, capabilities: credentials(7), capabilities(7). */
#include <syscall/syscalls.h>

#include <fs/cred.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <mm/usercopy.h>
#include <proc/limits.h>

#define UNCHANGED UINT32_MAX

static const struct cred *me(void)
{
	return thread_current()->cred;
}

long sys_getuid(void)
{
	return me()->uid;
}

long sys_geteuid(void)
{
	return me()->euid;
}

long sys_getgid(void)
{
	return me()->gid;
}

long sys_getegid(void)
{
	return me()->egid;
}

/* Leaving root drops capabilities, coming back to it restores the effective ones
 * (capabilities(7), "Effect of user ID changes on capabilities"). */
static void adjust_caps(struct cred *c, const struct cred *old)
{
	const uint64_t fs_caps = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE |
				 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER |
				 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE |
				 1ull << CAP_MKNOD | 1ull << CAP_MAC_OVERRIDE;
	bool had_root = !old->uid || !old->euid || !old->suid;
	bool has_root = !c->uid || !c->euid || !c->suid;
	const uint32_t keep_caps = 1 << 4, no_setuid_fixup = 1 << 2;

	if (c->securebits & no_setuid_fixup) {
		return;
	}
	if (had_root && !has_root && !(c->securebits & keep_caps)) {
		c->cap_permitted = 0;
		c->cap_ambient = 0;
	}
	if (!old->euid && c->euid) {
		c->cap_effective = 0;
	}
	if (old->euid && !c->euid) {
		c->cap_effective = c->cap_permitted;
	}
	if (!old->fsuid && c->fsuid) {
		c->cap_effective &= ~fs_caps;
	}
	if (old->fsuid && !c->fsuid) {
		c->cap_effective |= c->cap_permitted & fs_caps;
	}
	c->cap_effective &= c->cap_permitted;
}

static long commit_uids(struct cred *c)
{
	adjust_caps(c, me());
	cred_commit(c);
	return 0;
}

static long refuse(struct cred *c)
{
	cred_put(c);
	return -EPERM;
}

static bool is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == UNCHANGED || id == a || id == b || id == c;
}

long sys_setuid(uint32_t uid)
{
	struct cred *c;

	if (uid == UNCHANGED) {
		return -EINVAL;
	}
	c = cred_copy(me());
	if (!c) {
		return -ENOMEM;
	}
	if (cred_capable(CAP_SETUID)) {
		c->uid = c->suid = uid;
	} else if (uid != c->uid && uid != c->suid) {
		return refuse(c);
	}
	c->euid = c->fsuid = uid;
	return commit_uids(c);
}

long sys_setreuid(uint32_t ruid, uint32_t euid)
{
	struct cred *c = cred_copy(me());

	if (!c) {
		return -ENOMEM;
	}
	if (!cred_capable(CAP_SETUID) && (!is_one_of(ruid, c->uid, c->euid, c->euid) ||
					  !is_one_of(euid, c->uid, c->euid, c->suid))) {
		return refuse(c);
	}
	if (ruid != UNCHANGED) {
		c->uid = ruid;
	}
	if (euid != UNCHANGED) {
		c->euid = euid;
	}
	if (ruid != UNCHANGED || (euid != UNCHANGED && euid != me()->uid)) {
		c->suid = c->euid;
	}
	c->fsuid = c->euid;
	return commit_uids(c);
}

long sys_setresuid(uint32_t ruid, uint32_t euid, uint32_t suid)
{
	struct cred *c = cred_copy(me());

	if (!c) {
		return -ENOMEM;
	}
	if (!cred_capable(CAP_SETUID) && (!is_one_of(ruid, c->uid, c->euid, c->suid) ||
					  !is_one_of(euid, c->uid, c->euid, c->suid) ||
					  !is_one_of(suid, c->uid, c->euid, c->suid))) {
		return refuse(c);
	}
	c->uid = ruid != UNCHANGED ? ruid : c->uid;
	c->euid = euid != UNCHANGED ? euid : c->euid;
	c->suid = suid != UNCHANGED ? suid : c->suid;
	c->fsuid = c->euid;
	return commit_uids(c);
}

long sys_setfsuid(uint32_t uid)
{
	uint32_t old = me()->fsuid;
	struct cred *c;

	if (uid == UNCHANGED || uid == old ||
	    (!cred_capable(CAP_SETUID) && uid != me()->uid && uid != me()->euid &&
	     uid != me()->suid)) {
		return old;
	}
	c = cred_copy(me());
	if (c) {
		c->fsuid = uid;
		commit_uids(c);
	}
	return old;
}

long sys_setgid(uint32_t gid)
{
	struct cred *c;

	if (gid == UNCHANGED) {
		return -EINVAL;
	}
	c = cred_copy(me());
	if (!c) {
		return -ENOMEM;
	}
	if (cred_capable(CAP_SETGID)) {
		c->gid = c->sgid = gid;
	} else if (gid != c->gid && gid != c->sgid) {
		return refuse(c);
	}
	c->egid = c->fsgid = gid;
	cred_commit(c);
	return 0;
}

long sys_setregid(uint32_t rgid, uint32_t egid)
{
	struct cred *c = cred_copy(me());

	if (!c) {
		return -ENOMEM;
	}
	if (!cred_capable(CAP_SETGID) && (!is_one_of(rgid, c->gid, c->egid, c->egid) ||
					  !is_one_of(egid, c->gid, c->egid, c->sgid))) {
		return refuse(c);
	}
	if (rgid != UNCHANGED) {
		c->gid = rgid;
	}
	if (egid != UNCHANGED) {
		c->egid = egid;
	}
	if (rgid != UNCHANGED || (egid != UNCHANGED && egid != me()->gid)) {
		c->sgid = c->egid;
	}
	c->fsgid = c->egid;
	cred_commit(c);
	return 0;
}

long sys_setresgid(uint32_t rgid, uint32_t egid, uint32_t sgid)
{
	struct cred *c = cred_copy(me());

	if (!c) {
		return -ENOMEM;
	}
	if (!cred_capable(CAP_SETGID) && (!is_one_of(rgid, c->gid, c->egid, c->sgid) ||
					  !is_one_of(egid, c->gid, c->egid, c->sgid) ||
					  !is_one_of(sgid, c->gid, c->egid, c->sgid))) {
		return refuse(c);
	}
	c->gid = rgid != UNCHANGED ? rgid : c->gid;
	c->egid = egid != UNCHANGED ? egid : c->egid;
	c->sgid = sgid != UNCHANGED ? sgid : c->sgid;
	c->fsgid = c->egid;
	cred_commit(c);
	return 0;
}

long sys_setfsgid(uint32_t gid)
{
	uint32_t old = me()->fsgid;
	struct cred *c;

	if (gid == UNCHANGED || gid == old ||
	    (!cred_capable(CAP_SETGID) && gid != me()->gid && gid != me()->egid &&
	     gid != me()->sgid)) {
		return old;
	}
	c = cred_copy(me());
	if (c) {
		c->fsgid = gid;
		cred_commit(c);
	}
	return old;
}

static int put_three(user_ptr a, uint32_t va, user_ptr b, uint32_t vb, user_ptr c, uint32_t vc)
{
	int err = put_user_u32(a, va);

	if (!err) {
		err = put_user_u32(b, vb);
	}
	return err ? err : put_user_u32(c, vc);
}

long sys_getresuid(user_ptr ruid, user_ptr euid, user_ptr suid)
{
	return put_three(ruid, me()->uid, euid, me()->euid, suid, me()->suid);
}

long sys_getresgid(user_ptr rgid, user_ptr egid, user_ptr sgid)
{
	return put_three(rgid, me()->gid, egid, me()->egid, sgid, me()->sgid);
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
	struct cred *c;
	int err;

	if (!cred_capable(CAP_SETGID)) {
		return -EPERM;
	}
	if (size < 0 || size > CRED_MAX_GROUPS) {
		return -EINVAL;
	}
	c = cred_copy(me());
	if (!c) {
		return -ENOMEM;
	}
	err = copy_from_user(c->groups, list, (size_t)size * sizeof(uint32_t));
	if (err) {
		cred_put(c);
		return err;
	}
	c->ngroups = (unsigned)size;
	cred_commit(c);
	return 0;
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

long sys_capset(user_ptr uheader, user_ptr udata)
{
	struct linux_cap_data data[2] = { { 0 } };
	struct linux_cap_header h;
	uint64_t effective, permitted, inheritable;
	struct cred *c;
	unsigned words;
	int err = cap_words(uheader, &h, &words);

	if (err) {
		return err;
	}
	if (h.pid && h.pid != task_tid(task_current())) {
		return -EPERM;
	}
	err = copy_from_user(data, udata, words * sizeof(data[0]));
	if (err) {
		return err;
	}
	effective = (data[0].effective | (uint64_t)data[1].effective << 32) & CAP_FULL_SET;
	permitted = (data[0].permitted | (uint64_t)data[1].permitted << 32) & CAP_FULL_SET;
	inheritable = (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & CAP_FULL_SET;
	c = cred_copy(me());
	if (!c) {
		return -ENOMEM;
	}
	if (permitted & ~c->cap_permitted || effective & ~permitted ||
	    inheritable & ~(c->cap_inheritable | c->cap_bounding) ||
	    (!cred_capable(CAP_SETPCAP) &&
	     inheritable & ~(c->cap_inheritable | c->cap_permitted))) {
		return refuse(c);
	}
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	cred_commit(c);
	return 0;
}
