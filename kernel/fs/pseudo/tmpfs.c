/* SPDX-License-Identifier: MIT */
/*
 * tmpfs: files in the page cache, directories in the dentry cache; also memfd's files.  The VFS
 * holds the inode's lock around whatever changes names or sizes.
 */
#include "../fs_internal.h"

#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/pseudo/pseudo.h>
#include <lib/string.h>
#include <linux/dirent.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <sched/thread.h>

#define TMPFS_MAGIC 0x01021994
#define ENTRY_SIZE 20 /* what Linux adds to a directory's size per entry */

/* --- files --- */
static long mem_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	long n = pagecache_read(&f->inode->pages, u, *pos);

	(void)flags;
	if (n > 0) {
		*pos += (uint64_t)n;
	}
	return n;
}

static long mem_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct mem_inode *m = mem_inode_of(f->inode);
	uint64_t size = atomic_load(&f->inode->pages.size);
	long n;

	(void)flags;
	if (m->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		return -EPERM;
	}
	if (m->seals & F_SEAL_GROW && *pos + u->left > size) {
		if (*pos >= size) {
			return -EPERM;
		}
		u->left = size - *pos;
	}
	n = pagecache_write(&f->inode->pages, u, *pos);
	if (n > 0) {
		*pos += (uint64_t)n;
		f->inode->mtime = f->inode->ctime = timespec_now();
	}
	return n;
}

static int mem_mmap(struct file *f, int prot, int flags, struct page_cache **object)
{
	(void)prot;
	(void)flags;
	*object = &f->inode->pages;
	return 0;
}

/* The pages of [off, off + len), so that nothing fails there later. */
static int preallocate(struct inode *inode, uint64_t off, uint64_t len)
{
	const struct page_account *limit = &mem_sb_of(inode->sb)->pages;
	uint64_t first = off / PAGE_SIZE, end = DIV_ROUND_UP(off + len, PAGE_SIZE);
	uint64_t had = DIV_ROUND_UP(atomic_load(&inode->pages.size), PAGE_SIZE);
	struct page *p;
	int err = limit->max && end - first > limit->max ? -ENOSPC : 0;

	for (uint64_t i = first; !err && i < end; i++) {
		err = thread_current()->killed ? -EINTR : pagecache_get_page(&inode->pages, i, &p);
		if (err) {
			/* What lies behind the file's end was not there before. */
			first = MAX(first, had);
			if (i > first) {
				pagecache_zero_range(&inode->pages, first * PAGE_SIZE,
						     (i - first) * PAGE_SIZE);
			}
			break;
		}
		page_put(p);
		if (i % 256 == 0) {
			sched_yield_point();
		}
	}
	return err;
}

static int mem_fallocate(struct file *f, int mode, uint64_t off, uint64_t len)
{
	struct mem_inode *m = mem_inode_of(f->inode);
	uint64_t size = atomic_load(&f->inode->pages.size);
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) {
		return -EOPNOTSUPP;
	}
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		if (m->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
			return -EPERM;
		}
		pagecache_zero_range(&f->inode->pages, off, len);
		return 0;
	}
	if (off + len > size && m->seals & F_SEAL_GROW) {
		return -EPERM;
	}
	err = preallocate(f->inode, off, len);
	if (err) {
		return err;
	}
	if (off + len > size && !(mode & FALLOC_FL_KEEP_SIZE)) {
		pagecache_truncate(&f->inode->pages, off + len);
	}
	return 0;
}
static int mem_fsync(struct file *f, bool data_only)
{
	(void)f;
	(void)data_only;
	return 0;
}
const struct file_ops mem_file_ops = {
	.read = mem_read,
	.write = mem_write,
	.mmap = mem_mmap,
	.fallocate = mem_fallocate,
	.fsync = mem_fsync,
};
static int mem_open(struct inode *inode, struct file *f)
{
	(void)inode;
	f->ops = &mem_file_ops;
	return 0;
}

