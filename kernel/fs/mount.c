/* SPDX-License-Identifier: MIT */
/*
 * Mounts: where superblocks hang, and the mounts that every VM starts with.
 *
 * The tree of mounts and a dentry's mount_here change under the dcache lock.  Pinned mounts (those
 * of the start) are never unmounted, so paths do not count them and lists of them are walked
 * without a lock.
 */
#include <fs/mount.h>

#include "fs_internal.h"

#include <fs/cred.h>
#include <fs/dentry.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/pseudo/pseudo.h>
#include <fs/upcalls.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <debug/log.h>
#include <lib/list.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <mm/pagecache.h>
#include <mm/slab.h>
#include <sync/spinlock.h>

struct mount *root_mount;
struct list mount_list = LIST_INIT(mount_list);
static int next_mount_id = 1;

static struct mount *mount_new(struct superblock *sb, bool read_only, bool pinned)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (m) {
		m->sb = sb;
		m->read_only = read_only || sb->read_only;
		m->pinned = pinned;
		list_init(&m->link);
	}
	return m;
}

static int mount_on(struct superblock *sb, const struct path *point, bool read_only, bool pinned,
		    struct mount **out)
{
	struct mount *m = mount_new(sb, read_only, pinned);

	if (!m) {
		return -ENOMEM;
	}
	spin_lock(&dcache_lock);
	if (point->dentry->mounted || point->dentry->unhashed) {
		spin_unlock(&dcache_lock);
		kfree(m);
		return point->dentry->unhashed ? -ENOENT : -EBUSY;
	}
	m->id = next_mount_id++;
	m->parent = point->mount;
	m->point = point->dentry;
	dentry_ref_locked(point->dentry);
	if (!pinned) {
		mount_get(point->mount);
	}
	point->dentry->mount_here = m;
	point->dentry->mounted = true;
	if (!point->dentry->inode) {
		point->dentry->parent->absent_mounts = true;
	}
	list_push_back(&mount_list, &m->link);
	spin_unlock(&dcache_lock);
	*out = m;
	return 0;
}

static int mount_point(const char *where, struct path *out)
{
	struct dentry *d;
	struct walk w;
	int err = walk_start(&w, AT_FDCWD, where, LOOKUP_FOLLOW, false);

	if (!err) {
		err = walk_to_parent(&w);
	}
	if (!err && w.last_type != LAST_NORM) {
		err = -EBUSY;
	}
	if (!err) {
		err = walk_last(&w, &d);
	}
	if (!err) {
		*out = (struct path){ w.cur.mount, d };
		mount_get(out->mount);
		walk_cross_mounts(out);
	}
	walk_end(&w);
	return err;
}

static int mount_at(struct superblock *sb, const char *where, bool read_only, bool pinned)
{
	struct mount *m;
	struct path p;
	int err = mount_point(where, &p);

	if (err) {
		return err;
	}
	err = mount_on(sb, &p, read_only, pinned, &m);
	path_put(&p);
	return err;
}

/* The point may be a name that does not exist in its directory. */
static int vfs_mount(struct superblock *sb, const char *where, bool read_only)
{
	return mount_at(sb, where, read_only, true);
}

/* *sb is what the call that gave err has made. */
static void mount_default(int err, struct superblock *const *sb, const char *where)
{
	if (!err) {
		err = vfs_mount(*sb, where, false);
	}
	if (err) {
		log_warn("cannot mount %s: error %d", where, -err);
	}
}

int vfs_mount_root(struct superblock *sb)
{
	static const char *const tmpfs_at[] = { "/tmp", "/run", "/dev/shm" };
	struct superblock *s;

	ASSERT(!root_mount);
	ASSERT(fs_upcalls); /* proc_init() came before */
	root_mount = mount_new(sb, sb->read_only, true);
	if (!root_mount) {
		return -ENOMEM;
	}
	root_mount->id = next_mount_id++;
	list_push_back(&mount_list, &root_mount->link);
	mount_default(devfs_create(&s), &s, "/dev");
	mount_default(procfs_create(&s), &s, "/proc");
	mount_default(sysfs_create(&s), &s, "/sys");
	for (size_t i = 0; i < ARRAY_SIZE(tmpfs_at); i++) {
		mount_default(tmpfs_create("tmpfs", 01777, 0, &s), &s, tmpfs_at[i]);
	}
	mount_default(tmpfs_create("mqueue", 01777, 0, &s), &s, "/dev/mqueue");
	devfs_populate();
	return 0;
}

