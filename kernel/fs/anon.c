/* SPDX-License-Identifier: MIT */
/*
 * Files without a name: pipes, sockets, eventfds ...  They live on one superblock.  Pipes and
 * sockets have an inode each (fstat tells them apart); the rest share one.
 */
#include <fs/file.h>

#include "fs_internal.h"

#include <fs/attr.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <mm/pagecache.h>
#include <mm/slab.h>
#include <sched/thread.h>

static struct superblock *anon_sb;
static struct inode *shared_inode;
static _Atomic uint64_t next_ino = 2;
struct mount anon_mount = { .pinned = true };

static void anon_evict(struct inode *inode)
{
	pagecache_destroy(&inode->pages);
	inode_destroy(inode);
	kfree(inode);
}
static const struct superblock_ops anon_sb_ops = { .evict = anon_evict };

static int anon_setattr(struct inode *inode, const struct iattr *a)
{
	inode_setattr_generic(inode, a);
	return 0;
}
static const struct inode_ops anon_inode_ops = { .setattr = anon_setattr };

struct inode *anon_inode_new(const struct inode_ops *ops, uint32_t mode)
{
	struct inode *inode = kzalloc(sizeof(*inode));

	if (inode) {
		inode_init(inode, anon_sb, ops ? ops : &anon_inode_ops, mode,
			   atomic_fetch_add(&next_ino, 1));
		inode_init_owner(inode, NULL);
		inode->atime = inode->mtime = inode->ctime = timespec_now();
	}
	return inode;
}

void anon_init(void)
{
	anon_sb = superblock_alloc(&anon_sb_ops, "anon_inodefs", ANON_MAGIC);
	ASSERT(anon_sb);
	anon_sb->noexec = true;
	anon_mount.sb = anon_sb;
	shared_inode = anon_inode_new(NULL, 0600);
	ASSERT(shared_inode);
	anon_sb->root = dentry_alloc_anon(anon_sb, shared_inode, "anon_inode:");
	ASSERT(anon_sb->root);
}

int file_alloc_inode(const struct file_ops *ops, void *priv, int flags, struct inode *inode,
		     const char *anon_name, struct file **out)
{
	int err = file_alloc(flags & ~O_CLOEXEC, out);

	if (err) {
		return err;
	}
	(*out)->ops = ops;
	(*out)->private_data = priv;
	(*out)->inode = inode;
	(*out)->anon_name = anon_name;
	(*out)->no_seek = true;
	return 0;
}

int file_alloc_anon(const struct file_ops *ops, void *priv, int flags, uint32_t mode,
		    const char *anon_name, struct file **out)
{
	struct inode *inode = shared_inode;
	int err;

	if (mode & S_IFMT) {
		inode = anon_inode_new(NULL, mode);
		if (!inode) {
			return -ENOMEM;
		}
	} else {
		inode_get(inode);
	}
	err = file_alloc_inode(ops, priv, flags, inode, anon_name, out);
	if (err) {
		inode_put(inode);
	}
	return err;
}

/* "pipe:[17]", "anon_inode:[eventfd]", "/memfd:x (deleted)" */
static void anon_file_name(const struct file *f, char *buf, size_t size)
{
	const char *name = f->anon_name ? f->anon_name : "anon_inode:";

	if (S_ISFIFO(f->inode->mode) || S_ISSOCK(f->inode->mode)) {
		fmt_snprintf(buf, size, "%s:[%llu]", S_ISFIFO(f->inode->mode) ? "pipe" : "socket",
			     (unsigned long long)f->inode->ino);
	} else {
		fmt_snprintf(buf, size, "%s", name);
	}
}

int file_path(struct file *f, struct path *out)
{
	char name[64];

	if (f->path.dentry) {
		*out = f->path;
		path_get(out);
		return 0;
	}
	anon_file_name(f, name, sizeof(name));
	out->mount = &anon_mount;
	out->dentry = dentry_alloc_anon(anon_sb, f->inode, name);
	return out->dentry ? 0 : -ENOMEM;
}
