/* SPDX-License-Identifier: MIT */
/*
 * /proc: the root, and the directories of processes.
 *
 * Entries of processes are made by lookup and are never trusted: their dentries are always
 * expired, and revalidate asks whether the process (or the descriptor) is still there.
 */
#include "procfs_internal.h"

#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/readdir.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/dirent.h>
#include <mm/slab.h>

static const struct inode_ops proc_pid_dir_ops;

#define PROC_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define FIRST_PID_COOKIE (1ull << 32)

const struct proc_source *proc_source;
static struct superblock *proc_sb, *sysfs_sb;

void procfs_set_source(const struct proc_source *s)
{
	proc_source = s;
}

static bool proc_parse_number(const char *s, int *out)
{
	const char *end;
	uint64_t v;

	if (s[0] < '0' || s[0] > '9' || (s[0] == '0' && s[1]) || !parse_u64(s, 10, &v, &end) ||
	    *end || v > INT32_MAX) {
		return false;
	}
	*out = (int)v;
	return true;
}

/* --- inodes of processes --- */
bool proc_alive(const struct mem_inode *m)
{
	return m->born && proc_source->born(m->pid, m->tid) == m->born;
}
static int pid_text(struct text_buf *t, void *arg)
{
	return proc_render(t, arg);
}
static int pid_getattr(struct inode *inode, struct kstat *st, bool force)
{
	struct mem_inode *m = mem_inode_of(inode);
	int err = -ESRCH;

	if (proc_alive(m)) {
		err = proc_source->owner(m->pid, m->tid, inode->mode, &inode->uid, &inode->gid);
	}
	(void)force;
	inode_stat_generic(inode, st);
	st->atime = st->mtime = st->ctime = timespec_now();
	return m->kind == KIND_FD_LINK || !err ? 0 : -ENOENT;
}
static int pid_text_open(struct inode *inode, struct file *f)
{
	struct mem_inode *m = mem_inode_of(inode);

	if (!proc_alive(m)) {
		return -ESRCH;
	}
	switch (m->kind) {
	case KIND_MEM:
	case KIND_MAPS:
	case KIND_SMAPS:
	case KIND_ENVIRON:
	case KIND_AUXV: return proc_mm_open(m, f);
	case KIND_FDINFO:
		if (proc_source->may_access(m->pid, m->tid)) {
			return -EACCES;
		}
		break;
	default: break;
	}
	return text_inode_ops.open(inode, f);
}
static int pid_setattr(struct inode *inode, const struct iattr *a)
{
	(void)inode;
	return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}
static const struct inode_ops pid_text_ops = { .open = pid_text_open,
					       .getattr = pid_getattr,
					       .setattr = pid_setattr };

static long pid_readlink(struct inode *inode, char *buf, size_t size)
{
	struct path p;
	char *s, *tmp;
	long n = proc_follow(inode, &p);

	if (n) {
		return n;
	}
	tmp = kmalloc(PATH_MAX);
	s = tmp ? vfs_path_string(&p, tmp, PATH_MAX) : NULL;
	n = s ? (long)strlen(s) : -ENAMETOOLONG;
	if (n >= 0 && (size_t)n < size) {
		memcpy(buf, s, (size_t)n + 1);
	} else if (n >= 0) {
		n = -ENAMETOOLONG;
	}
	kfree(tmp);
	path_put(&p);
	return n;
}
static const struct inode_ops pid_link_ops = {
	.readlink = pid_readlink,
	.follow = proc_follow,
	.getattr = pid_getattr,
	.setattr = pid_setattr,
};

static struct inode *proc_inode_new(struct superblock *sb, uint32_t mode, int pid, int tid,
				    int kind, int fd)
{
	const struct inode_ops *ops = S_ISDIR(mode)   ? &proc_pid_dir_ops
				      : S_ISLNK(mode) ? &pid_link_ops
						      : &pid_text_ops;
	struct inode *inode = mem_inode_new(sb, ops, mode);
	struct mem_inode *m;

	if (!inode) {
		return NULL;
	}
	m = mem_inode_of(inode);
	m->pid = pid;
	m->tid = tid;
	m->born = proc_source->born(pid, tid);
	m->kind = kind;
	m->fd = fd;
	m->show = pid_text;
	m->arg = m;
	if (kind < 0x100 && proc_source->write && mode & 0222) {
		m->store = proc_store;
	}
	(void)proc_source->owner(pid, tid, mode, &inode->uid, &inode->gid);
	return inode;
}

static int instantiate(struct inode *dir, struct dentry *d, uint32_t mode, int pid, int tid,
		       int kind, int fd)
{
	struct inode *inode = proc_inode_new(dir->sb, mode, pid, tid, kind, fd);

	if (!inode) {
		return -ENOMEM;
	}
	dentry_instantiate(d, inode);
	return 0;
}

