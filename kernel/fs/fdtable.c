/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables.
 *
 * A slot is reserved (used bit set, file NULL), installed, or free.  Changes need the lock.
 *
 * Look-ups take no lock.  A table with one user is read by that user, who is the only one to
 * change it, so he even borrows the file.  In a shared one the file's count is raised from not
 * zero and the slot is looked at again: the same file still there means that the reference is
 * good.  For that the memory of a struct file stays one (file.c), and outgrown arrays stay
 * until the table goes.
 */
#include <fs/fdtable.h>

#include "fs_internal.h"

#include <arch/cpu.h>
#include <fs/fdmap.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/assert.h>
#include <lib/bitmap.h>
#include <lib/refcount.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sync/lock_order.h>
#include <sync/spinlock.h>

#define INLINE_FDS 64

struct fd_slots {
	unsigned size;
	struct fd_slots *outgrown; /* the array before this one */
	struct file *_Atomic file[];
};
struct fdtable {
	struct refcount refs;
	SPINLOCK(fdtable) lock;
	struct fd_slots *_Atomic slots;
	uint64_t *cloexec GUARDED_BY(fdtable_role);
	struct fdmap map GUARDED_BY(fdtable_role);
	uint64_t used0, full0, cloexec0;			  /* what these point to first */
	uint64_t first[sizeof(struct fd_slots) / 8 + INLINE_FDS]; /* a struct fd_slots */
};
static struct fd_slots *first_slots(struct fdtable *t)
{
	return (struct fd_slots *)t->first;
}

struct fdtable *fdtable_create(void)
{
	struct fdtable *t = kzalloc(sizeof(*t));

	if (t) {
		refcount_init(&t->refs, 1);
		spin_init(&t->lock, RANK_FDTABLE, "fdtable");
		spin_assert_unshared(&t->lock);
		first_slots(t)->size = INLINE_FDS;
		atomic_init(&t->slots, first_slots(t));
		t->cloexec = &t->cloexec0;
		t->map = (struct fdmap){ &t->used0, &t->full0, INLINE_FDS, 0 };
	}
	return t;
}
void fdtable_get_ref(struct fdtable *t)
{
	refcount_get(&t->refs);
}
bool fdtable_shared(const struct fdtable *t)
{
	return refcount_read(&t->refs) > 1;
}

static struct file *_Atomic *slot_of(struct fdtable *t, unsigned fd)
{
	return &atomic_load_explicit(&t->slots, memory_order_relaxed)->file[fd];
}
/* The file in slot fd; the lock is held. */
static struct file *file_at(struct fdtable *t, unsigned fd) REQUIRES(fdtable_role)
{
	return fd < t->map.size ? atomic_load_explicit(slot_of(t, fd), memory_order_relaxed) : NULL;
}
static void put_at(struct fdtable *t, unsigned fd, struct file *f)
{
	atomic_store_explicit(slot_of(t, fd), f, memory_order_release);
}

struct fd_arrays {
	struct fd_slots *slots;
	uint64_t *used, *full, *cloexec;
};
static void arrays_free(struct fd_arrays *a)
{
	kfree(a->slots);
	kfree(a->used);
	kfree(a->full);
	kfree(a->cloexec);
}
static int arrays_alloc(unsigned size, struct fd_arrays *a)
{
	a->slots = kzalloc(sizeof(*a->slots) + size * sizeof(a->slots->file[0]));
	a->used = kcalloc(size / 64, 8);
	a->cloexec = kcalloc(size / 64, 8);
	a->full = kcalloc(fdmap_full_words(size), 8);
	if (a->slots && a->used && a->cloexec && a->full) {
		a->slots->size = size;
		return 0;
	}
	arrays_free(a);
	return -ENOMEM;
}

