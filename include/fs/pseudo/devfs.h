/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Device nodes.  A character device is a number and a function that opens it; /dev is a
 * tmpfs with nodes for the registered ones, so mknod(2) elsewhere opens the same device.
 */
#include <lib/util.h>

struct file;
struct inode;
struct file_ops;
struct superblock;

/* open sets f->ops and f->private_data (and f->no_seek); f->inode is the node.  It may be
 * called before or after vfs_mount_root(): nodes appear as soon as /dev exists.  name may
 * have one directory in front ("pts/0", "input/x"); NULL registers the number alone.
 * mode: type and permissions (S_IFCHR | 0666).  0, -EEXIST, -ENOMEM. */
MUST_USE int devfs_register(const char *name, uint32_t mode, uint64_t rdev,
			    int (*open)(struct inode *inode, struct file *f));
/* The usual case: only file_ops. */
MUST_USE int devfs_register_ops(const char *name, uint32_t mode, uint64_t rdev,
				const struct file_ops *ops);
/* Takes name and number away (a pts that was closed). */
void devfs_unregister(const char *name, uint64_t rdev);
/* Gives the node other owner and permissions (grantpt: tty group, 0620). */
MUST_USE int devfs_set_owner(const char *name, uint32_t mode, uint32_t uid, uint32_t gid);
/* The opener of a device number; -ENXIO. */
MUST_USE int devfs_open(struct inode *inode, struct file *f);
