/* SPDX-License-Identifier: MIT */
/*
 * memfd_create(2) and its seals: files of a tmpfs that is mounted nowhere.  Seals are added under
 * the inode's lock and never taken away.
 */
#include "../fs_internal.h"

#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <fs/path.h>
#include <fs/pseudo/pseudo.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <mm/phys.h>
#include <mm/slab.h>

static struct superblock *memfd_sb;
static struct mount memfd_mount = { .pinned = true };

#define CONTENT_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_EXEC | CONTENT_SEALS)

void memfd_init(void)
{
	struct mem_stats ms;
	int err;

	/* They end with their holders, so all of the memory is the limit. */
	mem_get_stats(&ms);
	err = tmpfs_create("tmpfs", 0700, ms.total_pages * PAGE_SIZE, &memfd_sb);
	ASSERT(!err);
	memfd_mount.sb = memfd_sb;
}

int memfd_create_file(const char *name, unsigned flags, struct file **out)
{
	bool exec = !(flags & MFD_NOEXEC_SEAL);
	struct inode *inode = mem_inode_new(memfd_sb, &tmpfs_file_inode_ops,
					    S_IFREG | (exec ? 0777 : 0666));
	char label[NAME_MAX + 8];
	struct dentry *d = NULL;
	struct path p;
	int err = -ENOMEM;

	if (!inode) {
		return err;
	}
	inode_init_owner(inode, NULL);
	inode->nlink = 0;
	mem_inode_of(inode)->seals = !exec			 ? F_SEAL_EXEC
				     : flags & MFD_ALLOW_SEALING ? 0
								 : F_SEAL_SEAL;
	fmt_snprintf(label, sizeof(label), "memfd:%s", name);
	d = dentry_alloc_anon(memfd_sb, inode, label);
	if (!d) {
		goto out;
	}
	err = file_alloc(O_RDWR | O_LARGEFILE, out);
	if (err) {
		goto out;
	}
	p = (struct path){ &memfd_mount, d };
	err = file_open_inode(*out, &p, O_RDWR);
	if (err) {
		file_put(*out);
	}
out:
	if (d) {
		dentry_put(d);
	}
	inode_put(inode);
	return err;
}

static struct mem_inode *sealed_inode(struct file *f)
{
	return f->ops == &mem_file_ops ? mem_inode_of(f->inode) : NULL;
}
long memfd_get_seals(struct file *f)
{
	struct mem_inode *m = sealed_inode(f);

	return m ? (long)(f->inode->sb == memfd_sb ? m->seals : F_SEAL_SEAL) : -EINVAL;
}
long memfd_add_seals(struct file *f, uint32_t seals)
{
	struct mem_inode *m = sealed_inode(f);
	long err = 0;

	if (!f->writable) {
		return -EPERM;
	}
	if (!m || seals & ~ALL_SEALS) {
		return -EINVAL;
	}
	if (f->inode->sb != memfd_sb) {
		return -EPERM;
	}
	mutex_lock(&f->inode->lock);
	/* What may be executed now may be for ever: so it stays as it is. */
	if (seals & F_SEAL_EXEC && f->inode->mode & 0111) {
		seals |= CONTENT_SEALS;
	}
	if (m->seals & F_SEAL_SEAL) {
		err = -EPERM;
	} else if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		/* A mapping that can be written would get around the seal. */
		err = pagecache_forbid_map_write(&f->inode->pages,
						 seals & F_SEAL_WRITE & ~m->seals);
	}
	if (!err) {
		m->seals |= seals;
	}
	mutex_unlock(&f->inode->lock);
	return err;
}