/* Room for descriptor fd.  The lock is dropped meanwhile. */
static int grow_unlocked(struct fdtable *t, unsigned fd)
{
	struct fd_arrays a, old = { NULL, NULL, NULL, NULL }; /* of the old ones its slots stay */
	unsigned size = INLINE_FDS, before;
	int err;

	while (size <= fd) {
		size *= 2;
	}
	err = arrays_alloc(size, &a);
	if (err) {
		return err;
	}
	spin_lock(&t->lock);
	before = t->map.size;
	if (before >= size) {
		spin_unlock(&t->lock);
		arrays_free(&a);
		return 0;
	}
	for (unsigned i = 0; i < before; i++) {
		atomic_init(&a.slots->file[i], file_at(t, i));
	}
	memcpy(a.used, t->map.used, before / 8);
	memcpy(a.cloexec, t->cloexec, before / 8);
	memcpy(a.full, t->map.full, fdmap_full_words(before) * 8);
	if (t->cloexec != &t->cloexec0) {
		old = (struct fd_arrays){ NULL, t->map.used, t->map.full, t->cloexec };
	}
	a.slots->outgrown = atomic_load_explicit(&t->slots, memory_order_relaxed);
	atomic_store_explicit(&t->slots, a.slots, memory_order_release);
	t->cloexec = a.cloexec;
	t->map.used = a.used;
	t->map.full = a.full;
	t->map.size = size;
	spin_unlock(&t->lock);
	arrays_free(&old);
	return 0;
}

int fdtable_copy(struct fdtable *from, struct fdtable **out)
{
	struct fdtable *t = fdtable_create();
	unsigned fd, last = 0;
	int err;

	if (!t) {
		return -ENOMEM;
	}
	for (;;) {
		spin_lock(&from->lock);
		for (fd = 0, last = 0; (fd = fdmap_next_used(&from->map, fd)) < from->map.size;) {
			last = fd++;
		}
		if (last < t->map.size) {
			break;
		}
		spin_unlock(&from->lock);
		err = grow_unlocked(t, last);
		if (err) {
			fdtable_put(t);
			return err;
		}
	}
	for (fd = 0; (fd = fdmap_next_used(&from->map, fd)) < from->map.size; fd++) {
		struct file *f = file_at(from, fd);

		if (!f) {
			continue; /* reserved by a thread that we don't copy */
		}
		file_get(f);
		put_at(t, fd, f);
		fdmap_set(&t->map, fd);
		if (bitmap_test(from->cloexec, fd)) {
			bitmap_set(t->cloexec, fd);
		}
	}
	spin_unlock(&from->lock);
	*out = t;
	return 0;
}

/* What close(2) does with a file once it is out of the table. */
static int close_file(struct file *f, struct fdtable *t)
{
	int err = 0;

	if (f->ops && f->ops->flush) {
		err = f->ops->flush(f);
	}
	if (!(atomic_load_explicit(&f->flags, memory_order_relaxed) & O_PATH)) {
		locks_release_posix(f, t);
	}
	file_put(f);
	return err;
}

void fdtable_put(struct fdtable *t)
{
	struct fd_slots *slots;
	unsigned fd;

	if (!t || !refcount_put(&t->refs)) {
		return;
	}
	spin_assert_unshared(&t->lock);
	for (fd = 0; (fd = fdmap_next_used(&t->map, fd)) < t->map.size; fd++) {
		struct file *f = file_at(t, fd);

		put_at(t, fd, NULL);
		if (f) {
			(void)close_file(f, t);
		}
	}
	slots = atomic_load(&t->slots);
	if (slots != first_slots(t)) {
		arrays_free(&(struct fd_arrays){ NULL, t->map.used, t->map.full, t->cloexec });
	}
	while (slots != first_slots(t)) {
		struct fd_slots *before = slots->outgrown;

		kfree(slots);
		slots = before;
	}
	kfree(t);
}

static struct fdtable *current_table(void)
{
	return thread_current()->files;
}

int fdtable_unshare_current(void)
{
	struct fdtable *t = current_table(), *n;
	int err;

	if (!fdtable_shared(t)) {
		return 0;
	}
	err = fdtable_copy(t, &n);
	if (!err) {
		fs_upcalls->set_files(n);
		fdtable_put(t);
	}
	return err;
}

/* Takes the file out of slot fd; NULL when the slot is free or only reserved. */
static struct file *take_locked(struct fdtable *t, unsigned fd) REQUIRES(fdtable_role)
{
	struct file *f;

	spin_assert_held(&t->lock);
	f = file_at(t, fd);
	if (!f) {
		return NULL;
	}
	put_at(t, fd, NULL);
	fdmap_clear(&t->map, fd);
	bitmap_clear(t->cloexec, fd);
	return f;
}

