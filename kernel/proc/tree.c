/* SPDX-License-Identifier: MIT */
/*
 * The process tree, see proc/tree.h.
 *
 * A number stays in use as long as it names a thread, a process, a group or a session, so each link
 * into the tree takes a use of its pid (pid_use()) and each link that goes gives it back.  A group
 * or session is nothing but that: the list of its members in struct pid.
 */
#include <proc/tree.h>

#include <lib/assert.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <proc/lifecycle.h>

struct process *init_process;

struct session *session_alloc(struct pid *sid, struct process *leader)
{
	struct session *s = kzalloc(sizeof(*s));

	if (s) {
		*s = (struct session){ .sid = sid, .leader = leader };
		refcount_init(&s->refs, 1);
		pid_get(sid);
	}
	return s;
}

static void session_get(struct session *s)
{
	refcount_get(&s->refs);
}

void session_put(struct session *s)
{
	if (s && refcount_put(&s->refs)) {
		ASSERT(!READ_ONCE(s->tty));
		pid_put(s->sid);
		kfree(s);
	}
}

void session_leader_exit(struct process *p)
{
	uint64_t flags = spin_lock_irqsave(&proctree_lock);
	const struct session_tty_ops *ops = p->session->leader == p ? p->session->tty_ops : NULL;

	spin_unlock_irqrestore(&proctree_lock, flags);
	/* The terminal may have gone meanwhile: it looks again. */
	if (ops) {
		ops->leader_exit(p);
	}
}

static void tree_set_group_locked(struct process *p, struct pid *group) REQUIRES(proctree_role)
{
	struct pid *old = p->group;

	ASSERT(spin_held(&proctree_lock));
	pid_get(group);
	pid_use(group);
	list_remove(&p->group_link);
	p->group = group;
	list_push_back(&group->group, &p->group_link);
	if (old) {
		pid_unuse(old);
		pid_put(old);
	}
}

void tree_link_locked(struct process *p, struct process *parent, struct pid *group,
		      struct session *session)
{
	ASSERT(spin_held(&proctree_lock));
	p->parent = parent;
	p->parent_pid = parent ? process_pid(parent) : 0;
	if (parent) {
		list_push_back(&parent->children, &p->sibling_link);
	}
	p->session = session;
	session_get(session);
	pid_use(session->sid);
	list_push_back(&session->sid->session, &p->session_link);
	tree_set_group_locked(p, group);
	pid_use(p->pid);
	pid_set_process(p->pid, p);
}

void tree_unlink_locked(struct process *p)
{
	struct pid *group = p->group, *sid = p->session->sid;

	ASSERT(spin_held(&proctree_lock));
	list_remove(&p->sibling_link);
	list_remove(&p->group_link);
	list_remove(&p->session_link);
	p->group = NULL;
	p->parent = NULL;
	pid_unuse(group);
	pid_put(group);
	pid_unuse(sid);
	session_put(p->session);
	p->session = NULL;
	pid_set_process(p->pid, NULL);
	pid_unuse(p->pid);
}

bool tree_parent_keeps_group(const struct process *p)
{
	/* pid 1 may be a shell, which is the parent of its own jobs; of what it inherited it is not
	 * (as init, which is in no job's session). */
	return p->parent->group != p->group && p->parent->session == p->session &&
	       !(p->parent == init_process && p->reparented);
}

/* A group is orphaned when no member has a parent in another group of the same session
 * (POSIX): nobody is left who could continue it. */
bool tree_group_orphaned_locked(struct pid *group, const struct process *without)
{
	struct process *p;

	ASSERT(spin_held(&proctree_lock));
	list_for_each_entry(p, &group->group, group_link) {
		if (p == without || p->state != PROCESS_ALIVE || !p->parent) {
			continue;
		}
		if (tree_parent_keeps_group(p)) {
			return false;
		}
	}
	return true;
}

bool tree_group_has_stopped_locked(struct pid *group)
{
	struct process *p;

	ASSERT(spin_held(&proctree_lock));
	list_for_each_entry(p, &group->group, group_link) {
		if (READ_ONCE(p->is_stopped)) {
			return true;
		}
	}
	return false;
}

static struct session *replace_session_locked(struct process *p, struct session *fresh)
	REQUIRES(proctree_role)
{
	struct session *old = p->session;

	ASSERT(spin_held(&proctree_lock));
	list_remove(&p->session_link);
	pid_unuse(old->sid);
	p->session = fresh;
	pid_use(fresh->sid);
	list_push_back(&fresh->sid->session, &p->session_link);
	return old;
}

long process_setsid(void)
{
	struct process *p = process_current();
	struct session *fresh = session_alloc(p->pid, p), *old = NULL;
	long result = process_pid(p);
	uint64_t flags;

	if (!fresh) {
		return -ENOMEM;
	}
	flags = spin_lock_irqsave(&proctree_lock);
	/* A group with our number exists: we lead it, or did. */
	if (!list_empty(&p->pid->group)) {
		result = -EPERM;
	} else {
		old = replace_session_locked(p, fresh);
		tree_set_group_locked(p, p->pid);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	session_put(old ? old : fresh);
	return result;
}

static int check_setpgid_locked(struct process *self, struct process *p, struct pid *group)
	REQUIRES(proctree_role)
{
	struct process *member;

	ASSERT(spin_held(&proctree_lock));
	if (p->parent == self) {
		if (p->session != self->session) {
			return -EPERM;
		}
		if (p->did_exec) {
			return -EACCES;
		}
	} else if (p != self) {
		return -ESRCH;
	}
	if (p->session->leader == p) {
		return -EPERM;
	}
	if (group == p->pid) {
		return 0;
	}
	list_for_each_entry(member, &group->group, group_link) {
		if (member->session == self->session) {
			return 0;
		}
	}
	return -EPERM;
}

long process_setpgid(int pid, int pgid)
{
	struct process *self = process_current(), *p;
	struct pid *group;
	uint64_t flags;
	int err;

	pid = pid ? pid : process_pid(self);
	pgid = pgid ? pgid : pid;
	if (pgid < 0) {
		return -EINVAL;
	}
	p = process_find_any(pid);
	if (!p) {
		return -ESRCH;
	}
	if (process_pid(p) != pid) { /* a thread that does not lead */
		process_put(p);
		return -EINVAL;
	}
	group = pid_find(pgid);
	flags = spin_lock_irqsave(&proctree_lock);
	if (p->state == PROCESS_DEAD) {
		err = -ESRCH;
	} else if (!group) {
		err = p == self || p->parent == self ? -EPERM : -ESRCH;
	} else {
		err = check_setpgid_locked(self, p, group);
	}
	if (!err && p->group != group) {
		tree_set_group_locked(p, group);
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	pid_put(group);
	process_put(p);
	return err;
}

/* Number of the group (or session) of a process; 0 = the caller. */
long process_getpgid(int pid, bool session)
{
	struct process *p = pid ? process_find_any(pid) : process_current();
	uint64_t flags;
	long nr;

	if (!p) {
		return -ESRCH;
	}
	flags = spin_lock_irqsave(&proctree_lock);
	if (p->state == PROCESS_DEAD) {
		nr = -ESRCH;
	} else {
		nr = session ? p->session->sid->nr : p->group->nr;
	}
	spin_unlock_irqrestore(&proctree_lock, flags);
	if (pid) {
		process_put(p);
	}
	return nr;
}
