/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Descriptor tables: of a process, counted, shared by CLONE_FILES.  Lookups take a reference to
 * the file; fdref_get() elides it while the table has one user.
 */
#include <fs/file.h>

struct fdtable;
struct fdtable *fdtable_create(void);				       /* refs 1; NULL no memory */
MUST_USE int fdtable_copy(struct fdtable *from, struct fdtable **out); /* fork */
void fdtable_get_ref(struct fdtable *t);
void fdtable_put(struct fdtable *t); /* last: closes all; may sleep */
bool fdtable_shared(const struct fdtable *t);
void fdtable_close_on_exec(struct fdtable *t);
/* On current's table.  Lowest free descriptor >= min; limit is RLIMIT_NOFILE: -EMFILE.
 * fd_install takes over the file reference. */
MUST_USE int fd_reserve(int min, bool cloexec);
void fd_install(int fd, struct file *f);
void fd_unreserve(int fd);
/* reserve + install; the reference is gone, on failure too.  The descriptor or -errno. */
MUST_USE int fd_give(struct file *f, bool cloexec);
MUST_USE int fd_give_from(int min, struct file *f, bool cloexec);
/* Counted; -EBADF.  fd_get refuses O_PATH files, fd_get_any does not. */
MUST_USE int fd_get(int fd, struct file **out);
MUST_USE int fd_get_any(int fd, struct file **out);
MUST_USE int fd_close(int fd);
/* dup2/dup3: atomically replaces newfd. */
MUST_USE int fd_replace(int newfd, struct file *f, bool cloexec);
/* The same in any table, O_PATH too, and whether exec closes it. */
MUST_USE int fdtable_get(struct fdtable *t, int fd, struct file **out, bool *cloexec);
/* Iterates (proc): the next used descriptor >= from and how it was opened; -1 = none.  No
 * reference is taken, whose end might close the file here. */
struct fd_access {
	bool readable, writable;
};
MUST_USE int fdtable_next_access(struct fdtable *t, int from, struct fd_access *out);
/* A borrowed or counted file: no atomic when the table has one user. */
struct fdref {
	struct file *file;
	bool counted;
};
MUST_USE int fdref_get(int fd, struct fdref *r); /* refuses O_PATH */
MUST_USE int fdref_get_any(int fd, struct fdref *r);
static inline void fdref_put(struct fdref *r)
{
	if (r->counted) {
		file_put(r->file);
	}
}
MUST_USE int fd_close_range(unsigned first, unsigned last, bool cloexec_only);
MUST_USE int fd_get_cloexec(int fd); /* 0, 1 or -EBADF */
MUST_USE int fd_set_cloexec(int fd, bool on);
/* A private copy replaces current's shared table (unshare, exec). */
MUST_USE int fdtable_unshare_current(void);
