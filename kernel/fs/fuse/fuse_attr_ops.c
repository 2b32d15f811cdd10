/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: stat, chmod and truncate, symlink targets, extended attributes.  No request is
 * sent under a spinlock; what a reply says is entered by fuse_attr_apply(), which drops it when
 * the inode was changed meanwhile.
 */
#include "fuse_internal.h"

#include <fs/attr.h>
#include <fs/inode.h>

int fuse_getattr(struct inode *inode, struct kstat *st, bool force_sync)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	int err = fuse_attr_refresh(fi, force_sync);

	if (err) {
		return err;
	}
	spin_lock(&fi->lock);
	inode_stat_generic(inode, st);
	spin_unlock(&fi->lock);
	return 0;
}

static void fill_setattr(struct fuse_setattr_in *in, const struct iattr *a)
{
	if (a->valid & ATTR_MODE) {
		in->valid |= FATTR_MODE;
		in->mode = a->mode & 07777;
	}
	if (a->valid & ATTR_UID) {
		in->valid |= FATTR_UID;
		in->uid = a->uid;
	}
	if (a->valid & ATTR_GID) {
		in->valid |= FATTR_GID;
		in->gid = a->gid;
	}
	if (a->valid & ATTR_SIZE) {
		in->valid |= FATTR_SIZE;
		in->size = a->size;
	}
	if (a->valid & ATTR_ATIME) {
		in->valid |= FATTR_ATIME | (a->valid & ATTR_ATIME_NOW ? FATTR_ATIME_NOW : 0);
		in->atime = (uint64_t)a->atime.sec;
		in->atimensec = (uint32_t)a->atime.nsec;
	}
	if (a->valid & ATTR_MTIME) {
		in->valid |= FATTR_MTIME | (a->valid & ATTR_MTIME_NOW ? FATTR_MTIME_NOW : 0);
		in->mtime = (uint64_t)a->mtime.sec;
		in->mtimensec = (uint32_t)a->mtime.nsec;
	}
}

/* inode->lock is held: no write and no other setattr is under way. */
int fuse_setattr(struct inode *inode, const struct iattr *a)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	struct fuse_setattr_in in = { 0 };
	struct fuse_attr_out reply, out;
	long n;
	int err;

	fill_setattr(&in, a);
	if (a->valid & ATTR_FILE && a->file && a->file->writable && a->file->private_data) {
		in.valid |= FATTR_FH;
		in.fh = ((struct fuse_file *)a->file->private_data)->fh;
	}
	if (a->valid & ATTR_SIZE && S_ISREG(inode->mode)) {
		/* Dirty pages behind the new end must not come back by a late write. */
		err = pagecache_sync(&inode->pages, 0, UINT64_MAX);
		(void)err; /* kept for fsync */
	}
	n = fuse_call(fi->conn, FUSE_SETATTR, fi->nodeid, &in, sizeof(in), &reply, sizeof(reply));
	err = n < 0 ? (int)n : fuse_parse_attr(&reply, (size_t)n, &out);
	/* Also after a failure: it may have happened. */
	if (a->valid & (ATTR_SIZE | ATTR_MTIME)) {
		fuse_attr_wrote(fi, 0);
	} else {
		fuse_attr_changed(fi);
	}
	if (err) {
		return err;
	}
	if (a->valid & ATTR_SIZE) {
		pagecache_truncate(&inode->pages, out.attr.size);
	}
	fuse_attr_apply(fi, &out.attr,
			fuse_valid_until(clock_mono_ns(), out.attr_valid, out.attr_valid_nsec),
			fuse_version_now(fi->conn));
	return 0;
}

static int fetch_link(struct fuse_inode *fi)
{
	struct fuse_req *req = fuse_req_alloc(fi->conn, FUSE_READLINK, fi->nodeid, 0,
					      FUSE_SYMLINK_MAX, FUSE_DATA_NONE, 0);
	char *target, *none = NULL;
	long n;

	if (!req) {
		return -ENOMEM;
	}
	n = fuse_req_send(req);
	if (n >= 0) {
		target = kmalloc((size_t)n + 1);
		n = target && n <= FUSE_SYMLINK_MAX
			    ? fuse_parse_readlink(req->reply, (size_t)n, target)
			    : -ENOMEM;
		if (n < 0 || !atomic_compare_exchange_strong(&fi->link_target, &none, target)) {
			kfree(target);
		}
	}
	fuse_req_put(req);
	return n < 0 ? (int)n : 0;
}

