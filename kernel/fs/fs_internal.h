/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Between the files of kernel/fs.  The dcache lock (one spinlock, RANK_DCACHE) protects the
 * dentry tree, the hash, the LRU, mount points and the mount list.
 */
#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <fs/pseudo/procfs.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>

/* --- dentry.c --- */
extern SPINLOCK(dcache) dcache_lock;
void dcache_init(void);
struct dentry *dentry_find_locked(struct dentry *parent, const char *name, size_t len);
/* A dentry that no lookup finds yet; the caller hashes it when its state is known. */
struct dentry *dentry_new(struct dentry *parent, const char *name, size_t len);
/* Ends a lookup that filled d, under the directory's lock; consumes d.  *out is what the name
 * stands for (counted): d, one that was faster, or the dentry of the directory that d names, which
 * moves here.  -ESTALE: it can't move now; -ELOOP: it is above d. */
MUST_USE int dentry_publish(struct dentry *d, struct dentry **out);
void dentry_instantiate_pinned(struct dentry *d, struct inode *inode);
void dentry_ref_locked(struct dentry *d); /* dcache lock held: also from 0 */
/* d takes name and place of target. */
void dentry_move(struct dentry *d, struct dentry *target);
void dentry_exchange(struct dentry *a, struct dentry *b);
struct dentry *dentry_alloc_anon(struct superblock *sb, struct inode *inode, const char *name);

/* --- mount.c --- */
extern struct mount *root_mount;
extern struct list mount_list; /* dcache lock */
static inline void mount_get(struct mount *m)
{
	if (m && !m->pinned) {
		atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	}
}
static inline void mount_put(struct mount *m)
{
	if (m && !m->pinned) {
		atomic_fetch_sub_explicit(&m->refs, 1, memory_order_release);
	}
}
extern struct mount anon_mount; /* files without a name (anon.c) */
void anon_init(void);
void memfd_init(void);
void mounts_show(struct text_buf *t, bool info); /* /proc/mounts, mountinfo */

/* --- path.c, path_walk.c --- */
enum last_type { LAST_NORM, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
struct walk {
	struct path cur;  /* where we are */
	bool held;	  /* cur is counted */
	struct path root; /* what ".." does not leave */
	bool root_held;
	const char *rest; /* what is left of the name */
	char *owned;	  /* rest points into this allocation, or NULL */
	unsigned flags;	  /* enum lookup_flags */
	unsigned links;	  /* symlinks followed */
	uint64_t now;	  /* 0 = not asked yet */
	bool revalidate;  /* second try after ESTALE: trust nothing */
	enum last_type last_type;
	const char *last; /* parent walks: the last component */
	size_t last_len;
	bool last_slash; /* "name/" */
};
MUST_USE int walk_start(struct walk *w, int dirfd, const char *name, unsigned flags,
			bool revalidate);
void walk_end(struct walk *w);
/* Walks up to, and not into, the last component. cur = its directory (counted). */
MUST_USE int walk_to_parent(struct walk *w);
/* Walks all of it; cur = the result (counted). */
MUST_USE int walk_all(struct walk *w);
/* The last component's dentry (counted) in cur, maybe negative; dir lock not held. */
MUST_USE int walk_last(struct walk *w, struct dentry **out);
/* The same as far as it is known already, and still true: else *out is NULL.  For those who will look
 * it up under the directory's lock, so that the daemon is asked once. */
MUST_USE int walk_last_known(struct walk *w, struct dentry **out);
/* Same with the directory's lock held by the caller. */
MUST_USE int lookup_locked(struct dentry *dir, const char *name, size_t len, struct walk *w,
			   struct dentry **out);
/* Same for who makes the name and fails if it exists: what is not known is not asked for where the
 * file system's answer to the making tells (creates_exclusively), and taken for absent. */
MUST_USE int lookup_new_locked(struct dentry *dir, const char *name, size_t len, struct walk *w,
			       struct dentry **out);
/* Continues through the symlink d in cur (consumes d); `rest` becomes its target. */
MUST_USE int walk_follow_link(struct walk *w, struct dentry *d);
/* Steps into d (consumes it), through what is mounted there. */
void walk_step(struct walk *w, struct dentry *d);
void walk_cross_mounts(struct path *p); /* counted path */

/* --- namespace.c, for rename.c --- */
/* once(arg, false), and after -ESTALE once(arg, true), which is to trust no cached name. */
MUST_USE int walk_retry(int (*once)(void *arg, bool again), void *arg);
/* Mode of a new file in dir, after umask. */
uint32_t creation_mode(const struct inode *dir, uint32_t mode);
bool entry_exists(const struct dentry *d); /* a file, or something mounted */
/* The directory no longer pins d (tmpfs and the like): its name is gone. */
void entry_unpin(struct dentry *d);
/* May the caller take the entry d away from dir? */
MUST_USE int entry_may_delete(struct inode *dir, const struct dentry *d, bool is_dir);
void entry_notify_gone(struct inode *inode, bool last_name);

/* --- file.c --- */
MUST_USE int file_alloc(int flags, struct file **out);
void files_init(void);
MUST_USE int file_open_inode(struct file *f, const struct path *p, int flags);

/* --- lseek.c --- */
long generic_lseek(struct file *f, int64_t off, int whence);

/* --- locks.c --- */
void locks_release_posix(struct file *f, const void *owner); /* every close */
void locks_release_file(struct file *f);		     /* last reference */
void locks_free_state(struct inode *inode);
/* --- epoll.c --- */
void epoll_file_release(struct file *f);
void epoll_init(void);
void async_init(void);
/* --- pipe.c --- */
MUST_USE int fifo_open(struct inode *inode, struct file *f);
