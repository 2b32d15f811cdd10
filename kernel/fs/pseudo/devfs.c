/* SPDX-License-Identifier: MIT */
/*
 * The table of character devices, and /dev, a tmpfs with a node for each that has a name.
 *
 * devices_lock guards the table alone: nodes are made and removed without it, as that sleeps.
 * A device is in the table before its node exists and leaves it before the node goes, so a node
 * of the table's always opens its device or nothing (-ENXIO).
 */
#include <fs/pseudo/devfs.h>

#include "../fs_internal.h"

#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/pseudo/pseudo.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <mm/slab.h>

struct device {
	struct list link;
	char *name; /* NULL: a number without a node */
	uint32_t mode;
	uint64_t rdev;
	int (*open)(struct inode *inode, struct file *f);
	const struct file_ops *ops;
};
static SPINLOCK(devices) devices_lock = SPINLOCK_INIT(RANK_FS_LEAF, "devices");
static struct list devices GUARDED_BY(devices_role) = LIST_INIT(devices);
static struct superblock *dev_sb;
static bool populated;

static struct device *find_locked(uint64_t rdev, uint32_t mode) REQUIRES(devices_role)
{
	struct device *d;

	spin_assert_held(&devices_lock);
	list_for_each_entry(d, &devices, link) {
		if (d->rdev == rdev && (d->mode & S_IFMT) == (mode & S_IFMT)) {
			return d;
		}
	}
	return NULL;
}

int devfs_open(struct inode *inode, struct file *f)
{
	int (*open)(struct inode *, struct file *) = NULL;
	const struct file_ops *ops = NULL;
	struct device *d;

	spin_lock(&devices_lock);
	d = find_locked(inode->rdev, inode->mode);
	if (d) {
		open = d->open;
		ops = d->ops;
	}
	spin_unlock(&devices_lock);
	if (open) {
		return open(inode, f);
	}
	f->ops = ops;
	return ops ? 0 : -ENXIO;
}

static int add_node(const struct device *dev)
{
	struct inode *inode;
	struct dentry *dir;
	const char *name;
	int err = pseudo_parent(dev_sb, dev->name, &dir, &name);

	if (err) {
		return err;
	}
	inode = mem_inode_new(dev_sb, &tmpfs_file_inode_ops, dev->mode);
	if (!inode) {
		dentry_put(dir);
		return -ENOMEM;
	}
	inode->rdev = dev->rdev;
	mutex_lock(&dir->inode->lock);
	err = pseudo_add(dir, name, inode);
	mutex_unlock(&dir->inode->lock);
	dentry_put(dir);
	return err;
}

static int register_device(const char *name, uint32_t mode, uint64_t rdev,
			   int (*open)(struct inode *inode, struct file *f),
			   const struct file_ops *ops)
{
	struct device *d = kzalloc(sizeof(*d));
	int err = 0;

	if (!d) {
		return -ENOMEM;
	}
	if (name) {
		d->name = kstrdup(name);
		if (!d->name) {
			kfree(d);
			return -ENOMEM;
		}
	}
	d->mode = mode;
	d->rdev = rdev;
	d->open = open;
	d->ops = ops;
	spin_lock(&devices_lock);
	if (find_locked(rdev, mode)) {
		err = -EEXIST;
	} else {
		list_push_back(&devices, &d->link);
	}
	spin_unlock(&devices_lock);
	if (!err && populated && name) {
		err = add_node(d);
		if (err) {
			spin_lock(&devices_lock);
			list_remove(&d->link);
			spin_unlock(&devices_lock);
		}
	}
	if (err) {
		kfree(d->name);
		kfree(d);
	}
	return err;
}
int devfs_register(const char *name, uint32_t mode, uint64_t rdev,
		   int (*open)(struct inode *inode, struct file *f))
{
	return register_device(name, mode, rdev, open, NULL);
}
int devfs_register_ops(const char *name, uint32_t mode, uint64_t rdev, const struct file_ops *ops)
{
	return register_device(name, mode, rdev, NULL, ops);
}

void devfs_unregister(const char *name, uint64_t rdev)
{
	struct device *d, *tmp, *gone = NULL;
	struct dentry *dir;
	const char *last;

	spin_lock(&devices_lock);
	list_for_each_entry_safe(d, tmp, &devices, link) {
		if (d->rdev == rdev && d->name && name && !strcmp(d->name, name)) {
			list_remove(&d->link);
			gone = d;
			break;
		}
	}
	spin_unlock(&devices_lock);
	if (!gone) {
		return;
	}
	if (populated && !pseudo_parent(dev_sb, name, &dir, &last)) {
		mutex_lock(&dir->inode->lock);
		pseudo_remove(dir, last);
		mutex_unlock(&dir->inode->lock);
		dentry_put(dir);
	}
	kfree(gone->name);
	kfree(gone);
}

int devfs_set_owner(const char *name, uint32_t mode, uint32_t uid, uint32_t gid)
{
	struct dentry *dir, *d;
	const char *last;
	int err = pseudo_parent(dev_sb, name, &dir, &last);

	if (err) {
		return err;
	}
	d = dentry_find(dir, last, strlen(last));
	if (d && d->inode) {
		d->inode->mode = (d->inode->mode & S_IFMT) | (mode & 07777);
		d->inode->uid = uid;
		d->inode->gid = gid;
	} else {
		err = -ENOENT;
	}
	if (d) {
		dentry_put(d);
	}
	dentry_put(dir);
	return err;
}

int devfs_create(struct superblock **out)
{
	int err = tmpfs_create("devtmpfs", 0755, 0, &dev_sb);

	*out = dev_sb;
	return err;
}

static void add_link(const char *name, const char *target)
{
	struct inode *inode = mem_inode_new(dev_sb, &tmpfs_link_ops, S_IFLNK | 0777);
	int err = -ENOMEM;

	if (inode) {
		mem_inode_of(inode)->target = kstrdup(target);
		if (mem_inode_of(inode)->target) {
			atomic_store(&inode->pages.size, strlen(target));
			err = pseudo_add(dev_sb->root, name, inode);
		} else {
			inode_put(inode);
		}
	}
	if (err) {
		log_warn("cannot make /dev/%s", name);
	}
}

void devfs_populate(void)
{
	struct dentry *dir;
	const char *name;
	struct device *d;

	populated = true;
	/* Nobody unregisters this early. */
	list_for_each_entry(d, &devices, link) {
		if (d->name && add_node(d)) {
			log_warn("cannot make /dev/%s", d->name);
		}
	}
	add_link("fd", "/proc/self/fd");
	add_link("stdin", "/proc/self/fd/0");
	add_link("stdout", "/proc/self/fd/1");
	add_link("stderr", "/proc/self/fd/2");
	if (!pseudo_parent(dev_sb, "pts/x", &dir, &name)) {
		dentry_put(dir);
	}
}
