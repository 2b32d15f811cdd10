/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The process tree: parents and children, groups, sessions.  All of it under proctree_lock
 * (proc/pid.h), which the callers of the _locked functions hold.
 *
 * A session has at most one terminal.  The terminals stand above this layer: who attaches one
 * sets `tty_ops` with it, so that the tree can tell it of the leader's end and /proc can name it.
 */
#include <proc/task.h>

/* Filled by the terminal layer. */
struct session_tty_ops {
	/* The leader is about to end; no lock held. */
	void (*leader_exit)(struct process *leader);
	/* Device number and number of the foreground group (-1 = none); proctree_lock held. */
	void (*describe)(const struct tty *tty, int *dev, int *foreground);
};

struct session {
	struct refcount refs;
	struct pid *sid;				  /* [I] counted */
	struct process *leader GUARDED_BY(proctree_role); /* [T] NULL once it is gone */
	struct tty *tty GUARDED_BY(proctree_role);	  /* [T] controlling terminal, counted */
	const struct session_tty_ops *tty_ops
		GUARDED_BY(proctree_role); /* [T] of tty; NULL without one */
};

/* pid 1; NULL before it was made. */
extern struct process *init_process;

/* refs = 1, counts sid; NULL = no memory. */
struct session *session_alloc(struct pid *sid, struct process *leader);
void session_put(struct session *s);
/* p ends: when it leads its session, the terminal is told.  No lock held. */
void session_leader_exit(struct process *p);

/* A new process gets its place. */
void tree_link_locked(struct process *p, struct process *parent, struct pid *group,
		      struct session *session) REQUIRES(proctree_role);
/* It was reaped: leaves parent, group and session. */
void tree_unlink_locked(struct process *p) REQUIRES(proctree_role);
/* p's parent is one of those that keep its group from being orphaned. */
bool tree_parent_keeps_group(const struct process *p) REQUIRES(proctree_role);
/* No member (but `without`) has a parent in another group of its session. */
bool tree_group_orphaned_locked(struct pid *group, const struct process *without)
	REQUIRES(proctree_role);
bool tree_group_has_stopped_locked(struct pid *group) REQUIRES(proctree_role);