void fdtable_close_on_exec(struct fdtable *t)
{
	for (unsigned fd = 0;;) {
		struct file *f;

		spin_lock(&t->lock);
		fd = (unsigned)bitmap_find_set(t->cloexec, t->map.size, fd);
		f = take_locked(t, fd);
		if (fd >= t->map.size) {
			spin_unlock(&t->lock);
			return;
		}
		spin_unlock(&t->lock);
		if (f) {
			(void)close_file(f, t);
		}
		fd++;
	}
}

int fd_reserve(int min, bool cloexec)
{
	struct fdtable *t = current_table();
	uint64_t limit = fs_upcalls->rlimit(RLIMIT_NOFILE);
	unsigned fd;
	int err;

	if (limit > NR_OPEN_MAX) {
		limit = NR_OPEN_MAX;
	}
	for (;;) {
		spin_lock(&t->lock);
		fd = fdmap_find_free(&t->map, (unsigned)min);
		if (fd >= limit) {
			spin_unlock(&t->lock);
			return -EMFILE;
		}
		if (fd < t->map.size) {
			break;
		}
		spin_unlock(&t->lock);
		fd = MAX(fd, (unsigned)min);
		err = fd >= limit ? -EMFILE : grow_unlocked(t, fd);
		if (err) {
			return err;
		}
	}
	fdmap_set(&t->map, fd);
	if (cloexec) {
		bitmap_set(t->cloexec, fd);
	} else {
		bitmap_clear(t->cloexec, fd);
	}
	spin_unlock(&t->lock);
	return (int)fd;
}
void fd_install(int fd, struct file *f)
{
	struct fdtable *t = current_table();

	spin_lock(&t->lock);
	ASSERT(!file_at(t, (unsigned)fd));
	put_at(t, (unsigned)fd, f);
	spin_unlock(&t->lock);
}
void fd_unreserve(int fd)
{
	struct fdtable *t = current_table();

	spin_lock(&t->lock);
	ASSERT(!file_at(t, (unsigned)fd));
	fdmap_clear(&t->map, (unsigned)fd);
	bitmap_clear(t->cloexec, (size_t)fd);
	spin_unlock(&t->lock);
}
int fd_give_from(int min, struct file *f, bool cloexec)
{
	int fd = fd_reserve(min, cloexec);

	if (fd >= 0) {
		fd_install(fd, f);
	} else {
		file_put(f);
	}
	return fd;
}
int fd_give(struct file *f, bool cloexec)
{
	return fd_give_from(0, f, cloexec);
}

/* In slot fd of a table that others may change meanwhile; counted, or NULL. */
static struct file *get_shared(struct fdtable *t, unsigned fd)
{
	for (;;) {
		struct fd_slots *slots = atomic_load_explicit(&t->slots, memory_order_acquire);
		struct file *f;

		if (fd >= slots->size) {
			return NULL;
		}
		f = atomic_load_explicit(&slots->file[fd], memory_order_acquire);
		if (!f) {
			return NULL;
		}
		if (!file_try_get(f)) {
			cpu_pause(); /* being closed: the slot has changed or is about to */
			continue;
		}
		/* It may have been closed, and its memory used for another file, before the count
		 * was raised. */
		if (slots == atomic_load_explicit(&t->slots, memory_order_acquire) &&
		    f == atomic_load_explicit(&slots->file[fd], memory_order_acquire)) {
			return f;
		}
		file_put(f);
	}
}

int fdref_get_any(int fd, struct fdref *r)
{
	struct fdtable *t = current_table();
	struct fd_slots *slots;

	if (likely(!fdtable_shared(t))) {
		slots = atomic_load_explicit(&t->slots, memory_order_relaxed);
		if ((unsigned)fd >= slots->size) {
			return -EBADF;
		}
		r->file = atomic_load_explicit(&slots->file[fd], memory_order_relaxed);
		r->counted = false;
	} else {
		r->file = get_shared(t, (unsigned)fd);
		r->counted = true;
	}
	return r->file ? 0 : -EBADF;
}
int fdref_get(int fd, struct fdref *r)
{
	int err = fdref_get_any(fd, r);

	if (!err &&
	    unlikely(atomic_load_explicit(&r->file->flags, memory_order_relaxed) & O_PATH)) {
		fdref_put(r);
		err = -EBADF;
	}
	return err;
}
int fd_get_any(int fd, struct file **out)
{
	struct fdref r;
	int err = fdref_get_any(fd, &r);

	if (!err) {
		if (!r.counted) {
			file_get(r.file);
		}
		*out = r.file;
	}
	return err;
}
int fd_get(int fd, struct file **out)
{
	struct fdref r;
	int err = fdref_get(fd, &r);

	if (!err) {
		if (!r.counted) {
			file_get(r.file);
		}
		*out = r.file;
	}
	return err;
}

