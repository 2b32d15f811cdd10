/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the three kinds of System V IPC objects share (ipc.c), see ipc/ipc.h.
 *
 * A kind is a table and a `struct ipc_type`, which says what is different.  An object begins with
 * a struct ipc_object; it is counted by its table and by those who use it.  The functions of an
 * ipc_type are called with the object's lock held unless they say otherwise.
 */
#include <ipc/ipc.h>
#include <lib/bitmap.h>
#include <lib/rbtree.h>
#include <lib/refcount.h>
#include <mm/user_ptr.h>

struct ipc_table;
struct ipc_object {
	struct refcount refs;
	SPINLOCK(ipc_object) lock;
	struct ipc_table *table; /* [I] */
	int id;			 /* [I] */
	int key;		 /* written with table lock and lock held */
	struct rb_node key_node; /* in the table's keys, under its lock; not for IPC_PRIVATE */
	uint32_t uid GUARDED_BY(ipc_object_role);
	uint32_t gid GUARDED_BY(ipc_object_role);
	uint32_t cuid GUARDED_BY(ipc_object_role);
	uint32_t cgid GUARDED_BY(ipc_object_role);
	uint32_t mode GUARDED_BY(ipc_object_role);
	bool removed GUARDED_BY(ipc_object_role);  /* never false again; not in the table */
	int64_t ctime GUARDED_BY(ipc_object_role); /* seconds */
};

/* What a get call asks for. */
struct ipc_args {
	int key, flags;
	uint64_t size; /* bytes of shared memory, number of semaphores */
};
union ipc_ds {
	struct linux_ipc_perm perm; /* the beginning of all */
	struct linux_shmid_ds shm;
	struct linux_semid_ds sem;
	struct linux_msqid_ds msg;
};
union ipc_info {
	struct linux_shminfo shm;
	struct linux_shm_info shm_usage;
	struct linux_seminfo sem;
	struct linux_msginfo msg;
};
struct text_buf;
struct ipc_type {
	int cmd_stat, cmd_info, cmd_stat_any; /* the kind's own numbers for SHM_STAT ... */
	size_t ds_size;
	/* Makes one, uncounted by a table; may sleep, no locks held. */
	int (*create)(const struct ipc_args *a, struct ipc_object **out);
	/* Is an existing one what a get call asks for?  NULL: always.  Table lock held, too. */
	int (*check)(const struct ipc_object *o, const struct ipc_args *a);
	/* The last reference is gone; no locks held. */
	void (*destroy)(struct ipc_object *o);
	/* What is not in `perm`; all else is 0 before. */
	void (*fill)(struct ipc_object *o, union ipc_ds *d);
	/* IPC_SET of what is not in `perm`; NULL: nothing. */
	int (*set)(struct ipc_object *o, const union ipc_ds *d);
	/* IPC_RMID: true = it is in use and stays, without its key.  NULL: removed at once. */
	bool (*linger)(struct ipc_object *o);
	/* After IPC_SET and after removal: those who wait look again.  NULL: nobody waits. */
	void (*changed)(struct ipc_object *o);
	/* Limits, or (usage) how much is in use of them: the size of the struct.  No locks held. */
	size_t (*info)(bool usage, union ipc_info *i);
	/* /proc/sysvipc: the first line, then one for each object.  No locks held. */
	const char *title;
	void (*show)(struct text_buf *t, int id, const union ipc_ds *d);
};

#define IPC_SLOTS 32768
#define IPC_LEAF 512
struct ipc_table {
	SPINLOCK(ipc_table) lock;
	const struct ipc_type *type; /* [I] */
	unsigned limit;		     /* [I] <= IPC_SLOTS */
	/* objects by index, in leaves of a page that come with the first use and stay */
	struct ipc_object **leaves[IPC_SLOTS / IPC_LEAF] GUARDED_BY(ipc_table_role);
	uint64_t taken[BITMAP_WORDS(IPC_SLOTS)] GUARDED_BY(ipc_table_role);
	unsigned used GUARDED_BY(ipc_table_role);
	size_t first_free GUARDED_BY(ipc_table_role); /* no index below it is free */
	struct rb_tree keys GUARDED_BY(ipc_table_role);
	uint16_t seq GUARDED_BY(ipc_table_role);
	int highest GUARDED_BY(ipc_table_role); /* index in use, -1 = none */
};
#define IPC_TABLE_INIT(type_, name_, limit_)                                                  \
	{                                                                                     \
		.lock = SPINLOCK_INIT(RANK_IPC_TABLE, name_), .type = (type_), .highest = -1, \
		.limit = (limit_)                                                             \
	}
extern struct ipc_table shm_table, sem_table, msg_table;

/* POSIX message queues: /proc/sys/fs/mqueue. */
#define MQ_QUEUES_MAX 256
#define MQ_DEFAULT_MSGS 10
#define MQ_DEFAULT_SIZE 8192
#define MQ_MSGS_MAX 10 /* of the unprivileged */
#define MQ_SIZE_MAX 8192

int64_t ipc_now(void); /* seconds */
/* Finds by key, or makes one: its id, or -errno. */
long ipc_get(struct ipc_table *t, const struct ipc_args *a);
void ipc_object_init(struct ipc_object *o, const struct ipc_args *a);
/* Counted and locked.  -EINVAL: there is none; -EIDRM: it was just removed. */
MUST_USE int ipc_lock(struct ipc_table *t, int id, struct ipc_object **out)
	TRY_ACQUIRES(0, ipc_object_role);
/* The first one at or after *index, counted, whose index *index becomes; NULL. */
struct ipc_object *ipc_next(struct ipc_table *t, int *index);
/* Unlocks and puts. */
void ipc_unlock(struct ipc_object *o) RELEASES(ipc_object_role);
void ipc_object_get(struct ipc_object *o);
void ipc_put(struct ipc_object *o);
/* Out of the table, marked; the table's reference goes.  The caller has one of its own and the
 * lock, which is dropped for a moment. */
void ipc_remove_locked(struct ipc_object *o) REQUIRES(ipc_object_role);
/* 04 read, 02 write, 01 execute: 0 or -EACCES. */
MUST_USE int ipc_permission_locked(const struct ipc_object *o, unsigned want)
	REQUIRES(ipc_object_role);
/* May the caller remove or change it?  0 or -EPERM. */
MUST_USE int ipc_owner_locked(const struct ipc_object *o) REQUIRES(ipc_object_role);
/* IPC_STAT, IPC_SET, IPC_RMID, IPC_INFO and the kind's *_STAT, *_STAT_ANY, *_INFO; -EINVAL for
 * all other commands. */
long ipc_control(struct ipc_table *t, int id, int cmd, user_ptr buf);
/* A file of /proc/sysvipc; arg: the table. */
MUST_USE int ipc_show(struct text_buf *t, void *arg);
