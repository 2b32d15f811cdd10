/* SPDX-License-Identifier: MIT */
/*
 * File locks on inodes, and who waits for whom.
 *
 * inode->locks_lock protects an inode's ranges; memory is allocated before it is taken, freed
 * after.  A waiter for a POSIX lock is in blocked_list from before it lets go of locks_lock until
 * after it has it again, so of two that would wait for each other the second one sees the first.
 */
#include <fs/locks.h>

#include "fs_internal.h"

#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/lock_range.h>
#include <fs/upcalls.h>
#include <lib/assert.h>
#include <lib/list.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/spinlock.h>
#include <sync/waitq.h>

#define RELEASE_CHUNK 256

struct flock_owner {
	struct list link;
	struct file *file;
	bool exclusive;
};
/* Of an inode; made with the first lock, freed with the inode.  All under inode->locks_lock. */
struct file_lock_state {
	struct rb_tree ranges; /* struct lock_range: POSIX and OFD */
	struct list flocks;    /* struct flock_owner */
	struct waitq waiters;
};
/* A sleeping F_SETLKW: who waits for whom, under blocked_lock. */
struct blocked {
	struct list link;
	const void *owner, *holder;
};
static struct list blocked_list = LIST_INIT(blocked_list);
static SPINLOCK(blocked_locks) blocked_lock = SPINLOCK_INIT(RANK_FS_LEAF, "blocked locks");

static struct file_lock_state *state_of(struct inode *inode)
{
	struct file_lock_state *s = READ_ONCE(inode->locks);

	if (s) {
		return s;
	}
	s = kzalloc(sizeof(*s));
	if (!s) {
		return NULL;
	}
	list_init(&s->flocks);
	waitq_init(&s->waiters);
	spin_lock(&inode->locks_lock);
	if (inode->locks) {
		kfree(s);
		s = inode->locks;
	} else {
		WRITE_ONCE(inode->locks, s);
	}
	spin_unlock(&inode->locks_lock);
	return s;
}
void locks_free_state(struct inode *inode)
{
	if (inode->locks) {
		ASSERT(!inode->locks->ranges.root && list_empty(&inode->locks->flocks));
		kfree(inode->locks);
		inode->locks = NULL;
	}
}

/* Would owner waiting for holder close a cycle?  Each owner waits for at most one holder per
 * thread; a bounded walk suffices, as the list holds only sleepers. */
static bool deadlock_locked(const void *owner, const void *holder) REQUIRES(blocked_locks_role)
{
	for (unsigned steps = 0; steps < 64; steps++) {
		const struct blocked *b, *next = NULL;

		if (holder == owner) {
			return true;
		}
		list_for_each_entry(b, &blocked_list, link) {
			if (b->owner == holder) {
				next = b;
				break;
			}
		}
		if (!next) {
			return false;
		}
		holder = next->holder;
	}
	return false;
}

/* Sleeps until something about the inode's locks changes; inode->locks_lock is held. */
static int wait_for_holder(struct inode *inode, const struct lock_range *want, const void *holder)
	REQUIRES(file_locks_role)
{
	struct blocked b = { .owner = want->owner, .holder = holder };
	int err;

	list_init(&b.link);
	if (!want->ofd) {
		spin_lock(&blocked_lock);
		if (deadlock_locked(want->owner, holder)) {
			spin_unlock(&blocked_lock);
			return -EDEADLK;
		}
		list_push_back(&blocked_list, &b.link);
		spin_unlock(&blocked_lock);
	}
	err = waitq_wait(&inode->locks->waiters, &inode->locks_lock, WAIT_INTR, DEADLINE_NONE);
	if (!want->ofd) {
		spin_lock(&blocked_lock);
		list_remove(&b.link);
		spin_unlock(&blocked_lock);
	}
	return err;
}

static void free_ranges(struct list *freed, struct lock_range *spare[2])
{
	struct list *n;

	while ((n = list_pop_front(freed))) {
		kfree(list_entry(n, struct lock_range, link));
	}
	kfree(spare[0]);
	kfree(spare[1]);
}

