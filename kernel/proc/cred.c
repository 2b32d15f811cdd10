/* SPDX-License-Identifier: MIT */
/*
 * Changes of credentials, see proc/cred.h.
 *
 * Only a thread itself replaces its credentials, so it reads them without a lock; others take a
 * reference under the siglock (process_get_cred()), and so does the replacement happen.  The old
 * ones are valid until the commit: no function looks at them after it.
 */
#include <proc/cred.h>

#include <fs/cred.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <mm/mm.h>
#include <proc/limits.h>
#include <proc/task.h>

/* Capabilities that go and come with the file-system uid. */
#define FS_CAPS                                                                       \
	(1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | \
	 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE |      \
	 1ull << CAP_MKNOD | 1ull << CAP_MAC_OVERRIDE)

static const struct cred *me(void)
{
	return thread_current()->cred;
}

void cred_init(struct cred *c, uint32_t uid, uint32_t gid)
{
	c->u = (struct ids){ uid, uid, uid, uid };
	c->g = (struct ids){ gid, gid, gid, gid };
	c->cap_bounding = CAP_FULL_SET;
	c->cap_permitted = c->cap_effective = uid == 0 ? CAP_FULL_SET : 0;
}

/* --- commit --- */

/* Threads count against the account of their process's real uid. */
static void move_account(struct process *p, uint32_t uid)
{
	struct user_account *to = user_account_get(uid);
	struct user_account *from;
	uint64_t flags;

	if (!to) {
		return; /* out of memory: the old account keeps counting */
	}
	flags = process_lock(p);
	from = p->user;
	p->user = to;
	atomic_fetch_sub_explicit(&from->threads, (int32_t)p->nthreads, memory_order_relaxed);
	atomic_fetch_add_explicit(&to->threads, (int32_t)p->nthreads, memory_order_relaxed);
	process_unlock(p, flags);
	user_account_put(from);
}

struct cred *cred_swap(struct cred *c)
{
	struct thread *t = thread_current();
	uint64_t flags = process_lock(process_current());
	struct cred *old = t->cred;

	t->cred = c;
	process_unlock(process_current(), flags);
	return old;
}

bool cred_gains(const struct cred *from, const struct cred *to)
{
	return from->u.eff != to->u.eff || from->g.eff != to->g.eff || from->u.fs != to->u.fs ||
	       from->g.fs != to->g.fs || to->cap_permitted & ~from->cap_permitted;
}

void cred_commit(struct cred *c)
{
	const struct cred *old = me();
	struct task *t = task_current();

	if (cred_gains(old, c)) {
		/* Before the ids are seen: nobody may look in by the new ones (proc/access.h). */
		WRITE_ONCE(t->thread.mm->dumpable, false);
		atomic_store_explicit(&t->pdeath_signal, 0, memory_order_relaxed);
	}
	/* Who changes the real uid moves the whole process to that account. */
	if (old->u.real != c->u.real) {
		move_account(t->process, c->u.real);
	}
	cred_put(cred_swap(c));
}

/* --- ids --- */

/* Leaving root drops capabilities, coming back to it restores the effective ones
 * (capabilities(7), "Effect of user ID changes on capabilities"). */
static void adjust_caps(struct cred *c, const struct ids *old)
{
	const struct ids *now = &c->u;
	bool had_root = !old->real || !old->eff || !old->saved;
	bool has_root = !now->real || !now->eff || !now->saved;

	if (c->securebits & SECBIT_NO_SETUID_FIXUP) {
		return;
	}
	if (had_root && !has_root) {
		if (!(c->securebits & SECBIT_KEEP_CAPS)) {
			c->cap_permitted = 0;
		}
		c->cap_ambient = 0;
	}
	if (!old->eff && now->eff) {
		c->cap_effective = 0;
	}
	if (old->eff && !now->eff) {
		c->cap_effective = c->cap_permitted;
	}
	c->cap_effective &= c->cap_permitted;
}

/* The same for setfsuid(2): only its own capabilities. */
static void adjust_fs_caps(struct cred *c, const struct ids *old)
{
	if (c->securebits & SECBIT_NO_SETUID_FIXUP) {
		return;
	}
	if (!old->fs && c->u.fs) {
		c->cap_effective &= ~FS_CAPS;
	}
	if (old->fs && !c->u.fs) {
		c->cap_effective |= c->cap_permitted & FS_CAPS;
	}
}

static const struct ids *my_ids(enum id_kind kind)
{
	return kind == ID_USER ? &me()->u : &me()->g;
}

static bool may_set_any(enum id_kind kind)
{
	return cred_capable(kind == ID_USER ? CAP_SETUID : CAP_SETGID);
}

static bool is_mine(const struct ids *ids, uint32_t id)
{
	return id == ID_UNCHANGED || ids_have(ids, id);
}

static int commit_ids(enum id_kind kind, const struct ids *ids,
		      void (*adjust)(struct cred *c, const struct ids *old))
{
	struct cred *c = cred_copy(me());

	if (!c) {
		return -ENOMEM;
	}
	if (kind == ID_USER) {
		c->u = *ids;
		adjust(c, &me()->u);
	} else {
		c->g = *ids;
	}
	cred_commit(c);
	return 0;
}