static int tmpfs_setattr(struct inode *inode, const struct iattr *a)
{
	struct mem_inode *m = mem_inode_of(inode);
	uint64_t size = atomic_load(&inode->pages.size);

	if (a->valid & ATTR_MODE && m->seals & F_SEAL_EXEC && (a->mode ^ inode->mode) & 0111) {
		return -EPERM;
	}
	if (a->valid & ATTR_SIZE) {
		if ((m->seals & F_SEAL_SHRINK && a->size < size) ||
		    (m->seals & F_SEAL_GROW && a->size > size)) {
			return -EPERM;
		}
		pagecache_truncate(&inode->pages, a->size);
	}
	inode_setattr_generic(inode, a);
	return 0;
}
static int tmpfs_getattr(struct inode *inode, struct kstat *st, bool force)
{
	(void)force;
	inode_stat_generic(inode, st);
	if (S_ISREG(inode->mode)) {
		st->blocks = READ_ONCE(inode->pages.npages) * (PAGE_SIZE / 512);
	}
	return 0;
}
const struct inode_ops tmpfs_file_inode_ops = {
	.open = mem_open,
	.setattr = tmpfs_setattr,
	.getattr = tmpfs_getattr,
};

static long tmpfs_readlink(struct inode *inode, char *buf, size_t size)
{
	size_t n = strlen(mem_inode_of(inode)->target);

	if (n >= size) {
		return -ENAMETOOLONG;
	}
	memcpy(buf, mem_inode_of(inode)->target, n + 1);
	return (long)n;
}
const struct inode_ops tmpfs_link_ops = {
	.readlink = tmpfs_readlink,
	.setattr = tmpfs_setattr,
};

/* --- directories --- */
static const struct inode_ops *ops_for(uint32_t mode)
{
	return S_ISDIR(mode)   ? &tmpfs_dir_ops
	       : S_ISLNK(mode) ? &tmpfs_link_ops
			       : &tmpfs_file_inode_ops;
}
static void touch_dir(struct inode *dir, int entries)
{
	dir->mtime = dir->ctime = timespec_now();
	atomic_store(&dir->pages.size,
		     atomic_load(&dir->pages.size) + (uint64_t)(int64_t)(entries * ENTRY_SIZE));
}

static int add(struct inode *dir, struct dentry *d, uint32_t mode, struct inode **out)
{
	struct mem_sb *ms = mem_sb_of(dir->sb);
	struct inode *inode;

	if (ms->pages.max && atomic_load(&ms->inodes) >= ms->pages.max) {
		return -ENOSPC;
	}
	inode = mem_inode_new(dir->sb, ops_for(mode), mode);
	if (!inode) {
		return -ENOSPC;
	}
	inode_init_owner(inode, dir);
	*out = inode;
	if (d) {
		if (S_ISDIR(mode)) {
			dir->nlink++;
		}
		touch_dir(dir, 1);
		pseudo_instantiate(d, inode);
	}
	return 0;
}
static int tmpfs_create_op(struct inode *dir, struct dentry *d, uint32_t mode)
{
	struct inode *inode;

	return add(dir, d, mode, &inode);
}
static int tmpfs_mkdir(struct inode *dir, struct dentry *d, uint32_t mode)
{
	struct inode *inode;

	return add(dir, d, S_IFDIR | mode, &inode);
}
static int tmpfs_mknod(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev)
{
	struct inode *inode;
	int err = add(dir, NULL, mode, &inode);

	if (!err) {
		inode->rdev = rdev;
		touch_dir(dir, 1);
		pseudo_instantiate(d, inode);
	}
	return err;
}
static int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target)
{
	struct mem_sb *ms = mem_sb_of(dir->sb);
	bool is_long = strlen(target) >= MEM_LONG_TARGET;
	struct inode *inode;
	char *copy;
	int err;

	if (is_long && !page_account_take(&ms->pages)) {
		return -ENOSPC;
	}
	copy = kstrdup(target);
	err = copy ? add(dir, NULL, S_IFLNK | 0777, &inode) : -ENOMEM;
	if (err) {
		if (is_long) {
			page_account_give(&ms->pages);
		}
		kfree(copy);
		return err;
	}
	mem_inode_of(inode)->target = copy;
	inode->blocks = is_long ? PAGE_SIZE / 512 : 0;
	atomic_store(&inode->pages.size, strlen(copy));
	touch_dir(dir, 1);
	pseudo_instantiate(d, inode);
	return 0;
}
static int tmpfs_tmpfile(struct inode *dir, struct dentry *d, uint32_t mode)
{
	struct inode *inode;
	int err = add(dir, NULL, mode, &inode);

	if (!err) {
		inode->nlink = 0;
		dentry_instantiate(d, inode);
	}
	return err;
}
/* The first name comes with the inode, also that of an O_TMPFILE; each further one counts as an
 * inode: its dentry can't be given up before the name goes. */
