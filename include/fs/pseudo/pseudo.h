/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * File systems whose only copy is the dentry tree: tmpfs, /dev, /proc's fixed part, /sys.
 * A directory pins the dentries of its entries (dir_pinned), so a lookup that misses the
 * cache means "not there"; readdir walks the dentry's children.
 *
 * Each inode is a struct mem_inode.  Sizes in pages are charged to the superblock.
 */
#include <fs/inode.h>
#include <fs/pseudo/procfs.h>

struct dentry;
struct dir_context;
struct file;

struct mem_sb {
	struct page_account pages; /* of its files; as many inodes are allowed */
	_Atomic uint64_t next_ino;
	_Atomic uint64_t inodes;
};
struct mem_inode {
	struct inode inode;
	char *target; /* symlink */
	int (*show)(struct text_buf *t, void *arg);
	int (*store)(const char *buf, size_t n, void *arg);
	void *arg;
	uint32_t seals; /* memfd: F_SEAL_* */
	bool sealable;
	int pid, tid, fd, kind; /* procfs: what a per-process entry stands for */
};
static inline struct mem_inode *mem_inode_of(struct inode *inode)
{
	return container_of(inode, struct mem_inode, inode);
}

extern const struct inode_ops tmpfs_dir_ops, tmpfs_file_inode_ops, tmpfs_link_ops;
/* limit: bytes, 0 = half of RAM. */
MUST_USE int tmpfs_create(const char *type, uint32_t mode, uint64_t limit, struct superblock **out);
/* A superblock with a root of the given mode; root_ops NULL = a plain directory. */
MUST_USE int pseudo_create(const char *type, uint64_t magic, uint32_t mode,
			   const struct inode_ops *root_ops, struct superblock **out);
/* Gives d (negative, in dir) the inode and pins it; takes over the reference. */
void pseudo_instantiate(struct dentry *d, struct inode *inode);
/* Dismounts: drops every entry. */
void pseudo_destroy(struct superblock *sb);
/* A new inode, refs 1, times set; NULL = no memory. */
struct inode *mem_inode_new(struct superblock *sb, const struct inode_ops *ops, uint32_t mode);
static inline struct mem_sb *mem_sb_of(struct superblock *sb)
{
	return sb->priv;
}
/* Adds an entry `name` with this inode (takes over the reference); dir lock not needed at
 * boot.  0, -EEXIST, -ENOMEM. */
MUST_USE int pseudo_add(struct dentry *dir, const char *name, struct inode *inode);
/* The directory `path` below root, made where missing; *out is counted.  The last
 * component is not made: *name points to it. */
MUST_USE int pseudo_parent(struct superblock *sb, const char *path, struct dentry **out,
			   const char **name);
void pseudo_remove(struct dentry *dir, const char *name);
MUST_USE int pseudo_add_text(struct superblock *sb, const char *path, uint32_t mode,
			     int (*show)(struct text_buf *t, void *arg),
			     int (*store)(const char *buf, size_t n, void *arg), void *arg);
/* After text_inode_ops.open: this open file shows something of its own, given back by release. */
void pseudo_text_bind(struct file *f, int (*show)(struct text_buf *t, void *arg), void *arg,
		      void (*release)(void *arg));
/* File and directory operations to share. */
extern const struct inode_ops text_inode_ops;
extern const struct file_ops mem_file_ops;
MUST_USE int pseudo_readdir(struct file *f, struct dir_context *ctx);
long pseudo_dir_lseek(struct file *f, int64_t off, int whence);
MUST_USE int pseudo_dir_open(struct inode *inode, struct file *f);

/* An unnamed file in memory (memfd, shmem). */
MUST_USE int memfd_create_file(const char *name, bool sealable, bool noexec, struct file **out);
long memfd_add_seals(struct file *f, uint32_t seals);
long memfd_get_seals(struct file *f);

MUST_USE int devfs_create(struct superblock **out);
void devfs_populate(void); /* after it is mounted */
MUST_USE int procfs_create(struct superblock **out);
MUST_USE int sysfs_create(struct superblock **out);