int cred_set_id(enum id_kind kind, uint32_t id)
{
	struct ids ids = *my_ids(kind);

	if (id == ID_UNCHANGED) {
		return -EINVAL;
	}
	if (may_set_any(kind)) {
		ids.real = ids.saved = id;
	} else if (id != ids.real && id != ids.saved) {
		return -EPERM;
	}
	ids.eff = ids.fs = id;
	return commit_ids(kind, &ids, adjust_caps);
}

int cred_set_two_ids(enum id_kind kind, uint32_t real, uint32_t eff)
{
	const struct ids *old = my_ids(kind);
	struct ids ids = *old;

	if (!may_set_any(kind) &&
	    !((real == ID_UNCHANGED || real == old->real || real == old->eff) &&
	      is_mine(old, eff))) {
		return -EPERM;
	}
	ids.real = real != ID_UNCHANGED ? real : old->real;
	ids.eff = eff != ID_UNCHANGED ? eff : old->eff;
	if (real != ID_UNCHANGED || (eff != ID_UNCHANGED && eff != old->real)) {
		ids.saved = ids.eff;
	}
	ids.fs = ids.eff;
	return commit_ids(kind, &ids, adjust_caps);
}

int cred_set_three_ids(enum id_kind kind, uint32_t real, uint32_t eff, uint32_t saved)
{
	const struct ids *old = my_ids(kind);
	struct ids ids;

	if (!may_set_any(kind) &&
	    !(is_mine(old, real) && is_mine(old, eff) && is_mine(old, saved))) {
		return -EPERM;
	}
	ids.real = real != ID_UNCHANGED ? real : old->real;
	ids.eff = eff != ID_UNCHANGED ? eff : old->eff;
	ids.saved = saved != ID_UNCHANGED ? saved : old->saved;
	ids.fs = ids.eff;
	return commit_ids(kind, &ids, adjust_caps);
}

uint32_t cred_set_fs_id(enum id_kind kind, uint32_t id)
{
	struct ids ids = *my_ids(kind);
	uint32_t old = ids.fs;

	if (id != ID_UNCHANGED && id != old && (may_set_any(kind) || is_mine(&ids, id))) {
		ids.fs = id;
		/* The call has no way to say that it failed. */
		(void)!commit_ids(kind, &ids, adjust_fs_caps);
	}
	return old;
}

/* --- groups and capabilities --- */

int cred_set_groups(const uint32_t *groups, unsigned n)
{
	struct cred *c;

	ASSERT(n <= CRED_MAX_GROUPS);
	if (!cred_capable(CAP_SETGID)) {
		return -EPERM;
	}
	c = cred_copy(me());
	if (!c) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned at = i;

		/* In order, as getgroups(2) shows them. */
		for (; at && c->groups[at - 1] > groups[i]; at--) {
			c->groups[at] = c->groups[at - 1];
		}
		c->groups[at] = groups[i];
	}
	c->ngroups = n;
	cred_commit(c);
	return 0;
}

int cred_set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	const struct cred *old = me();
	uint64_t may_inherit = old->cap_inheritable | old->cap_bounding;
	struct cred *c;

	if (!cred_capable(CAP_SETPCAP)) {
		may_inherit &= old->cap_inheritable | old->cap_permitted;
	}
	if (permitted & ~old->cap_permitted || effective & ~permitted ||
	    inheritable & ~may_inherit) {
		return -EPERM;
	}
	c = cred_copy(old);
	if (!c) {
		return -ENOMEM;
	}
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	cred_commit(c);
	return 0;
}

int cred_change(int (*change)(struct cred *c, uint64_t arg), uint64_t arg)
{
	struct cred *c = cred_copy(me());
	int err;

	if (!c) {
		return -ENOMEM;
	}
	err = change(c, arg);
	if (err) {
		cred_put(c);
	} else {
		cred_commit(c);
	}
	return err;
}

int cred_drop_bounding(struct cred *c, uint64_t cap)
{
	c->cap_bounding &= ~(1ull << cap);
	return cred_capable(CAP_SETPCAP) ? 0 : -EPERM;
}

int cred_raise_ambient(struct cred *c, uint64_t cap)
{
	c->cap_ambient |= 1ull << cap;
	return !(c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE) &&
			       c->cap_permitted & c->cap_inheritable & 1ull << cap
		       ? 0
		       : -EPERM;
}

int cred_lower_ambient(struct cred *c, uint64_t cap)
{
	c->cap_ambient &= ~(1ull << cap);
	return 0;
}

int cred_clear_ambient(struct cred *c, uint64_t unused)
{
	c->cap_ambient = 0;
	return 0;
}

int cred_set_keep_caps(struct cred *c, uint64_t on)
{
	if (c->securebits & SECBIT_LOCK(SECBIT_KEEP_CAPS)) {
		return -EPERM;
	}
	c->securebits = on ? c->securebits | SECBIT_KEEP_CAPS : c->securebits & ~SECBIT_KEEP_CAPS;
	return 0;
}

int cred_set_securebits(struct cred *c, uint64_t bits)
{
	uint32_t locks = c->securebits & SECBITS_LOCKS;

	/* A lock stays, and so does what it locks. */
	if (bits & ~(uint64_t)SECBITS_KNOWN || locks & ~bits ||
	    (c->securebits ^ bits) & locks >> 1 || !cred_capable(CAP_SETPCAP)) {
		return -EPERM;
	}
	c->securebits = (uint32_t)bits;
	return 0;
}

int cred_set_no_new_privs(struct cred *c, uint64_t unused)
{
	c->no_new_privs = true;
	return 0;
}
