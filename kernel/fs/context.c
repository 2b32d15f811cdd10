/* SPDX-License-Identifier: MIT */
/* Per-process file-system context and credentials; paths as strings. */
#include "fs_internal.h"

#include <lib/string.h>
#include <linux/capability.h>
#include <mm/slab.h>
#include <sched/thread.h>

struct fs_context *fs_context_create(void)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (c) {
		atomic_init(&c->refs, 1);
		spin_init(&c->lock, RANK_FS_CONTEXT, "fs context");
		c->root = c->cwd = (struct path){ root_mount, root_mount->sb->root };
		path_get(&c->root);
		path_get(&c->cwd);
		c->umask = 022;
	}
	return c;
}
struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (c) {
		atomic_init(&c->refs, 1);
		spin_init(&c->lock, RANK_FS_CONTEXT, "fs context");
		spin_lock(&from->lock);
		c->root = from->root;
		c->cwd = from->cwd;
		c->umask = from->umask;
		path_get(&c->root);
		path_get(&c->cwd);
		spin_unlock(&from->lock);
	}
	return c;
}
void fs_context_get(struct fs_context *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}
void fs_context_put(struct fs_context *c)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) {
		path_put(&c->root);
		path_put(&c->cwd);
		kfree(c);
	}
}

static int context_set(const struct path *p, bool root)
{
	struct fs_context *c = thread_current()->fs;
	struct path old, *slot = root ? &c->root : &c->cwd;
	int err;

	if (!p->dentry->inode || !S_ISDIR(p->dentry->inode->mode)) {
		return -ENOTDIR;
	}
	err = vfs_permission(p->dentry->inode, MAY_EXEC);
	if (err) {
		return err;
	}
	if (root && !cred_capable(CAP_SYS_CHROOT)) {
		return -EPERM;
	}
	path_get(p);
	spin_lock(&c->lock);
	old = *slot;
	*slot = *p;
	spin_unlock(&c->lock);
	path_put(&old);
	return 0;
}
int fs_chdir(const struct path *p)
{
	return context_set(p, false);
}
int fs_chroot(const struct path *p)
{
	return context_set(p, true);
}

/* --- credentials --- */
struct cred *cred_alloc(void)
{
	struct cred *c = kzalloc(sizeof(*c));

	if (c) {
		atomic_init(&c->refs, 1);
	}
	return c;
}
struct cred *cred_copy(const struct cred *c)
{
	struct cred *n = kmemdup(c, sizeof(*c));

	if (n) {
		atomic_init(&n->refs, 1);
	}
	return n;
}
void cred_get(struct cred *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}
void cred_put(struct cred *c)
{
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) {
		kfree(c);
	}
}
/* Kernel threads may do everything. */
bool cred_capable(int cap)
{
	const struct cred *c = thread_current()->cred;

	return !c || c->cap_effective >> cap & 1;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->fsgid == gid) {
		return true;
	}
	for (unsigned i = 0; i < c->ngroups; i++) {
		if (c->groups[i] == gid) {
			return true;
		}
	}
	return false;
}

int vfs_permission(struct inode *inode, int mask)
{
	const struct cred *c = thread_current()->cred;
	uint32_t mode = inode->mode;

	if (!c) {
		return 0;
	}
	if (c->fsuid == inode->uid) {
		mode >>= 6;
	} else if (cred_in_group(c, inode->gid)) {
		mode >>= 3;
	}
	if ((mode & 7 & (uint32_t)mask) == (uint32_t)mask) {
		return 0;
	}
	if (S_ISDIR(inode->mode)) {
		if (!(mask & MAY_WRITE) && cred_capable(CAP_DAC_READ_SEARCH)) {
			return 0;
		}
		return cred_capable(CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && cred_capable(CAP_DAC_READ_SEARCH)) {
		return 0;
	}
	if ((!(mask & MAY_EXEC) || inode->mode & 0111) && cred_capable(CAP_DAC_OVERRIDE)) {
		return 0;
	}
	return -EACCES;
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