static int set_range(struct inode *inode, const struct lock_range *want, bool wait)
{
	struct lock_range *spare[2], *other;
	struct file_lock_state *s = state_of(inode);
	struct list freed;
	int err = 0;

	if (!s) {
		return -ENOLCK;
	}
	spare[0] = kmalloc(sizeof(*spare[0]));
	spare[1] = kmalloc(sizeof(*spare[1]));
	list_init(&freed);
	if (!spare[0] || !spare[1]) {
		free_ranges(&freed, spare);
		return -ENOLCK;
	}
	spin_lock(&inode->locks_lock);
	while (want->type != LOCKR_NONE &&
	       (other = lock_range_conflict(&s->ranges, want->owner, want->type, want->start,
					    want->end))) {
		err = wait ? wait_for_holder(inode, want, other->owner) : -EAGAIN;
		if (err) {
			break;
		}
	}
	if (!err) {
		lock_range_set(&s->ranges, want, spare, &freed);
	}
	spin_unlock(&inode->locks_lock);
	if (!err && waitq_active(&s->waiters)) {
		waitq_wake_all(&s->waiters); /* a downgrade or an unlock may let others in */
	}
	free_ranges(&freed, spare);
	return err;
}

static int range_from_user(struct file *f, const struct linux_flock *fl, struct lock_range *r)
{
	int64_t base = 0;

	switch (fl->l_whence) {
	case SEEK_SET: break;
	case SEEK_CUR: base = (int64_t)f->pos; break;
	case SEEK_END: base = (int64_t)atomic_load(&f->inode->pages.size); break;
	default: return -EINVAL;
	}
	switch (fl->l_type) {
	case F_RDLCK: r->type = LOCKR_READ; break;
	case F_WRLCK: r->type = LOCKR_WRITE; break;
	case F_UNLCK: r->type = LOCKR_NONE; break;
	default: return -EINVAL;
	}
	return lock_range_from(base, fl->l_start, fl->l_len, &r->start, &r->end);
}

static int get_lock(struct inode *inode, const struct lock_range *want, struct linux_flock *fl)
{
	struct lock_range *r = NULL;

	if (want->type == LOCKR_NONE) {
		return -EINVAL;
	}
	spin_lock(&inode->locks_lock);
	if (inode->locks) {
		r = lock_range_conflict(&inode->locks->ranges, want->owner, want->type, want->start,
					want->end);
	}
	if (r) {
		fl->l_type = r->type == LOCKR_WRITE ? F_WRLCK : F_RDLCK;
		fl->l_whence = SEEK_SET;
		fl->l_start = r->start;
		fl->l_len = r->end == INT64_MAX ? 0 : r->end - r->start + 1;
		fl->l_pid = r->pid;
	} else {
		fl->l_type = F_UNLCK;
	}
	spin_unlock(&inode->locks_lock);
	return 0;
}

/*
 * Another thread may have closed the descriptor while we waited.  Its close has released what the
 * table had by then, and nobody would come again: a lock whose descriptor is gone by now goes, too.
 * A close after this look finds the lock.  Other descriptors of the file say nothing: they may be
 * other processes'.
 */
static int keep_if_open(struct file *f, int fd, const struct lock_range *want)
{
	struct lock_range none = *want;
	struct fdref now;
	bool open;

	if (want->ofd || want->type == LOCKR_NONE) {
		return 0;
	}
	open = !fdref_get(fd, &now);
	if (open) {
		open = now.file == f;
		fdref_put(&now);
	}
	if (open) {
		return 0;
	}
	none.type = LOCKR_NONE;
	(void)!set_range(f->inode, &none, false);
	return -EBADF;
}

int locks_fcntl(struct file *f, int fd, int cmd, struct linux_flock *fl)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct lock_range want = { .ofd = ofd };
	int err;

	want.owner = ofd ? (const void *)f : thread_current()->files;
	want.pid = ofd ? -1 : fs_upcalls->current_pid();
	if (ofd && fl->l_pid != 0) {
		return -EINVAL;
	}
	err = range_from_user(f, fl, &want);
	if (err) {
		return err;
	}
	if (cmd == F_GETLK || cmd == F_OFD_GETLK) {
		return get_lock(f->inode, &want, fl);
	}
	if ((want.type == LOCKR_READ && !f->readable) ||
	    (want.type == LOCKR_WRITE && !f->writable)) {
		return -EBADF;
	}
	err = set_range(f->inode, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	return err ? err : keep_if_open(f, fd, &want);
}

