/* SPDX-License-Identifier: MIT */
/*
 * Listings: the file system's entries, then the names of mount points that it does not have.
 *
 * file->pos_lock is held over a listing, which belongs to a position; the second part is told from
 * the first by the position, and finds its place by the last mount's id.
 */

#include <fs/readdir.h>

#include "fs_internal.h"

#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/mount.h>
#include <lib/list.h>
#include <lib/string.h>
#include <linux/dirent.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <sync/mutex.h>
#include <sync/spinlock.h>

/* Cookies of mount points: above whatever a file system uses, below INT64_MAX. */
#define MOUNT_COOKIE 0x7ffffffff0000000ull
/* More names than this do not lie under mount points: the listing repeats itself, and would for ever. */
#define SHADOWED_MAX 512

/* Lets entries through that no absent mount point shadows. */
struct filter {
	struct dir_context ctx;
	struct dir_context *to;
	struct dentry *dir;
	bool stopped;
	unsigned shadowed;
};
static bool absent_mount(const struct mount *m, const struct dentry *dir)
{
	return m->point && m->point->parent == dir && !m->point->inode;
}
static bool filter_emit(struct dir_context *ctx, const char *name, size_t len, uint64_t ino,
			unsigned type, uint64_t next_pos)
{
	struct filter *f = container_of(ctx, struct filter, ctx);
	struct mount *m;
	bool shadowed = false;

	spin_lock(&dcache_lock);
	list_for_each_entry(m, &mount_list, link) {
		if (absent_mount(m, f->dir) && m->point->name_len == len &&
		    !memcmp(m->point->name, name, len)) {
			shadowed = true;
			break;
		}
	}
	spin_unlock(&dcache_lock);
	if (shadowed) {
		return ++f->shadowed < SHADOWED_MAX;
	}
	if (!f->to->emit(f->to, name, len, ino, type, next_pos)) {
		f->stopped = true;
		return false;
	}
	return true;
}

/* The mount with the smallest id > after that is absent in dir: its name. */
static int next_absent(struct dentry *dir, int after, char *name, uint64_t *ino)
{
	struct mount *m, *best = NULL;

	spin_lock(&dcache_lock);
	list_for_each_entry(m, &mount_list, link) {
		if (absent_mount(m, dir) && m->id > after && (!best || m->id < best->id)) {
			best = m;
		}
	}
	if (best) {
		memcpy(name, best->point->name, (size_t)best->point->name_len + 1);
		*ino = best->sb->root->inode->ino;
	}
	spin_unlock(&dcache_lock);
	return best ? best->id : 0;
}

static int read_with_mounts(struct file *f, struct dir_context *ctx)
{
	struct filter filter = { .ctx = { .emit = filter_emit, .pos = ctx->pos },
				 .to = ctx,
				 .dir = f->path.dentry };
	char name[NAME_MAX + 1];
	uint64_t ino;
	int id = 0, err;

	if (ctx->pos < MOUNT_COOKIE) {
		err = f->ops->readdir(f, &filter.ctx);
		ctx->pos = filter.ctx.pos;
		if (filter.shadowed == SHADOWED_MAX) {
			err = -EIO;
		}
		if (err || filter.stopped) {
			return err;
		}
	} else {
		id = (int)(ctx->pos - MOUNT_COOKIE);
	}
	while ((id = next_absent(f->path.dentry, id, name, &ino))) {
		if (!ctx->emit(ctx, name, strlen(name), ino, DT_DIR, MOUNT_COOKIE + (uint64_t)id)) {
			break;
		}
		ctx->pos = MOUNT_COOKIE + (uint64_t)id;
	}
	return 0;
}

int file_readdir(struct file *f, struct dir_context *ctx)
{
	int err;

	if (!S_ISDIR(f->inode->mode) || !f->ops || !f->ops->readdir) {
		return -ENOTDIR;
	}
	if (f->path.dentry->inode->nlink == 0) {
		return -ENOENT;
	}
	mutex_lock(&f->pos_lock);
	ctx->pos = f->pos;
	err = f->path.dentry->absent_mounts ? read_with_mounts(f, ctx) : f->ops->readdir(f, ctx);
	f->pos = ctx->pos;
	mutex_unlock(&f->pos_lock);
	return err;
}