/* Mode of a descriptor's link shows its access mode; 0 = there is none. */
static uint32_t fd_mode(int pid, int tid, int fd)
{
	struct fd_access a;

	if (proc_source->next_fd(pid, tid, fd, &a) != fd) {
		return 0;
	}
	return S_IFLNK | (a.readable ? 0500u : 0) | (a.writable ? 0300u : 0);
}

/* What is missing is an error here, as on Linux: no name can be made in /proc. */
static int pid_dir_lookup(struct inode *dir, struct dentry *d)
{
	struct mem_inode *m = mem_inode_of(dir);
	uint32_t mode;
	int n;

	d->valid_until = 0;
	if (!proc_alive(m)) {
		return -ENOENT;
	}
	switch (m->kind) {
	case KIND_DIR_PID:
		for (size_t i = 0; i < proc_entries_count; i++) {
			const struct proc_entry *e = &proc_entries[i];

			if (!strcmp(e->name, d->name) && !(e->process_only && m->tid)) {
				return instantiate(dir, d, e->mode, m->pid, m->tid, e->kind, 0);
			}
		}
		return -ENOENT;
	case KIND_DIR_TASK:
		if (proc_parse_number(d->name, &n) && n && proc_source->born(m->pid, n)) {
			return instantiate(dir, d, S_IFDIR | 0555, m->pid, n, KIND_DIR_PID, 0);
		}
		return -ENOENT;
	case KIND_DIR_FDINFO:
	case KIND_DIR_FD:
		if (m->kind == KIND_DIR_FDINFO && proc_source->may_access(m->pid, m->tid)) {
			return -EACCES;
		}
		mode = proc_parse_number(d->name, &n) ? fd_mode(m->pid, m->tid, n) : 0;
		if (!mode) {
			return -ENOENT;
		}
		if (m->kind == KIND_DIR_FDINFO) {
			return instantiate(dir, d, S_IFREG | 0444, m->pid, m->tid, KIND_FDINFO, n);
		}
		return instantiate(dir, d, mode, m->pid, m->tid, KIND_FD_LINK, n);
	default: return -ENOENT;
	}
}

static int proc_revalidate(struct dentry *d)
{
	struct mem_inode *m = d->inode ? mem_inode_of(d->inode) : NULL;

	if (!m || !m->pid) {
		return m ? 0 : -ESTALE;
	}
	if (!proc_alive(m)) {
		return -ESTALE;
	}
	if (m->kind == KIND_FD_LINK || m->kind == KIND_FDINFO) {
		uint32_t mode = fd_mode(m->pid, m->tid, m->fd);

		if (!mode) {
			return -ESTALE;
		}
		if (m->kind == KIND_FD_LINK) {
			d->inode->mode = mode;
		}
	}
	return proc_source->owner(m->pid, m->tid, d->inode->mode, &d->inode->uid, &d->inode->gid)
		       ? -ESTALE
		       : 0;
}
static const struct dentry_ops proc_dentry_ops = { .revalidate = proc_revalidate };

static bool emit_dots(struct dir_context *ctx, struct inode *inode)
{
	static const char dots[] = "..";

	while (ctx->pos < 2) {
		if (!ctx->emit(ctx, dots, ctx->pos + 1, inode->ino, DT_DIR, ctx->pos + 1)) {
			return false;
		}
		ctx->pos++;
	}
	return true;
}
static bool emit_number(struct dir_context *ctx, int n, unsigned type, uint64_t next)
{
	char name[16];
	int len = fmt_snprintf(name, sizeof(name), "%d", n);

	if (!ctx->emit(ctx, name, (size_t)len, (uint64_t)n + 100, type, next)) {
		return false;
	}
	ctx->pos = next;
	return true;
}

static void read_fds(struct mem_inode *m, struct dir_context *ctx)
{
	unsigned type = m->kind == KIND_DIR_FD ? DT_LNK : DT_REG;
	struct fd_access a;
	int fd;

	while ((fd = proc_source->next_fd(m->pid, m->tid, (int)(ctx->pos - 2), &a)) >= 0) {
		if (!emit_number(ctx, fd, type, (uint64_t)fd + 3)) {
			break;
		}
	}
}

static int pid_readdir(struct file *f, struct dir_context *ctx)
{
	struct mem_inode *m = mem_inode_of(f->inode);
	int tid;

	if (!proc_alive(m)) {
		return -ENOENT;
	}
	if (!emit_dots(ctx, f->inode)) {
		return 0;
	}
	switch (m->kind) {
	case KIND_DIR_PID:
		for (size_t i; (i = ctx->pos - 2) < proc_entries_count; ctx->pos++) {
			const struct proc_entry *e = &proc_entries[i];

			if (!(e->process_only && m->tid) &&
			    !ctx->emit(ctx, e->name, strlen(e->name), f->inode->ino + i + 1,
				       e->mode >> 12, ctx->pos + 1)) {
				break;
			}
		}
		break;
	case KIND_DIR_TASK:
		while ((tid = proc_source->next_tid(m->pid, (int)(ctx->pos - 2))) > 0) {
			if (!emit_number(ctx, tid, DT_DIR, (uint64_t)tid + 2)) {
				break;
			}
		}
		break;
	default: read_fds(m, ctx);
	}
	return 0;
}
static const struct file_ops pid_dir_file_ops = { .readdir = pid_readdir,
						  .lseek = pseudo_dir_lseek };
