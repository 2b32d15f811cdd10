/* SPDX-License-Identifier: MIT */
/*
 * File systems whose only copy is the dentry tree, and files whose contents a function prints.
 *
 * An entry is there while its dentry is pinned (dir_pinned holds one reference); whoever clears
 * the pin gives that reference back.  Entries are added and removed under their directory's lock,
 * except at boot.  The text of an open file belongs to that file (text_state) and is printed anew
 * by a read at offset 0; its lock keeps readers that share the file from each other's buffer.
 */
#include <fs/pseudo/pseudo.h>

#include "../fs_internal.h"

#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <fs/readdir.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/dirent.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <sched/thread.h>

static const struct inode_ops pseudo_dir_ops;
static const struct file_ops text_file_ops;

/* --- growing text --- */
static bool text_room(struct text_buf *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 256;
	char *p;

	if (t->failed) {
		return false;
	}
	while (cap < t->len + n + 1) {
		cap *= 2;
	}
	if (cap == t->cap) {
		return true;
	}
	p = krealloc(t->data, cap);
	if (!p) {
		t->failed = true;
		return false;
	}
	t->data = p;
	t->cap = cap;
	return true;
}
void text_write(struct text_buf *t, const void *data, size_t n)
{
	if (text_room(t, n)) {
		memcpy(t->data + t->len, data, n);
		t->len += n;
		t->data[t->len] = '\0';
	}
}
void text_printf(struct text_buf *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!text_room(t, 128)) {
		return;
	}
	va_start(ap, fmt);
	n = fmt_vsnprintf(t->data + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	if ((size_t)n >= t->cap - t->len) {
		if (!text_room(t, (size_t)n)) {
			return;
		}
		va_start(ap, fmt);
		n = fmt_vsnprintf(t->data + t->len, t->cap - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}
static void text_free(struct text_buf *t)
{
	kfree(t->data);
	*t = (struct text_buf){ 0 };
}

/* --- inodes --- */
struct inode *mem_inode_new(struct superblock *sb, const struct inode_ops *ops, uint32_t mode)
{
	struct mem_inode *m = kzalloc(sizeof(*m));
	struct mem_sb *ms = mem_sb_of(sb);

	if (!m) {
		return NULL;
	}
	inode_init(&m->inode, sb, ops, mode, atomic_fetch_add(&ms->next_ino, 1));
	atomic_fetch_add(&ms->inodes, 1);
	m->inode.atime = m->inode.mtime = m->inode.ctime = m->inode.btime = timespec_now();
	m->inode.nlink = S_ISDIR(mode) ? 2 : 1;
	m->inode.pages.account = &ms->pages;
	return &m->inode;
}
static void mem_evict(struct inode *inode)
{
	struct mem_inode *m = mem_inode_of(inode);
	struct mem_sb *ms = mem_sb_of(inode->sb);

	atomic_fetch_sub(&ms->inodes, 1);
	pagecache_destroy(&inode->pages);
	inode_destroy(inode);
	if (m->target && strlen(m->target) >= MEM_LONG_TARGET) {
		page_account_give(&ms->pages);
	}
	kfree(m->target);
	kfree(m);
}

static int mem_statfs(struct superblock *sb, struct kstatfs *st)
{
	struct mem_sb *ms = mem_sb_of(sb);
	uint64_t used = atomic_load(&ms->pages.used), max = ms->pages.max;

	if (max) {
		st->blocks = max;
		st->bfree = st->bavail = used < max ? max - used : 0;
		st->files = max;
		st->ffree = max - MIN(atomic_load(&ms->inodes), max);
	}
	return 0;
}
static const struct superblock_ops mem_sb_ops = { .evict = mem_evict, .statfs = mem_statfs };

int pseudo_create(const char *type, uint64_t magic, uint32_t mode, const struct inode_ops *root_ops,
		  struct superblock **out)
{
	struct superblock *sb = superblock_alloc(&mem_sb_ops, type, magic);
	struct mem_sb *ms = kzalloc(sizeof(*ms));
	struct inode *root;

	if (!sb || !ms) {
		goto no_memory;
	}
	atomic_init(&ms->next_ino, 1);
	sb->priv = ms;
	root = mem_inode_new(sb, root_ops ? root_ops : &pseudo_dir_ops, S_IFDIR | mode);
	if (!root) {
		goto no_memory;
	}
	if (!dentry_alloc_root(sb, root)) {
		inode_put(root);
		goto no_memory;
	}
	*out = sb;
	return 0;
no_memory:
	kfree(sb);
	kfree(ms);
	return -ENOMEM;
}

/* One pinned child of d after the other, depth first, without recursion. */
void pseudo_destroy(struct superblock *sb)
{
	struct dentry *d = sb->root;

	if (sb->ops != &mem_sb_ops) {
		return;
	}
	for (;;) {
		struct dentry *child = NULL, *c;

		spin_lock(&dcache_lock);
		list_for_each_entry(c, &d->children, child_link) {
			if (c->dir_pinned) {
				child = c;
				break;
			}
		}
		spin_unlock(&dcache_lock);
		if (child) {
			d = child;
			continue;
		}
		if (d == sb->root) {
			break;
		}
		c = d->parent;
		d->dir_pinned = false;
		dentry_drop(d);
		dentry_put(d);
		d = c;
	}
	dentry_prune_children(sb->root);
}

void pseudo_instantiate(struct dentry *d, struct inode *inode)
{
	dentry_instantiate_pinned(d, inode);
}

int pseudo_add(struct dentry *dir, const char *name, struct inode *inode)
{
	struct dentry *d = dentry_alloc(dir, name, strlen(name));

	if (!d) {
		inode_put(inode);
		return -ENOMEM;
	}
	if (d->inode) {
		dentry_put(d);
		inode_put(inode);
		return -EEXIST;
	}
	if (S_ISDIR(inode->mode)) {
		dir->inode->nlink++;
	}
	pseudo_instantiate(d, inode);
	dentry_put(d);
	return 0;
}
void pseudo_remove(struct dentry *dir, const char *name)
{
	struct dentry *d = dentry_find(dir, name, strlen(name));

	if (!d) {
		return;
	}
	if (d->dir_pinned) {
		d->dir_pinned = false;
		d->inode->nlink = 0;
		dentry_drop(d);
		dentry_put(d);
	}
	dentry_put(d);
}

int pseudo_parent(struct superblock *sb, const char *path, struct dentry **out, const char **name)
{
	struct dentry *dir = sb->root;
	const char *slash;
	int err = 0;

	dentry_get(dir);
	while ((slash = strchr(path, '/'))) {
		struct dentry *d = dentry_alloc(dir, path, (size_t)(slash - path));
		struct inode *inode;

		if (!d) {
			err = -ENOMEM;
			break;
		}
		if (!d->inode) {
			inode = mem_inode_new(sb,
					      dir->inode->ops == &tmpfs_dir_ops ? &tmpfs_dir_ops
										: &pseudo_dir_ops,
					      S_IFDIR | 0755);
			if (!inode) {
				dentry_put(d);
				err = -ENOMEM;
				break;
			}
			dir->inode->nlink++;
			pseudo_instantiate(d, inode);
		}
		dentry_put(dir);
		dir = d;
		path = slash + 1;
	}
	if (err) {
		dentry_put(dir);
		return err;
	}
	*out = dir;
	*name = path;
	return 0;
}

int pseudo_add_text(struct superblock *sb, const char *path, uint32_t mode,
		    int (*show)(struct text_buf *t, void *arg),
		    int (*store)(const char *buf, size_t n, void *arg), void *arg)
{
	struct inode *inode;
	struct dentry *dir;
	const char *name;
	int err = pseudo_parent(sb, path, &dir, &name);

	if (err) {
		return err;
	}
	inode = mem_inode_new(sb, &text_inode_ops, S_IFREG | mode);
	if (!inode) {
		dentry_put(dir);
		return -ENOMEM;
	}
	mem_inode_of(inode)->show = show;
	mem_inode_of(inode)->store = store;
	mem_inode_of(inode)->arg = arg;
	err = pseudo_add(dir, name, inode);
	dentry_put(dir);
	return err;
}

/* --- directories --- */
/* The entry with the smallest cookie >= pos, counted. */
static struct dentry *next_entry(const struct dentry *dir, uint64_t pos)
{
	struct dentry *d, *best = NULL;

	spin_lock(&dcache_lock);
	for (struct rb_node *n = dir->by_cookie.root; n;) {
		d = rb_entry(n, struct dentry, cookie_node);
		best = d->generation >= pos ? d : best;
		n = d->generation >= pos ? n->left : n->right;
	}
	while (best && !(best->dir_pinned && best->inode)) { /* about to leave */
		struct rb_node *n = rb_next(&best->cookie_node);

		best = n ? rb_entry(n, struct dentry, cookie_node) : NULL;
	}
	if (best) {
		dentry_ref_locked(best);
	}
	spin_unlock(&dcache_lock);
	return best;
}

int pseudo_readdir(struct file *f, struct dir_context *ctx)
{
	struct dentry *dir = f->path.dentry, *d;
	uint64_t up = dir->parent->inode ? dir->parent->inode->ino : dir->inode->ino;

	if (ctx->pos == 0) {
		if (!ctx->emit(ctx, ".", 1, dir->inode->ino, DT_DIR, 1)) {
			return 0;
		}
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		if (!ctx->emit(ctx, "..", 2, up, DT_DIR, 2)) {
			return 0;
		}
		ctx->pos = 2;
	}
	while ((d = next_entry(dir, ctx->pos))) {
		bool more = ctx->emit(ctx, d->name, d->name_len, d->inode->ino,
				      d->inode->mode >> 12 & 15, d->generation + 1);

		if (more) {
			ctx->pos = d->generation + 1;
		}
		dentry_put(d);
		if (!more) {
			break;
		}
	}
	return 0;
}
long pseudo_dir_lseek(struct file *f, int64_t off, int whence)
{
	if (whence == SEEK_CUR) {
		off += (int64_t)f->pos;
	} else if (whence != SEEK_SET) {
		return -EINVAL;
	}
	if (off < 0) {
		return -EINVAL;
	}
	f->pos = (uint64_t)off;
	return off;
}
static const struct file_ops pseudo_dir_file_ops = {
	.readdir = pseudo_readdir,
	.lseek = pseudo_dir_lseek,
};
int pseudo_dir_open(struct inode *inode, struct file *f)
{
	(void)inode;
	f->ops = &pseudo_dir_file_ops;
	return 0;
}
static const struct inode_ops pseudo_dir_ops = { .open = pseudo_dir_open };

/* --- text files --- */
struct text_state {
	MUTEX(text_file) lock;
	struct text_buf text GUARDED_BY(text_file_role);
	int (*show)(struct text_buf *t, void *arg);
	void *arg;
	void (*release)(void *arg); /* NULL: arg is the inode's */
};
static int text_open(struct inode *inode, struct file *f)
{
	struct text_state *s;

	if ((f->writable && !mem_inode_of(inode)->store) ||
	    (f->readable && !mem_inode_of(inode)->show)) {
		return -EACCES;
	}
	s = kzalloc(sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	mutex_init(&s->lock, RANK_TEXT_FILE, "text file");
	s->show = mem_inode_of(inode)->show;
	s->arg = mem_inode_of(inode)->arg;
	f->private_data = s;
	f->ops = &text_file_ops;
	return 0;
}
void pseudo_text_bind(struct file *f, int (*show)(struct text_buf *t, void *arg), void *arg,
		      void (*release)(void *arg))
{
	struct text_state *s = f->private_data;

	s->show = show;
	s->arg = arg;
	s->release = release;
}
static long text_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct text_state *s = f->private_data;
	long n = 0;

	(void)flags;
	mutex_lock(&s->lock);
	if (*pos == 0 || !s->text.data) {
		text_free(&s->text);
		n = s->show(&s->text, s->arg);
		if (!n && s->text.failed) {
			n = -ENOMEM;
		}
	}
	if (!n && *pos < s->text.len) {
		uint64_t left = s->text.len - *pos;
		size_t want = MIN(left, u->left);

		n = (long)uio_write_to(u, s->text.data + *pos, want);
		if (!n && want) {
			n = -EFAULT;
		} else {
			*pos += (uint64_t)n;
		}
	}
	mutex_unlock(&s->lock);
	return n;
}
static long text_write_op(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	struct mem_inode *m = mem_inode_of(f->inode);
	size_t n = u->left;
	char *buf;
	int err;

	(void)flags;
	if (n > PAGE_SIZE) {
		return -EINVAL;
	}
	buf = kmalloc(n + 1);
	if (!buf) {
		return -ENOMEM;
	}
	if (uio_read_from(u, buf, n) != n) {
		kfree(buf);
		return -EFAULT;
	}
	buf[n] = '\0';
	err = m->store(buf, n, m->arg);
	kfree(buf);
	if (err) {
		return err;
	}
	*pos += n;
	return (long)n;
}
static void text_release(struct file *f)
{
	struct text_state *s = f->private_data;

	text_free(&s->text);
	if (s->release) {
		s->release(s->arg);
	}
	kfree(s);
}
static const struct file_ops text_file_ops = {
	.read = text_read,
	.write = text_write_op,
	.release = text_release,
};
static int text_setattr(struct inode *inode, const struct iattr *a)
{
	if (!(a->valid & ATTR_SIZE)) { /* open with O_TRUNC is fine and does nothing */
		inode_setattr_generic(inode, a);
	}
	return 0;
}
const struct inode_ops text_inode_ops = { .open = text_open, .setattr = text_setattr };
