/* SPDX-License-Identifier: MIT */
/*
 * Resource limits, and accounts by uid, see proc/limits.h.
 *
 * A process's limits are read as single words without a lock and written under its siglock.  An
 * account is on the list as long as somebody counts it; one whose last reference is gone leaves the
 * list a moment later, and is not found meanwhile.
 */
#include <proc/limits.h>

#include <fs/cred.h>
#include <lib/assert.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include "proc_internal.h"
#include <time/posix_timers.h>

static struct {
	SPINLOCK(accounts) lock;
	struct list list;
} accounts = { .lock = SPINLOCK_INIT(RANK_USER_ACCOUNT, "user accounts"),
	       .list = LIST_INIT(accounts.list) };

static unsigned max_threads;

void limits_subsystem_init(void)
{
	struct mem_stats s;

	/* An eighth of the pages: a thread costs six or so in the kernel. */
	mem_get_stats(&s);
	max_threads = (unsigned)MIN(MAX(s.total_pages / 8, 128ull), (uint64_t)PID_MAX - 1024);
}

unsigned proc_max_threads(void)
{
	return max_threads;
}

struct user_account *user_account_get(uint32_t uid)
{
	struct user_account *fresh = kzalloc(sizeof(*fresh));
	struct user_account *u, *found = NULL;
	uint64_t flags;

	flags = spin_lock_irqsave(&accounts.lock);
	list_for_each_entry(u, &accounts.list, link) {
		/* One whose last reference is gone is about to leave the list. */
		if (u->uid == uid && refcount_try_get(&u->refs)) {
			found = u;
			break;
		}
	}
	if (!found && fresh) {
		fresh->uid = uid;
		refcount_init(&fresh->refs, 1);
		list_push_back(&accounts.list, &fresh->link);
		found = fresh;
		fresh = NULL;
	}
	spin_unlock_irqrestore(&accounts.lock, flags);
	kfree(fresh);
	return found;
}

void user_account_ref(struct user_account *u)
{
	refcount_get(&u->refs);
}

void user_account_put(struct user_account *u)
{
	uint64_t flags;

	if (!u || !refcount_put(&u->refs)) {
		return;
	}
	flags = spin_lock_irqsave(&accounts.lock);
	list_remove(&u->link);
	spin_unlock_irqrestore(&accounts.lock, flags);
	kfree(u);
}

struct user_account *process_get_user(struct process *p)
{
	uint64_t flags = process_lock(p);
	struct user_account *u = p->user;

	user_account_ref(u);
	process_unlock(p, flags);
	return u;
}

struct user_account *user_account_current(void)
{
	return process_get_user(process_current());
}

bool user_account_charge(struct user_account *u, enum user_object what, unsigned n, uint64_t limit)
{
	uint64_t had = atomic_fetch_add(&u->objects[what], n);

	if (had >= limit) {
		atomic_fetch_sub(&u->objects[what], n);
		return false;
	}
	return true;
}

void user_account_uncharge(struct user_account *u, enum user_object what, unsigned n)
{
	atomic_fetch_sub(&u->objects[what], n);
}

void limits_init_default(struct process *p)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		p->rlimit[i] = (struct linux_rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	}
	p->rlimit[RLIMIT_STACK].cur = 8ull << 20;
	p->rlimit[RLIMIT_CORE].cur = 0;
	p->rlimit[RLIMIT_NPROC] = (struct linux_rlimit){ max_threads, max_threads };
	p->rlimit[RLIMIT_NOFILE] = (struct linux_rlimit){ 1024, 1048576 };
	p->rlimit[RLIMIT_MEMLOCK] = (struct linux_rlimit){ 8ull << 20, 8ull << 20 };
	p->rlimit[RLIMIT_SIGPENDING] = (struct linux_rlimit){ max_threads, max_threads };
	p->rlimit[RLIMIT_MSGQUEUE] = (struct linux_rlimit){ 819200, 819200 };
	p->rlimit[RLIMIT_NICE] = (struct linux_rlimit){ 0, 0 };
	p->rlimit[RLIMIT_RTPRIO] = (struct linux_rlimit){ 0, 0 };
}

int limits_set(struct process *p, int resource, const struct linux_rlimit *new_limit,
	       struct linux_rlimit *old)
{
	struct linux_rlimit *limit;
	uint64_t flags;
	int err = 0;

	if (resource < 0 || resource >= RLIM_NLIMITS) {
		return -EINVAL;
	}
	if (new_limit && new_limit->cur > new_limit->max) {
		return -EINVAL;
	}
	if (new_limit && resource == RLIMIT_NOFILE && new_limit->max > NR_OPEN_MAX) {
		return -EPERM;
	}
	limit = &p->rlimit[resource];
	flags = process_lock(p);
	if (old) {
		*old = *limit;
	}
	if (new_limit && new_limit->max > limit->max && !cred_capable(CAP_SYS_RESOURCE)) {
		err = -EPERM;
	} else if (new_limit) {
		*limit = *new_limit;
	}
	process_unlock(p, flags);
	if (err || !new_limit) {
		return err;
	}
	if (resource == RLIMIT_CPU) {
		cpu_limit_changed(p);
	}
	return 0;
}