static int pid_dir_open(struct inode *inode, struct file *f)
{
	struct mem_inode *m = mem_inode_of(inode);

	if (m->kind == KIND_DIR_FDINFO && proc_source->may_access(m->pid, m->tid)) {
		return -EACCES;
	}
	f->ops = &pid_dir_file_ops;
	return 0;
}
/* One's own descriptors, even when root owns the directory (not dumpable). */
static bool pid_dir_permits(struct inode *inode)
{
	struct mem_inode *m = mem_inode_of(inode);

	return m->kind == KIND_DIR_FD && proc_source->is_self(m->pid) && proc_alive(m);
}
static const struct inode_ops proc_pid_dir_ops = {
	.permits = pid_dir_permits,
	.lookup = pid_dir_lookup,
	.open = pid_dir_open,
	.getattr = pid_getattr,
	.setattr = pid_setattr,
};

/* --- the root --- */
static int root_lookup(struct inode *dir, struct dentry *d)
{
	int pid;

	d->valid_until = 0;
	if (!proc_source || !proc_parse_number(d->name, &pid) || !pid ||
	    !proc_source->born(pid, 0)) {
		return -ENOENT;
	}
	return instantiate(dir, d, S_IFDIR | 0555, pid, 0, KIND_DIR_PID, 0);
}
static int root_readdir(struct file *f, struct dir_context *ctx)
{
	int pid;

	/* When the buffer is full after the fixed entries, so it is for the first process. */
	if (ctx->pos < FIRST_PID_COOKIE) {
		int err = pseudo_readdir(f, ctx);

		if (err || !proc_source) {
			return err;
		}
	}
	pid = ctx->pos < FIRST_PID_COOKIE ? 0 : (int)(ctx->pos - FIRST_PID_COOKIE);
	while ((pid = proc_source->next_pid(pid)) > 0) {
		if (!emit_number(ctx, pid, DT_DIR, FIRST_PID_COOKIE + (uint64_t)pid)) {
			break;
		}
	}
	return 0;
}
static const struct file_ops root_file_ops = { .readdir = root_readdir, .lseek = pseudo_dir_lseek };
static int root_open(struct inode *inode, struct file *f)
{
	(void)inode;
	f->ops = &root_file_ops;
	return 0;
}
static const struct inode_ops root_ops = { .lookup = root_lookup, .open = root_open };

static long self_readlink(struct inode *inode, char *buf, size_t size)
{
	int pid = proc_source ? proc_source->self_pid() : 0;

	if (!pid) {
		return -ENOENT;
	}
	if (mem_inode_of(inode)->kind) {
		return fmt_snprintf(buf, size, "%d/task/%d", pid, proc_source->self_tid());
	}
	return fmt_snprintf(buf, size, "%d", pid);
}
static const struct inode_ops self_ops = { .readlink = self_readlink };

static int add_self(struct superblock *sb, const char *name, int kind)
{
	struct inode *inode = mem_inode_new(sb, &self_ops, S_IFLNK | 0777);

	if (!inode) {
		return -ENOMEM;
	}
	mem_inode_of(inode)->kind = kind;
	return pseudo_add(sb->root, name, inode);
}

int procfs_create(struct superblock **out)
{
	struct superblock *sb;
	int err = pseudo_create("proc", PROC_MAGIC, 0555, &root_ops, &sb);

	if (err) {
		return err;
	}
	sb->dops = &proc_dentry_ops;
	err = add_self(sb, "self", 0);
	if (!err) {
		err = add_self(sb, "thread-self", 1);
	}
	if (!err) {
		err = procfs_add_text_files(sb);
	}
	if (!proc_sb) {
		proc_sb = sb;
	}
	*out = sb;
	return err;
}

int procfs_register(const char *path, uint32_t mode, int (*show)(struct text_buf *t, void *arg),
		    int (*store)(const char *buf, size_t n, void *arg), void *arg)
{
	return pseudo_add_text(proc_sb, path, mode, show, store, arg);
}
int sysfs_create(struct superblock **out)
{
	int err = pseudo_create("sysfs", SYSFS_MAGIC, 0555, NULL, out);

	if (err) {
		return err;
	}
	if (!sysfs_sb) {
		sysfs_sb = *out;
	}
	return sysfs_add_text_files(*out);
}
