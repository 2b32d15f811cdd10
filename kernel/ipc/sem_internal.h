/* SPDX-License-Identifier: MIT */
#pragma once
/* What sem.c and sem_undo.c share. */
#include "ipc_internal.h"

struct sem {
	int16_t val;
	int32_t pid; /* of the last change */
};
struct sem_set {
	struct ipc_object ipc; /* first */
	unsigned n;	       /* [I] */
	int64_t otime GUARDED_BY(ipc_object_role);
	struct list waiters GUARDED_BY(ipc_object_role); /* struct sem_waiter, sem.c */
	struct list undos GUARDED_BY(ipc_object_role);	 /* struct sem_undo.set_link */
	struct sem sems[] GUARDED_BY(ipc_object_role);
};
/* What one undo list does to one set when its last thread is gone. */
struct sem_undo {
	struct sem_set *set; /* [I] counted */
	struct list set_link GUARDED_BY(ipc_object_role);
	struct list list_link GUARDED_BY(sem_undo_role);
	struct rb_node node GUARDED_BY(sem_undo_role);
	int16_t adj[] GUARDED_BY(ipc_object_role);
};
/* After semaphores changed: wakes those who may go on. */
void sem_wake_waiters_locked(struct sem_set *s) REQUIRES(ipc_object_role);
/* The entry of the current thread's list for s, made when missing; no locks held. */
MUST_USE int sem_undo_get(struct sem_set *s, struct sem_undo **out);
/* SETVAL, SETALL: forgets adjustments of semaphore num (-1: all). */
void sem_undo_clear_locked(struct sem_set *s, int num) REQUIRES(ipc_object_role);
