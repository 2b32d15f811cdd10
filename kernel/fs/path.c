/* SPDX-License-Identifier: MIT */
/*
 * Paths: their references, where walks start and end (the root, the working directory, a
 * descriptor), and paths as strings.
 */
#include <fs/path.h>

#include "fs_internal.h"

#include <fs/context.h>
#include <fs/dentry.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/stat.h>
#include <mm/slab.h>
#include <sched/thread.h>
#include <sync/spinlock.h>

void path_get(const struct path *p)
{
	mount_get(p->mount);
	if (p->dentry) {
		dentry_get(p->dentry);
	}
}
void path_put(struct path *p)
{
	struct path old = *p;

	p->mount = NULL;
	p->dentry = NULL;
	dentry_put(old.dentry);
	mount_put(old.mount);
}

static void context_path(bool root, struct path *out, bool *held)
	LOCK_UNCHECKED("a context of one reference is changed by this thread only")
{
	struct fs_context *fs = thread_current()->fs;

	if (!fs) {
		*out = (struct path){ root_mount, root_mount->sb->root };
		*held = false;
		return;
	}
	if (refcount_read(&fs->refs) == 1) {
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
		context_path(true, &w->root, &w->root_held);
		w->cur = w->root;
		return 0;
	}
	if (dirfd == AT_FDCWD) {
		context_path(false, &w->cur, &w->held);
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
		context_path(true, &w->root, &w->root_held);
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
		bool held;

		context_path(false, out, &held);
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

/* --- paths as strings --- */
struct builder {
	char *buf;
	size_t at; /* the string starts here, grows to the front */
	bool overflow;
};
static void put_front(struct builder *b, const char *s, size_t n)
{
	if (b->at < n) {
		b->overflow = true;
		return;
	}
	b->at -= n;
	memcpy(b->buf + b->at, s, n);
}

static bool at_root(const struct path *p, const struct path *root)
{
	return p->dentry == root->dentry && p->mount == root->mount;
}

/* Returns false when p can't be reached from root. */
static bool build_locked(struct builder *b, struct path p, const struct path *root)
{
	size_t start = b->at;

	while (!at_root(&p, root)) {
		if (p.dentry == p.mount->sb->root) {
			if (!p.mount->parent) {
				break;
			}
			p.dentry = p.mount->point;
			p.mount = p.mount->parent;
			continue;
		}
		if (p.dentry->parent == p.dentry) { /* memfd: a name in no directory */
			put_front(b, p.dentry->name, p.dentry->name_len);
			put_front(b, "/", 1);
			break;
		}
		put_front(b, p.dentry->name, p.dentry->name_len);
		put_front(b, "/", 1);
		p.dentry = p.dentry->parent;
	}
	if (b->at == start) {
		put_front(b, "/", 1);
	}
	return at_root(&p, root);
}

char *vfs_path_string_root(const struct path *p, char *buf, size_t size, bool *reachable)
{
	static const char deleted[] = " (deleted)";
	struct fs_context *fs = thread_current()->fs;
	struct builder b = { buf, size, false };
	struct path root = { root_mount, root_mount->sb->root };

	*reachable = true;
	put_front(&b, "", 1);
	if (p->mount == &anon_mount) {
		put_front(&b, p->dentry->name, p->dentry->name_len);
		return b.overflow ? NULL : buf + b.at;
	}
	if (fs) {
		spin_lock(&fs->lock);
		root = fs->root;
		path_get(&root);
		spin_unlock(&fs->lock);
	} else {
		path_get(&root);
	}
	spin_lock(&dcache_lock);
	if (p->dentry->unhashed) {
		put_front(&b, deleted, sizeof(deleted) - 1);
	}
	*reachable = build_locked(&b, *p, &root);
	spin_unlock(&dcache_lock);
	path_put(&root);
	return b.overflow ? NULL : buf + b.at;
}
char *vfs_path_string(const struct path *p, char *buf, size_t size)
{
	bool reachable;

	return vfs_path_string_root(p, buf, size, &reachable);
}