int fd_close(int fd)
{
	struct fdtable *t = current_table();
	struct file *f;

	spin_lock(&t->lock);
	f = take_locked(t, (unsigned)fd);
	spin_unlock(&t->lock);
	return f ? close_file(f, t) : -EBADF;
}

int fd_replace(int newfd, struct file *f, bool cloexec)
{
	struct fdtable *t = current_table();
	struct file *old;
	int err;

	if (newfd < 0 ||
	    (uint64_t)newfd >= MIN(fs_upcalls->rlimit(RLIMIT_NOFILE), (uint64_t)NR_OPEN_MAX)) {
		return -EBADF;
	}
	if ((unsigned)newfd >= atomic_load_explicit(&t->slots, memory_order_acquire)->size) {
		err = grow_unlocked(t, (unsigned)newfd);
		if (err) {
			return err;
		}
	}
	spin_lock(&t->lock);
	if (!file_at(t, (unsigned)newfd) && bitmap_test(t->map.used, (size_t)newfd)) {
		spin_unlock(&t->lock);
		return -EBUSY; /* another thread is about to install there */
	}
	old = take_locked(t, (unsigned)newfd);
	file_get(f);
	put_at(t, (unsigned)newfd, f);
	fdmap_set(&t->map, (unsigned)newfd);
	if (cloexec) {
		bitmap_set(t->cloexec, (size_t)newfd);
	}
	spin_unlock(&t->lock);
	if (old) {
		(void)close_file(old, t);
	}
	return newfd;
}

int fd_close_range(unsigned first, unsigned last, bool cloexec_only)
{
	struct fdtable *t = current_table();

	for (unsigned fd = first;;) {
		struct file *f = NULL;
		bool end;

		spin_lock(&t->lock);
		fd = fdmap_next_used(&t->map, fd);
		end = fd >= t->map.size || fd > last;
		if (!end && cloexec_only) {
			bitmap_set(t->cloexec, fd);
		} else if (!end) {
			f = take_locked(t, fd);
		}
		spin_unlock(&t->lock);
		if (end) {
			return 0;
		}
		if (f) {
			(void)close_file(f, t);
		}
		fd++;
	}
}

int fd_get_cloexec(int fd)
{
	struct fdtable *t = current_table();
	int on = -EBADF;

	spin_lock(&t->lock);
	if (file_at(t, (unsigned)fd)) {
		on = bitmap_test(t->cloexec, (size_t)fd);
	}
	spin_unlock(&t->lock);
	return on;
}
int fd_set_cloexec(int fd, bool on)
{
	struct fdtable *t = current_table();
	int err = -EBADF;

	spin_lock(&t->lock);
	if (file_at(t, (unsigned)fd)) {
		err = 0;
		if (on) {
			bitmap_set(t->cloexec, (size_t)fd);
		} else {
			bitmap_clear(t->cloexec, (size_t)fd);
		}
	}
	spin_unlock(&t->lock);
	return err;
}

int fdtable_get(struct fdtable *t, int fd, struct file **out, bool *cloexec)
{
	spin_lock(&t->lock);
	*out = file_at(t, (unsigned)fd);
	if (*out) {
		file_get(*out);
		*cloexec = bitmap_test(t->cloexec, (size_t)fd);
	}
	spin_unlock(&t->lock);
	return *out ? 0 : -EBADF;
}

int fdtable_next_access(struct fdtable *t, int from, struct fd_access *out)
{
	int found = -1;

	spin_lock(&t->lock);
	for (unsigned fd = (unsigned)from;
	     found < 0 && (fd = fdmap_next_used(&t->map, fd)) < t->map.size; fd++) {
		const struct file *f = file_at(t, fd);

		if (f) {
			*out = (struct fd_access){ .readable = f->readable,
						   .writable = f->writable };
			found = (int)fd;
		}
	}
	spin_unlock(&t->lock);
	return found;
}
