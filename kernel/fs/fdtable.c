/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables.
 *
 * A slot is reserved (used bit set, file NULL), installed, or free.  The lock protects all of
 * it; a table with one user is also read without the lock by that user, who is the only one
 * to change it: others (proc) take a file with its own reference under the lock.
 */
#include <fs/fdmap.h>

#include "fs_internal.h"

#include <lib/assert.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/thread.h>

#define INLINE_FDS 64
#define NR_OPEN_MAX 1048576
#define RLIMIT_NOFILE 7

struct fdtable {
	_Atomic int32_t refs;
	struct spinlock lock;
	struct file **files;
	uint64_t *cloexec;
	struct fdmap map;
	struct file *files0[INLINE_FDS];
	uint64_t used0, full0, cloexec0;
};

static uint64_t default_rlimit(int resource)
{
	return resource == RLIMIT_NOFILE ? 1024 : UINT64_MAX;
}
static void ignore(void)
{
}
static void ignore_sigio(struct file *f, int band)
{
	(void)f;
	(void)band;
}
static int no_pid(void)
{
	return 0;
}
uint64_t (*fs_rlimit)(int resource) = default_rlimit;
void (*fs_send_sigxfsz)(void) = ignore;
void (*fs_send_sigpipe)(void) = ignore;
void (*fs_send_sigio)(struct file *f, int band) = ignore_sigio;
int (*fs_current_pid)(void) = no_pid;

struct fdtable *fdtable_create(void)
{
	struct fdtable *t = kzalloc(sizeof(*t));

	if (t) {
		atomic_init(&t->refs, 1);
		spin_init(&t->lock, RANK_FDTABLE, "fdtable");
		t->files = t->files0;
		t->cloexec = &t->cloexec0;
		t->map = (struct fdmap){&t->used0, &t->full0, INLINE_FDS, 0};
	}
	return t;
}
void fdtable_get_ref(struct fdtable *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
}
bool fdtable_shared(const struct fdtable *t)
{
	return atomic_load_explicit(&t->refs, memory_order_acquire) > 1;
}

struct fd_arrays {
	struct file **files;
	uint64_t *used, *full, *cloexec;
};
static void arrays_free(struct fd_arrays *a)
{
	kfree(a->files);
	kfree(a->used);
	kfree(a->full);
	kfree(a->cloexec);
}
static int arrays_alloc(unsigned size, struct fd_arrays *a)
{
	a->files = kcalloc(size, sizeof(*a->files));
	a->used = kcalloc(size / 64, 8);
	a->cloexec = kcalloc(size / 64, 8);
	a->full = kcalloc(fdmap_full_words(size), 8);
	if (a->files && a->used && a->cloexec && a->full) {
		return 0;
	}
	arrays_free(a);
	return -ENOMEM;
}

/* Room for descriptor fd.  The lock is dropped meanwhile. */
static int grow_unlocked(struct fdtable *t, unsigned fd)
{
	struct fd_arrays a, old = {NULL, NULL, NULL, NULL};
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
	memcpy(a.files, t->files, before * sizeof(*a.files));
	memcpy(a.used, t->map.used, before / 8);
	memcpy(a.cloexec, t->cloexec, before / 8);
	memcpy(a.full, t->map.full, fdmap_full_words(before) * 8);
	if (t->files != t->files0) {
		old = (struct fd_arrays){t->files, t->map.used, t->map.full, t->cloexec};
	}
	t->files = a.files;
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
		if (!from->files[fd]) {
			continue; /* reserved by a thread that we don't copy */
		}
		file_get(from->files[fd]);
		t->files[fd] = from->files[fd];
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
	unsigned fd;

	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (fd = 0; (fd = fdmap_next_used(&t->map, fd)) < t->map.size; fd++) {
		struct file *f = t->files[fd];

		t->files[fd] = NULL;
		if (f) {
			(void)close_file(f, t);
		}
	}
	if (t->files != t->files0) {
		arrays_free(&(struct fd_arrays){t->files, t->map.used, t->map.full, t->cloexec});
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
		thread_current()->files = n;
		fdtable_put(t);
	}
	return err;
}