/* The target of a symlink never changes: a new one is a new node. */
long fuse_readlink(struct inode *inode, char *buf, size_t size)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	char *target = atomic_load_explicit(&fi->link_target, memory_order_acquire);
	size_t len;
	int err;

	if (!target) {
		err = fetch_link(fi);
		if (err) {
			return err;
		}
		target = atomic_load_explicit(&fi->link_target, memory_order_acquire);
	}
	len = strlen(target);
	if (len >= size) {
		return -ENAMETOOLONG;
	}
	memcpy(buf, target, len + 1);
	return (long)len;
}

/* --- extended attributes --- */

static long no_xattrs(long err)
{
	return err == -ENOSYS ? -EOPNOTSUPP : err;
}

/* GETXATTR (name) and LISTXATTR (NULL): the value, or its size when size is 0. */
static long query_xattr(struct fuse_inode *fi, enum fuse_opcode op, const char *name, void *buf,
			size_t size)
{
	size_t name_size = name ? strlen(name) + 1 : 0;
	struct fuse_getxattr_in *in;
	struct fuse_req *req;
	uint32_t probe;
	long n;

	if (fuse_unsupported(fi->conn, op)) {
		return -EOPNOTSUPP;
	}
	size = MIN(size, (size_t)FUSE_XATTR_MAX);
	req = fuse_req_alloc(fi->conn, op, fi->nodeid, sizeof(*in) + name_size,
			     size ? size : sizeof(struct fuse_getxattr_out), FUSE_DATA_NONE, 0);
	if (!req) {
		return -ENOMEM;
	}
	in = req->args;
	in->size = (uint32_t)size;
	memcpy(in + 1, name ? name : "", name_size);
	n = fuse_req_send(req);
	if (n >= 0 && size == 0) {
		int err = fuse_parse_xattr_size(req->reply, (size_t)n, &probe);

		n = err ? err : (long)probe;
	} else if (n > (long)size) {
		n = -EIO;
	} else if (n > 0) {
		memcpy(buf, req->reply, (size_t)n);
		if (!name && fuse_check_xattr_list(buf, (size_t)n)) {
			n = -EIO;
		}
	}
	fuse_req_put(req);
	return no_xattrs(n);
}

long fuse_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	return query_xattr(fuse_inode_of(inode), FUSE_GETXATTR, name, buf, size);
}

long fuse_listxattr(struct inode *inode, char *buf, size_t size)
{
	return query_xattr(fuse_inode_of(inode), FUSE_LISTXATTR, NULL, buf, size);
}

int fuse_setxattr(struct inode *inode, const char *name, const void *v, size_t n, int flags)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	size_t name_size = strlen(name) + 1;
	struct fuse_setxattr_in *in;
	struct fuse_req *req;
	long err;

	if (fuse_unsupported(fi->conn, FUSE_SETXATTR)) {
		return -EOPNOTSUPP;
	}
	if (n > FUSE_XATTR_MAX) {
		return -E2BIG;
	}
	req = fuse_req_alloc(fi->conn, FUSE_SETXATTR, fi->nodeid, sizeof(*in) + name_size + n, 0,
			     FUSE_DATA_NONE, 0);
	if (!req) {
		return -ENOMEM;
	}
	in = req->args;
	in->size = (uint32_t)n;
	in->flags = (uint32_t)flags;
	memcpy(in + 1, name, name_size);
	memcpy((char *)(in + 1) + name_size, v, n);
	err = fuse_req_send(req);
	fuse_req_put(req);
	fuse_attr_expire(inode);
	return err < 0 ? (int)no_xattrs(err) : 0;
}

int fuse_removexattr(struct inode *inode, const char *name)
{
	struct fuse_inode *fi = fuse_inode_of(inode);
	long err;

	if (fuse_unsupported(fi->conn, FUSE_REMOVEXATTR)) {
		return -EOPNOTSUPP;
	}
	err = fuse_call(fi->conn, FUSE_REMOVEXATTR, fi->nodeid, name, strlen(name) + 1, NULL, 0);
	fuse_attr_expire(inode);
	return err < 0 ? (int)no_xattrs(err) : 0;
}
