/* SPDX-License-Identifier: MIT */
/* Where walks start and end: the root, the working directory, a descriptor; vfs_lookup(). */
#include "fs_internal.h"

#include <lib/string.h>
#include <mm/slab.h>
#include <sched/thread.h>

static void context_path(struct walk *w, bool root, struct path *out, bool *held)
{
	struct fs_context *fs = thread_current()->fs;

	(void)w;
	if (!fs) {
		*out = (struct path){ root_mount, root_mount->sb->root };
		*held = false;
		return;
	}
	if (atomic_load_explicit(&fs->refs, memory_order_acquire) == 1) {
		*out = root ? fs->root : fs->cwd; /* only this thread can change it */
		*held = false;
		return;
	}
	spin_lock(&fs->lock);
	*out = root ? fs->root : fs->cwd;
	path_get(out);
	spin_unlock(&fs->lock);
	*held = true;
}

static int start_at_fd(struct walk *w, int dirfd)
{
	struct fdref r;
	int err = fdref_get_any(dirfd, &r);

	if (err) {
		return err;
	}
	if (!r.file->path.dentry || !S_ISDIR(r.file->inode->mode)) {
		fdref_put(&r);
		return -ENOTDIR;
	}
	w->cur = r.file->path;
	path_get(&w->cur);
	w->held = true;
	fdref_put(&r);
	return 0;
}

int walk_start(struct walk *w, int dirfd, const char *name, unsigned flags, bool revalidate)
{
	int err = 0;

	memset(w, 0, sizeof(*w));
	w->rest = name;
	w->flags = flags;
	w->revalidate = revalidate;
	if (!name[0]) {
		return -ENOENT;
	}
	if (name[0] == '/' && !(flags & LOOKUP_IN_ROOT)) {
		if (flags & LOOKUP_BENEATH) {
			return -EXDEV;
		}
		context_path(w, true, &w->root, &w->root_held);
		w->cur = w->root;
		return 0;
	}
	if (dirfd == AT_FDCWD) {
		context_path(w, false, &w->cur, &w->held);
	} else {
		err = start_at_fd(w, dirfd);
	}
	if (err) {
		return err;
	}
	if (flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
		w->root = w->cur;
		path_get(&w->root);
		w->root_held = true;
	} else {
		context_path(w, true, &w->root, &w->root_held);
	}
	return 0;
}
void walk_end(struct walk *w)
{
	if (w->held) {
		path_put(&w->cur);
	}
	if (w->root_held) {
		path_put(&w->root);
	}
	kfree(w->owned);
	w->owned = NULL;
	w->held = w->root_held = false;
}

static int lookup_empty(int dirfd, struct path *out)
{
	struct fdref r;
	int err;

	if (dirfd == AT_FDCWD) {
		struct walk w;
		bool held;

		context_path(&w, false, out, &held);
		if (!held) {
			path_get(out);
		}
		return 0;
	}
	err = fdref_get_any(dirfd, &r);
	if (err) {
		return err;
	}
	err = file_path(r.file, out);
	fdref_put(&r);
	return err;
}

int vfs_lookup(int dirfd, const char *name, unsigned flags, struct path *out)
{
	struct walk w;
	int err = -ESTALE;

	if (!name[0] && flags & LOOKUP_EMPTY) {
		return lookup_empty(dirfd, out);
	}
	for (int try = 0; try < 2 && err == -ESTALE; try++) {
		err = walk_start(&w, dirfd, name, flags, try > 0);
		if (!err) {
			err = walk_all(&w);
		}
		if (!err) {
			*out = w.cur;
			w.held = false;
		}
		walk_end(&w);
	}
	return err;
}