/* Takes the file out of slot fd; NULL when the slot is free or only reserved. */
static struct file *take_locked(struct fdtable *t, unsigned fd)
{
	struct file *f;

	if (fd >= t->map.size || !t->files[fd]) {
		return NULL;
	}
	f = t->files[fd];
	t->files[fd] = NULL;
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
	uint64_t limit = fs_rlimit(RLIMIT_NOFILE);
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
	ASSERT(!t->files[fd]);
	t->files[fd] = f;
	spin_unlock(&t->lock);
}
void fd_unreserve(int fd)
{
	struct fdtable *t = current_table();

	spin_lock(&t->lock);
	ASSERT(!t->files[fd]);
	fdmap_clear(&t->map, (unsigned)fd);
	bitmap_clear(t->cloexec, (size_t)fd);
	spin_unlock(&t->lock);
}
int fd_add(struct file *f, bool cloexec)
{
	int fd = fd_reserve(0, cloexec);

	if (fd >= 0) {
		fd_install(fd, f);
	}
	return fd;
}

int fdref_get_any(int fd, struct fdref *r)
{
	struct fdtable *t = current_table();
	struct file *f;

	if (likely(!fdtable_shared(t))) {
		if ((unsigned)fd >= t->map.size || !t->files[fd]) {
			return -EBADF;
		}
		r->file = t->files[fd];
		r->counted = false;
		return 0;
	}
	spin_lock(&t->lock);
	f = (unsigned)fd < t->map.size ? t->files[fd] : NULL;
	if (f) {
		file_get(f);
	}
	spin_unlock(&t->lock);
	r->file = f;
	r->counted = true;
	return f ? 0 : -EBADF;
}
int fdref_get(int fd, struct fdref *r)
{
	int err = fdref_get_any(fd, r);

	if (!err && unlikely(atomic_load_explicit(&r->file->flags, memory_order_relaxed) & O_PATH)) {
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

	if (newfd < 0 || (uint64_t)newfd >= MIN(fs_rlimit(RLIMIT_NOFILE), (uint64_t)NR_OPEN_MAX)) {
		return -EBADF;
	}
	if ((unsigned)newfd >= t->map.size) {
		err = grow_unlocked(t, (unsigned)newfd);
		if (err) {
			return err;
		}
	}
	spin_lock(&t->lock);
	if (!t->files[newfd] && bitmap_test(t->map.used, (size_t)newfd)) {
		spin_unlock(&t->lock);
		return -EBUSY; /* another thread is about to install there */
	}
	old = take_locked(t, (unsigned)newfd);
	file_get(f);
	t->files[newfd] = f;
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
	if ((unsigned)fd < t->map.size && t->files[fd]) {
		on = bitmap_test(t->cloexec, (size_t)fd);
	}
	spin_unlock(&t->lock);
	return on;
}
bool fdtable_cloexec(struct fdtable *t, int fd)
{
	bool on;

	spin_lock(&t->lock);
	on = (unsigned)fd < t->map.size && bitmap_test(t->cloexec, (size_t)fd);
	spin_unlock(&t->lock);
	return on;
}
int fd_set_cloexec(int fd, bool on)
{
	struct fdtable *t = current_table();
	int err = -EBADF;

	spin_lock(&t->lock);
	if ((unsigned)fd < t->map.size && t->files[fd]) {
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

int fdtable_next(struct fdtable *t, int from, struct file **out)
{
	unsigned fd = (unsigned)from;
	int found = -1;

	spin_lock(&t->lock);
	for (; (fd = fdmap_next_used(&t->map, fd)) < t->map.size; fd++) {
		if (t->files[fd]) {
			file_get(t->files[fd]);
			*out = t->files[fd];
			found = (int)fd;
			break;
		}
	}
	spin_unlock(&t->lock);
	return found;
}