static int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *target)
{
	struct mem_sb *ms = mem_sb_of(dir->sb);

	if (target->nlink && atomic_fetch_add(&ms->inodes, 1) >= ms->pages.max && ms->pages.max) {
		atomic_fetch_sub(&ms->inodes, 1);
		return -ENOSPC;
	}
	inode_get(target);
	target->nlink++;
	target->ctime = timespec_now();
	touch_dir(dir, 1);
	pseudo_instantiate(d, target);
	return 0;
}
static void drop_name(struct inode *inode)
{
	if (inode->nlink > 1) {
		atomic_fetch_sub(&mem_sb_of(inode->sb)->inodes, 1);
	}
	inode->nlink--;
	inode->ctime = timespec_now();
}
static int tmpfs_unlink(struct inode *dir, struct dentry *d)
{
	drop_name(d->inode);
	touch_dir(dir, -1);
	return 0;
}

static bool dir_empty(struct dentry *dir)
{
	struct dentry *d;
	bool empty = true;

	spin_lock(&dcache_lock);
	list_for_each_entry(d, &dir->children, child_link) {
		if (d->dir_pinned || d->mounted) {
			empty = false;
			break;
		}
	}
	spin_unlock(&dcache_lock);
	return empty;
}
static int tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
	if (!dir_empty(d)) {
		return -ENOTEMPTY;
	}
	dir->nlink--;
	touch_dir(dir, -1);
	return 0;
}
static int tmpfs_rename(struct inode *old_dir, struct dentry *old_d, struct inode *new_dir,
			struct dentry *new_d, unsigned flags)
{
	bool is_dir = S_ISDIR(old_d->inode->mode);
	struct inode *victim = new_d->inode;

	if (flags & RENAME_EXCHANGE) {
		bool other = S_ISDIR(victim->mode);

		old_dir->nlink += (uint32_t)other - (uint32_t)is_dir;
		new_dir->nlink += (uint32_t)is_dir - (uint32_t)other;
	} else {
		if (victim && is_dir && !dir_empty(new_d)) {
			return -ENOTEMPTY;
		}
		if (victim && !is_dir) {
			drop_name(victim);
		}
		if (is_dir) {
			old_dir->nlink--;
			new_dir->nlink += victim ? 0 : 1;
		}
		touch_dir(old_dir, -1);
		touch_dir(new_dir, victim ? 0 : 1);
	}
	old_d->inode->ctime = timespec_now();
	return 0;
}
const struct inode_ops tmpfs_dir_ops = {
	.create = tmpfs_create_op,
	.mkdir = tmpfs_mkdir,
	.mknod = tmpfs_mknod,
	.symlink = tmpfs_symlink,
	.tmpfile = tmpfs_tmpfile,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.open = pseudo_dir_open,
	.setattr = tmpfs_setattr,
	.getattr = tmpfs_getattr,
};

int tmpfs_create(const char *type, uint32_t mode, uint64_t limit, struct superblock **out)
{
	struct mem_stats ms;
	int err = pseudo_create(type, TMPFS_MAGIC, mode, &tmpfs_dir_ops, out);

	if (!err) {
		mem_get_stats(&ms);
		mem_sb_of(*out)->pages.max = limit ? DIV_ROUND_UP(limit, PAGE_SIZE)
						   : MAX(ms.total_pages / 2, (uint64_t)1);
	}
	return err;
}
