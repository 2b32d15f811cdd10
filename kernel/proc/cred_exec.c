/* SPDX-License-Identifier: MIT */
/*
 * What execve(2) makes of credentials (capabilities(7), "Transformation of capabilities during
 * execve()"; there are no file capabilities here).
 *
 * The file's mode and owner are read together under its lock, once: a chown between them would give
 * the bits of the old owner's file with the new owner's rights.  The rest is computed twice: before the
 * address space is made, whose layout depends on it, and when the other threads are gone, who could
 * still share the working directory with another process.
 */
#include <proc/cred.h>

#include <fs/context.h>
#include <fs/cred.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/prctl.h>
#include <linux/stat.h>
#include <proc/task.h>

/* Another process shares root and working directory with us: it could turn a set-id program to
 * files of its choice. */
static bool directory_is_shared(void)
{
	struct process *p = process_current();
	struct fs_context *fs = thread_current()->fs;
	unsigned ours = 0;
	struct task *t;
	uint64_t flags;

	flags = process_lock(p);
	list_for_each_entry(t, &p->threads, thread_link) {
		ours += READ_ONCE(t->thread.fs) == fs;
	}
	process_unlock(p, flags);
	return atomic_load_explicit(&fs->users, memory_order_acquire) > ours;
}

/* The ids of a set-id file; true when it is one that counts. */
static bool take_file_ids(struct cred *c, const struct exec_cred *e)
{
	bool taken = false;

	if (c->no_new_privs) {
		return false;
	}
	if (e->mode & S_ISUID) {
		c->u.eff = e->uid;
		taken = true;
	}
	if ((e->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		c->g.eff = e->gid;
		taken = true;
	}
	return taken;
}

/* True when effective capabilities are all that are permitted. */
static bool root_caps(struct cred *c)
{
	c->cap_permitted = 0;
	if (c->securebits & SECBIT_NOROOT) {
		return false;
	}
	if (c->u.eff == 0 || c->u.real == 0) {
		c->cap_permitted = c->cap_inheritable | c->cap_bounding;
	}
	return c->u.eff == 0;
}

void cred_exec_compute(struct exec_cred *e)
{
	const struct cred *old = thread_current()->cred;
	struct cred *c = e->cred;
	bool effective, other_ids;

	*c = *old;
	refcount_init(&c->refs, 1);
	e->set_id = take_file_ids(c, e);
	effective = root_caps(c);
	e->set_id |= (c->cap_permitted & ~old->cap_permitted) != 0;
	other_ids = c->u.eff != old->u.eff || !cred_in_group(old, c->g.eff);
	if ((other_ids || c->cap_permitted & ~old->cap_permitted) &&
	    (c->no_new_privs || directory_is_shared())) {
		if (c->no_new_privs || !cred_capable(CAP_SETUID)) {
			c->u.eff = c->u.real;
			c->g.eff = c->g.real;
		}
		c->cap_permitted &= old->cap_permitted;
	}
	c->u.saved = c->u.fs = c->u.eff;
	c->g.saved = c->g.fs = c->g.eff;
	if (other_ids) {
		c->cap_ambient = 0;
	}
	c->cap_permitted |= c->cap_ambient;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~SECBIT_KEEP_CAPS;
	e->secure = other_ids || c->u.eff != c->u.real || c->g.eff != c->g.real ||
		    (c->u.real != 0 && (effective || c->cap_permitted & ~c->cap_ambient));
}

int cred_exec(const struct file *exe, struct exec_cred *e)
{
	struct inode *inode = exe->inode;

	e->cred = cred_alloc();
	if (!e->cred) {
		return -ENOMEM;
	}
	mutex_lock(&inode->lock);
	e->mode = inode->sb->nosuid ? inode->mode & ~(uint32_t)(S_ISUID | S_ISGID) : inode->mode;
	e->uid = inode->uid;
	e->gid = inode->gid;
	mutex_unlock(&inode->lock);
	cred_exec_compute(e);
	return 0;
}