static uint64_t option_size(const char *options)
{
	const char *s = options ? strstr(options, "size=") : NULL, *end;
	uint64_t v;

	if (!s || !parse_u64(s + 5, 10, &v, &end)) {
		return 0;
	}
	switch (*end) {
	case 'k':
	case 'K': return v << 10;
	case 'm':
	case 'M': return v << 20;
	case 'g':
	case 'G': return v << 30;
	default: return v;
	}
}

/* One mount has one superblock here, so what mount(2) asks for is the superblock's. */
static void set_mount_flags(struct superblock *sb, uint64_t flags)
{
	sb->nosuid = flags & MS_NOSUID;
	sb->nodev = flags & MS_NODEV;
	sb->noexec = flags & MS_NOEXEC;
}

static const char *show_flags(const struct superblock *sb)
{
	static const char *const all[8] = {
		"",	   ",nosuid",	     ",nodev",	      ",nosuid,nodev",
		",noexec", ",nosuid,noexec", ",nodev,noexec", ",nosuid,nodev,noexec"
	};

	return all[sb->nosuid | sb->nodev << 1 | sb->noexec << 2];
}

int vfs_mount_type(const char *type, const char *where, const char *options, uint64_t flags)
{
	struct superblock *sb;
	struct path p;
	int err;

	if (!cred_capable(CAP_SYS_ADMIN)) {
		return -EPERM;
	}
	if (flags & (0x1000 | 0x2000 | 32)) {
		return -EPERM; /* bind, move, remount: not supported */
	}
	err = vfs_lookup(AT_FDCWD, where, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
	if (err) {
		return err;
	}
	path_put(&p);
	if (!strcmp(type, "tmpfs") || !strcmp(type, "ramfs")) {
		err = tmpfs_create("tmpfs", 01777, option_size(options), &sb);
	} else if (!strcmp(type, "proc")) {
		err = procfs_create(&sb);
	} else if (!strcmp(type, "sysfs")) {
		err = sysfs_create(&sb);
	} else {
		return -ENODEV;
	}
	if (err) {
		return err;
	}
	set_mount_flags(sb, flags);
	return mount_at(sb, where, flags & 1, false);
}

/* The superblock of a dismounted tmpfs stays: its pages go with its inodes. */
int vfs_umount(const char *where, int flags)
{
	struct mount *m, *child;
	struct path p;
	int err;

	if (flags & ~15) {
		return -EINVAL;
	}
	err = vfs_lookup(AT_FDCWD, where, flags & 8 ? 0 : LOOKUP_FOLLOW, &p);
	if (err) {
		return err;
	}
	m = p.mount;
	err = cred_capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
	if (!err && p.dentry != m->sb->root) {
		err = -EINVAL;
	}
	if (!err && m->pinned) {
		err = -EBUSY;
	}
	spin_lock(&dcache_lock);
	if (!err && atomic_load(&m->refs) != 1) {
		err = -EBUSY; /* one is p's */
	}
	list_for_each_entry(child, &mount_list, link) {
		if (child->parent == m && !err) {
			err = -EBUSY;
		}
	}
	if (!err) {
		list_remove(&m->link);
		m->point->mounted = false;
		m->point->mount_here = NULL;
	}
	spin_unlock(&dcache_lock);
	dentry_put(p.dentry);
	if (err) {
		mount_put(m);
		return err;
	}
	if (m->sb->ops->sync) {
		err = m->sb->ops->sync(m->sb);
	}
	pseudo_destroy(m->sb);
	dentry_put(m->point);
	mount_put(m->parent);
	kfree(m);
	return err;
}

int vfs_sync(struct superblock *sb)
{
	pagecache_sync_all();
	return sb->ops->sync ? sb->ops->sync(sb) : 0;
}
static struct mount *next_pinned(int after)
{
	struct mount *m, *next = NULL;

	spin_lock(&dcache_lock);
	list_for_each_entry(m, &mount_list, link) {
		if (m->pinned && m->id > after && (!next || m->id < next->id)) {
			next = m;
		}
	}
	spin_unlock(&dcache_lock);
	return next;
}
void vfs_sync_all(void)
{
	struct mount *m;

	pagecache_sync_all();
	/* Pinned mounts only: they stay when the lock is dropped, and the others are memory. */
	for (int last = 0;; last = m->id) {
		m = next_pinned(last);
		if (!m) {
			return;
		}
		if (m->sb->ops->sync) {
			(void)!m->sb->ops->sync(m->sb); /* sync(2) reports nothing */
		}
	}
}

int vfs_statfs(const struct path *p, struct kstatfs *st)
{
	struct superblock *sb = p->dentry->sb;
	int err = 0;

	memset(st, 0, sizeof(*st));
	st->type = sb->magic;
	st->bsize = st->frsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	st->fsid = sb->dev;
	/* pipes, sockets and message queues share a superblock with the other anonymous files */
	if (sb->magic == ANON_MAGIC && S_ISFIFO(p->dentry->inode->mode)) {
		st->type = PIPEFS_MAGIC;
	} else if (sb->magic == ANON_MAGIC && S_ISSOCK(p->dentry->inode->mode)) {
		st->type = SOCKFS_MAGIC;
	} else if (sb->magic == ANON_MAGIC && S_ISREG(p->dentry->inode->mode)) {
		st->type = MQUEUE_MAGIC;
	}
	if (sb->ops->statfs) {
		err = sb->ops->statfs(sb, st);
	}
	st->flags |= 0x20; /* ST_VALID */
	if (p->mount->read_only) {
		st->flags |= 1;
	}
	st->flags |= (sb->nosuid ? MS_NOSUID : 0u) | (sb->nodev ? MS_NODEV : 0u) |
		     (sb->noexec ? MS_NOEXEC : 0u);
	return err;
}

static const char *mount_source(const struct mount *m)
{
	return m == root_mount ? "root" : m->sb->type;
}

void mounts_show(struct text_buf *t, bool info)
{
	char *buf = kmalloc(PATH_MAX);
	struct mount *m;
	int last = 0;

	/* One at a time by id, as the path string takes the dcache lock itself. */
	while (buf) {
		struct mount *next = NULL;
		struct path p;
		char *where;

		spin_lock(&dcache_lock);
		list_for_each_entry(m, &mount_list, link) {
			if (m->id > last && (!next || m->id < next->id)) {
				next = m;
			}
		}
		if (next) {
			p = (struct path){ next, next->sb->root };
			mount_get(next);
			dentry_ref_locked(p.dentry);
		}
		spin_unlock(&dcache_lock);
		if (!next) {
			break;
		}
		last = next->id;
		where = vfs_path_string(&p, buf, PATH_MAX);
		if (where && info) {
			text_printf(t, "%d %d %u:%u / %s %s%s - %s %s %s\n", next->id,
				    next->parent ? next->parent->id : 0, dev_major(next->sb->dev),
				    dev_minor(next->sb->dev), where, next->read_only ? "ro" : "rw",
				    show_flags(next->sb), next->sb->type, mount_source(next),
				    next->read_only ? "ro" : "rw");
		} else if (where) {
			text_printf(t, "%s %s %s %s%s,relatime 0 0\n", mount_source(next), where,
				    next->sb->type, next->read_only ? "ro" : "rw",
				    show_flags(next->sb));
		}
		path_put(&p);
	}
	kfree(buf);
}
