/* SPDX-License-Identifier: MIT */
#pragma once
/* The common part of the three kinds of IPC objects, see proc/ipc.h. */
#include <ipc/ipc.h>
#include <mm/user_ptr.h>

struct ipc_object {
	_Atomic int32_t refs;
	struct spinlock lock;
	int id, key;			     /* [I] */
	uint32_t uid, gid, cuid, cgid, mode; /* [lock] */
	bool removed;			     /* [lock] */
	int64_t ctime;			     /* [lock] seconds */
};
struct ipc_table {
	struct spinlock lock;
	struct ipc_object **slots; /* [lock] */
	unsigned size, limit, used;
	uint16_t seq;
	int highest; /* index in use, -1 = none */
};
#define IPC_TABLE_INIT(name_, limit_)                                                          \
	{                                                                                      \
		.lock = SPINLOCK_INIT(RANK_IPC_TABLE, name_), .limit = (limit_), .highest = -1 \
	}

int64_t ipc_now(void); /* seconds */
/* Finds by key, or makes one with create(arg): its id.  check (may be NULL) judges an existing
 * one. */
long ipc_get(struct ipc_table *t, int key, int flags, struct ipc_object *(*create)(void *arg),
	     int (*check)(struct ipc_object *o, void *arg), void (*destroy)(struct ipc_object *o),
	     void *arg);
void ipc_object_init(struct ipc_object *o, int key, int flags);
/* Counted and locked; -EINVAL, -EIDRM.  by_index: `id` is an index (IPC *_STAT). */
MUST_USE int ipc_lock(struct ipc_table *t, int id, bool by_index, struct ipc_object **out);
/* The first one at or after *index, counted and locked, whose index *index becomes; NULL. */
struct ipc_object *ipc_next(struct ipc_table *t, int *index);
/* Unlocks and puts. */
void ipc_unlock(struct ipc_object *o, void (*destroy)(struct ipc_object *o));
void ipc_put(struct ipc_object *o, void (*destroy)(struct ipc_object *o));
/* Out of the table, marked; the table's reference goes.  o is locked by the caller. */
void ipc_remove_locked(struct ipc_table *t, struct ipc_object *o);
/* 04 read, 02 write: 0 or -EACCES. */
MUST_USE int ipc_permission(const struct ipc_object *o, unsigned want);
/* May the caller remove or change it?  0 or -EPERM. */
MUST_USE int ipc_owner(const struct ipc_object *o);
void ipc_fill_perm(const struct ipc_object *o, struct linux_ipc_perm *p);
void ipc_set_perm(struct ipc_object *o, const struct linux_ipc_perm *p);
/* IPC_STAT, *_STAT (by_index) and *_STAT_ANY (any: no permission needed): fill() writes the
 * object's struct of `size` bytes (at most IPC_STAT_MAX), which is copied to buf.  The id when
 * by_index, else 0; or -errno. */
#define IPC_STAT_MAX 256
struct ipc_stat {
	int id;
	bool by_index, any;
	void (*fill)(struct ipc_object *o, void *ds);
	void (*destroy)(struct ipc_object *o);
	size_t size;
};
long ipc_stat(struct ipc_table *t, const struct ipc_stat *r, user_ptr buf);

/* /proc/sysvipc */
struct text_buf;
void shm_show(struct text_buf *t);
void sem_show(struct text_buf *t);
void msg_show(struct text_buf *t);