static void release_owner(struct inode *inode, const void *owner)
{
	struct lock_range *spare[2] = { NULL, NULL };
	bool more, some = false;

	do { /* others may have the lock in between */
		struct list freed = LIST_INIT(freed);

		spin_lock(&inode->locks_lock);
		more = lock_range_drop(&inode->locks->ranges, owner, RELEASE_CHUNK, &freed);
		spin_unlock(&inode->locks_lock);
		some |= !list_empty(&freed);
		free_ranges(&freed, spare);
	} while (more);
	if (some) {
		waitq_wake_all(&inode->locks->waiters);
	}
}

void locks_release_posix(struct file *f, const void *owner)
{
	if (likely(!READ_ONCE(f->inode->locks))) {
		return;
	}
	release_owner(f->inode, owner);
}

/* --- flock(2) --- */
static struct flock_owner *flock_find(struct file_lock_state *s, const struct file *f)
{
	struct flock_owner *o;

	list_for_each_entry(o, &s->flocks, link) {
		if (o->file == f) {
			return o;
		}
	}
	return NULL;
}
static bool flock_conflict(struct file_lock_state *s, const struct file *f, bool exclusive)
{
	struct flock_owner *o;

	list_for_each_entry(o, &s->flocks, link) {
		if (o->file != f && (exclusive || o->exclusive)) {
			return true;
		}
	}
	return false;
}
static void flock_drop(struct inode *inode, struct file *f)
{
	struct file_lock_state *s = inode->locks;
	struct flock_owner *o;

	spin_lock(&inode->locks_lock);
	o = flock_find(s, f);
	if (o) {
		list_remove(&o->link);
	}
	spin_unlock(&inode->locks_lock);
	if (o) {
		waitq_wake_all(&s->waiters);
		kfree(o);
	}
}

/*
 * One look: 0 = done, -EAGAIN = somebody else's lock is in the way.  A change of type drops the old
 * lock first, as on Linux, so that others may come in between.  Between two looks other threads may
 * lock the same file, so each look begins with what it has by now: it never has two.
 */
static int flock_try(struct file_lock_state *s, struct file *f, int type, struct flock_owner **mine)
	REQUIRES(file_locks_role)
{
	bool exclusive = type == LOCK_EX;
	struct flock_owner *old = flock_find(s, f);

	spin_assert_held(&f->inode->locks_lock);
	if (old && type != LOCK_UN && old->exclusive == exclusive) {
		return 0;
	}
	if (old) {
		list_remove(&old->link);
		kfree(old);
		waitq_wake_all(&s->waiters);
	}
	if (type == LOCK_UN) {
		return 0;
	}
	if (flock_conflict(s, f, exclusive)) {
		return -EAGAIN;
	}
	(*mine)->file = f;
	(*mine)->exclusive = exclusive;
	list_push_back(&s->flocks, &(*mine)->link);
	*mine = NULL;
	return 0;
}

int locks_flock(struct file *f, int op)
{
	struct file_lock_state *s;
	struct flock_owner *mine;
	int type = op & ~LOCK_NB, err;

	s = state_of(f->inode);
	mine = s ? kzalloc(sizeof(*mine)) : NULL;
	if (!mine) {
		return -ENOLCK;
	}
	spin_lock(&f->inode->locks_lock);
	do {
		err = flock_try(s, f, type, &mine);
		if (err && !(op & LOCK_NB)) {
			err = waitq_wait(&s->waiters, &f->inode->locks_lock, WAIT_INTR,
					 DEADLINE_NONE);
			err = err ? err : -EAGAIN;
		}
	} while (err == -EAGAIN && !(op & LOCK_NB));
	spin_unlock(&f->inode->locks_lock);
	kfree(mine);
	return err;
}

void locks_release_file(struct file *f)
{
	if (likely(!READ_ONCE(f->inode->locks))) {
		return;
	}
	release_owner(f->inode, f);
	flock_drop(f->inode, f);
}
