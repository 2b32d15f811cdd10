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
	int64_t otime;	       /* [lock] */
	struct list waiters;   /* [lock] struct sem_waiter, sem.c */
	struct list undos;     /* [lock] struct sem_undo.set_link */
	struct sem sems[];     /* [lock] */
};
/* What one undo list does to one set when its last thread is gone. */
struct sem_undo {
	struct list set_link;  /* [set lock] */
	struct list list_link; /* [list lock] */
	struct sem_set *set;   /* counted */
	int16_t adj[];	       /* [set lock] */
};
/* After semaphores changed: wakes those who may go on.  set lock held. */
void sem_wake_waiters_locked(struct sem_set *s);
/* The entry of the current thread's list for s, made when missing; no locks held. */
MUST_USE int sem_undo_get(struct sem_set *s, struct sem_undo **out);
/* SETVAL, SETALL: forgets adjustments of semaphore num (-1: all).  set lock held. */
void sem_undo_clear_locked(struct sem_set *s, int num);
