/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: names.  The VFS holds the directory's lock around all of these but
 * revalidate.  It makes names without a lookup before (creates_exclusively).
 */
#include "fuse_internal.h"

#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <sync/random.h>

#define ABSENT_VALID_MAX 1000000000ul /* ns */

static struct fuse_conn *conn_of(struct inode *inode)
{
	return fuse_inode_of(inode)->conn;
}
static uint64_t node_of(struct inode *inode)
{
	return fuse_inode_of(inode)->nodeid;
}

/* A request with arguments of args_size bytes and then a name. */
static struct fuse_req *name_req(struct inode *dir, enum fuse_opcode op, size_t args_size,
				 const char *name, size_t out_size)
{
	size_t n = strlen(name) + 1;
	struct fuse_req *req = fuse_req_alloc(conn_of(dir), op, node_of(dir), args_size + n,
					      out_size, FUSE_DATA_NONE, 0);

	if (req) {
		memcpy((char *)req->args + args_size, name, n);
	}
	return req;
}

/* Sends a request whose reply is an entry; consumes it.  nodeid 0 = no such name. */
static int send_for_entry(struct fuse_req *req, struct fuse_entry_out *e)
{
	long n = fuse_req_send(req);
	int err = n < 0 ? (int)n : fuse_parse_entry(req->reply, (size_t)n, e);

	fuse_req_put(req);
	return err;
}

static uint64_t entry_valid_until(struct fuse_conn *conn, const struct fuse_entry_out *e)
{
	uint64_t now = clock_mono_ns();
	uint64_t until = fuse_valid_until(now, e->entry_valid, e->entry_valid_nsec);

	atomic_store_explicit(&conn->name_valid, until > now ? until - now : 0,
			      memory_order_relaxed);
	return until;
}

/* That a name is absent is believed as long as that one is there, but for a second at most: the
 * daemon says nothing of it.  Without this each search along a path of directories asks for all of
 * them again. */
static uint64_t absent_valid_until(struct fuse_conn *conn)
{
	uint64_t valid = atomic_load_explicit(&conn->name_valid, memory_order_relaxed);

	return clock_mono_ns() + MIN(valid, ABSENT_VALID_MAX);
}

/* UNLINK or RMDIR. */
static long send_remove(struct inode *dir, const char *name, enum fuse_opcode op)
{
	return fuse_call(conn_of(dir), op, node_of(dir), name, strlen(name) + 1, NULL, 0);
}

/* LOOKUP; once more when the daemon had no descriptor to spare. */
static int send_lookup(struct inode *dir, const char *name, struct fuse_entry_out *e)
{
	for (int tries = 0;; tries++) {
		struct fuse_req *req = name_req(dir, FUSE_LOOKUP, 0, name, sizeof(*e));
		int err = req ? send_for_entry(req, e) : -ENOMEM;

		if (tries || !fuse_make_room(conn_of(dir), err)) {
			return err;
		}
	}
}

static int lookup(struct inode *dir, struct dentry *d)
{
	struct fuse_conn *conn = conn_of(dir);
	uint64_t version = fuse_version_now(conn);
	struct fuse_entry_out e;
	struct inode *inode;
	int err;

	if (d->name_len > FUSE_NAME_MAX) {
		return -ENAMETOOLONG;
	}
	d->valid_until = 0;
	err = send_lookup(dir, d->name, &e);
	if (err == -ENOENT) {
		d->valid_until = absent_valid_until(conn);
		return 0;
	}
	if (err) {
		return err;
	}
	d->valid_until = entry_valid_until(conn, &e);
	if (e.nodeid == 0) {
		return 0;
	}
	err = fuse_inode_from_entry(conn, &e, version, &inode);
	if (!err) {
		dentry_instantiate(d, inode);
	}
	return err;
}

/* A stable copy of what d is called, and its directory (counted). */
static int name_of(struct dentry *d, char *name, struct inode **dir)
{
	int err = 0;

	spin_lock(&dcache_lock);
	if (d->unhashed || d->parent == d || !d->parent->inode || d->name_len > FUSE_NAME_MAX) {
		err = -ESTALE;
	} else {
		memcpy(name, d->name, d->name_len + 1u);
		*dir = d->parent->inode;
		inode_get(*dir);
	}
	spin_unlock(&dcache_lock);
	return err;
}

static int revalidate(struct dentry *d)
{
	struct inode *dir, *inode = d->inode, *again;
	struct fuse_conn *conn;
	struct fuse_entry_out e;
	uint64_t version;
	char name[FUSE_NAME_MAX + 1];
	int err;

	if (clock_mono_ns() < READ_ONCE(d->valid_until) || d->parent == d) {
		return 0;
	}
	if (!inode) {
		return -ESTALE;
	}
	err = name_of(d, name, &dir);
	if (err) {
		return err;
	}
	conn = conn_of(dir);
	version = fuse_version_now(conn);
	err = send_lookup(dir, name, &e);
	inode_put(dir);
	if (err || e.nodeid == 0) {
		return err == -ENOMEM || err == -EINTR || err == -EIO ? err : -ESTALE;
	}
	err = fuse_inode_from_entry(conn, &e, version, &again);
	if (err) {
		return err;
	}
	if (again == inode) {
		WRITE_ONCE(d->valid_until, entry_valid_until(conn, &e));
	} else {
		err = -ESTALE; /* another file has the name now */
	}
	inode_put(again);
	return err;
}

/* Sends a request that makes d in dir as `name`; consumes req (may be NULL). */
static int make(struct inode *dir, struct dentry *d, const char *name, struct fuse_req *req,
		uint32_t type)
{
	struct fuse_conn *conn = conn_of(dir);
	uint64_t version = fuse_version_now(conn);
	struct fuse_entry_out e;
	struct inode *inode;
	int err;

	if (!req) {
		return -ENOMEM;
	}
	err = send_for_entry(req, &e);
	fuse_attr_changed(fuse_inode_of(dir));
	if (fuse_make_room(conn, err)) {
		int made = send_lookup(dir, name, &e); /* it failed after it was made */

		err = made || !e.nodeid ? err : 0;
	}
	if (err) {
		return err;
	}
	if (e.nodeid == 0) {
		return -EIO;
	}
	if ((e.attr.mode ^ type) & S_IFMT) {
		fuse_forget_queue(conn, NULL, e.nodeid, 1);
		return -EIO;
	}
	err = fuse_inode_from_entry(conn, &e, version, &inode);
	if (err) {
		return err;
	}
	d->valid_until = entry_valid_until(conn, &e);
	if (!dentry_instantiate_made(d, inode)) {
		dentry_drop(d);
		inode_put(inode);
	}
	return 0;
}

static uint32_t rdev_encode(uint64_t rdev)
{
	uint32_t major = dev_major(rdev), minor = dev_minor(rdev);

	return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffu) << 12;
}

static int make_node(struct inode *dir, struct dentry *d, uint32_t mode, uint64_t rdev)
{
	struct fuse_mknod_in *in;
	struct fuse_req *req = name_req(dir, FUSE_MKNOD, sizeof(*in), d->name,
					sizeof(struct fuse_entry_out));

	if (req) {
		in = req->args;
		in->mode = mode;
		in->rdev = rdev_encode(rdev);
	}
	return make(dir, d, d->name, req, mode);
}

static int create(struct inode *dir, struct dentry *d, uint32_t mode)
{
	return make_node(dir, d, S_IFREG | (mode & 07777), 0);
}

static int make_dir(struct inode *dir, struct dentry *d, uint32_t mode)
{
	struct fuse_mkdir_in *in;
	struct fuse_req *req = name_req(dir, FUSE_MKDIR, sizeof(*in), d->name,
					sizeof(struct fuse_entry_out));

	if (req) {
		in = req->args;
		in->mode = mode & 07777;
	}
	return make(dir, d, d->name, req, S_IFDIR);
}

static int make_symlink(struct inode *dir, struct dentry *d, const char *target)
{
	size_t name_size = d->name_len + 1u, n = strlen(target) + 1;
	struct fuse_req *req;

	if (n > FUSE_SYMLINK_MAX + 1) {
		return -ENAMETOOLONG;
	}
	req = fuse_req_alloc(conn_of(dir), FUSE_SYMLINK, node_of(dir), name_size + n,
			     sizeof(struct fuse_entry_out), FUSE_DATA_NONE, 0);
	if (req) {
		memcpy(req->args, d->name, name_size);
		memcpy((char *)req->args + name_size, target, n);
	}
	return make(dir, d, d->name, req, S_IFLNK);
}

static int make_link(struct inode *dir, struct dentry *d, struct inode *target)
{
	struct fuse_link_in *in;
	struct fuse_req *req = name_req(dir, FUSE_LINK, sizeof(*in), d->name,
					sizeof(struct fuse_entry_out));

	if (req) {
		in = req->args;
		in->oldnodeid = node_of(target);
	}
	fuse_attr_changed(fuse_inode_of(target)); /* nlink; the reply has the new one */
	return make(dir, d, d->name, req, target->mode);
}

/* The daemon makes a file, or O_EXCL fails: what is there already is opened by a lookup, which sees
 * what it is and who may.  Without O_CREAT, that is the daemon's to add: the C virtiofsd would open
 * an existing file with the flags as they are, and abort. */
static int send_create(struct inode *dir, const char *name, uint32_t flags, uint32_t mode,
		       struct fuse_entry_out *e, struct fuse_open_out *o)
{
	struct fuse_create_in *in;
	struct fuse_req *req = name_req(dir, FUSE_CREATE, sizeof(*in), name,
					sizeof(*e) + sizeof(*o));
	long n;
	int err;

	if (!req) {
		return -ENOMEM;
	}
	in = req->args;
	in->flags = flags & ~(uint32_t)(O_CREAT | O_NOCTTY);
	in->mode = S_IFREG | (mode & 07777);
	n = fuse_req_send(req);
	err = n < 0 ? (int)n : fuse_parse_create(req->reply, (size_t)n, e, o);
	fuse_req_put(req);
	return err;
}

/* Atomic: the daemon makes and opens it in one step. */
static int create_open(struct inode *dir, struct dentry *d, struct file *f, uint32_t mode)
{
	struct fuse_conn *conn = conn_of(dir);
	uint64_t version = fuse_version_now(conn);
	uint32_t flags = atomic_load_explicit(&f->flags, memory_order_relaxed);
	struct fuse_entry_out e;
	struct fuse_open_out o;
	struct inode *inode;
	int err;

	if (fuse_unsupported(conn, FUSE_CREATE)) {
		return -ENOSYS;
	}
	err = send_create(dir, d->name, flags | O_EXCL, mode, &e, &o);
	if (fuse_make_room(conn, err)) {
		err = send_create(dir, d->name, flags | O_EXCL, mode, &e, &o);
		if (err == -EEXIST && flags & O_EXCL) {
			/* The first try failed after the file was made: it is ours all the same. */
			err = send_create(dir, d->name, flags & ~(uint32_t)O_EXCL, mode, &e, &o);
		}
	}
	fuse_attr_changed(fuse_inode_of(dir));
	if (err) {
		return err;
	}
	err = fuse_inode_from_entry(conn, &e, version, &inode);
	if (err) {
		fuse_release_handle(conn, e.nodeid, o.fh, false);
		return err;
	}
	err = fuse_file_attach(f, inode, flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC), &o);
	if (err) {
		inode_put(inode);
		return err;
	}
	inode_get(inode);
	f->inode = inode;
	d->valid_until = entry_valid_until(conn, &e);
	dentry_instantiate(d, inode);
	return 0;
}

/* A name that nobody guesses, made and taken away again: there is no FUSE_TMPFILE here. */
static int make_tmpfile(struct inode *dir, struct dentry *d, uint32_t mode)
{
	static const char digits[] = "0123456789abcdef";
	char name[] = ".corrida-tmp-0123456789abcdef";
	uint8_t r[8];
	struct fuse_mknod_in *in;
	struct fuse_req *req;
	long n;
	int err;

	random_bytes(r, sizeof(r));
	for (unsigned i = 0; i < 16; i++) {
		name[13 + i] = digits[r[i / 2] >> (i % 2 * 4) & 15];
	}
	req = name_req(dir, FUSE_MKNOD, sizeof(*in), name, sizeof(struct fuse_entry_out));
	if (req) {
		in = req->args;
		in->mode = S_IFREG | (mode & 07777);
	}
	err = make(dir, d, name, req, S_IFREG);
	if (err) {
		return err;
	}
	n = send_remove(dir, name, FUSE_UNLINK);
	d->inode->nlink = 0;
	fuse_attr_changed(fuse_inode_of(d->inode));
	return n < 0 ? (int)n : 0;
}

/*
 * UNLINK, RMDIR and RENAME were answered with EIO.  virtiofsd says so, too, when the name is
 * gone or when it does not know the file behind it: a lookup tells which, and makes the file
 * known.  0: try again, then give *nodeid back; else the error.
 */
static int look_again(struct inode *dir, const char *name, uint64_t *nodeid)
{
	struct fuse_entry_out e;
	int err = send_lookup(dir, name, &e);

	if (err || !e.nodeid) {
		return err ? err : -ENOENT;
	}
	*nodeid = e.nodeid;
	return 0;
}

/* UNLINK and RMDIR. */
static int remove_name(struct inode *dir, struct dentry *d, enum fuse_opcode op)
{
	uint64_t known = 0;
	long n;

	fuse_attr_changed(fuse_inode_of(dir)); /* before: listings under way are old now */
	n = send_remove(dir, d->name, op);
	if (n == -EIO) {
		n = look_again(dir, d->name, &known);
		if (n == 0) {
			n = send_remove(dir, d->name, op);
			fuse_forget_queue(conn_of(dir), NULL, known, 1);
		}
	}
	fuse_attr_changed(fuse_inode_of(dir));
	if (n < 0) {
		d->valid_until = 0; /* what we believed of it may be wrong */
		return (int)n;
	}
	if (d->inode) {
		struct fuse_inode *fi = fuse_inode_of(d->inode);

		fuse_attr_changed(fi);
		spin_lock(&fi->lock);
		if (fi->inode.nlink > 0) {
			fi->inode.nlink--;
		}
		spin_unlock(&fi->lock);
	}
	return 0;
}

static int unlink_name(struct inode *dir, struct dentry *d)
{
	return remove_name(dir, d, FUSE_UNLINK);
}
static int remove_dir(struct inode *dir, struct dentry *d)
{
	return remove_name(dir, d, FUSE_RMDIR);
}

static long send_rename(struct inode *old_dir, struct dentry *old_d, struct inode *new_dir,
			struct dentry *new_d, unsigned flags)
{
	size_t args = flags ? sizeof(struct fuse_rename2_in) : sizeof(struct fuse_rename_in);
	size_t old_size = old_d->name_len + 1u, new_size = new_d->name_len + 1u;
	struct fuse_req *req = fuse_req_alloc(conn_of(old_dir), flags ? FUSE_RENAME2 : FUSE_RENAME,
					      node_of(old_dir), args + old_size + new_size, 0,
					      FUSE_DATA_NONE, 0);
	char *names;
	long n;

	if (!req) {
		return -ENOMEM;
	}
	if (flags) {
		struct fuse_rename2_in *in = req->args;

		in->newdir = node_of(new_dir);
		in->flags = flags;
	} else {
		((struct fuse_rename_in *)req->args)->newdir = node_of(new_dir);
	}
	names = (char *)req->args + args;
	memcpy(names, old_d->name, old_size);
	memcpy(names + old_size, new_d->name, new_size);
	n = fuse_req_send(req);
	fuse_req_put(req);
	return n;
}

static int rename_name(struct inode *old_dir, struct dentry *old_d, struct inode *new_dir,
		       struct dentry *new_d, unsigned flags)
{
	struct fuse_conn *conn = conn_of(old_dir);
	uint64_t known = 0;
	long n;

	if (flags && fuse_unsupported(conn, FUSE_RENAME2)) {
		return -EINVAL;
	}
	fuse_attr_changed(fuse_inode_of(old_dir));
	fuse_attr_changed(fuse_inode_of(new_dir));
	n = send_rename(old_dir, old_d, new_dir, new_d, flags);
	if (n == -EIO) {
		n = look_again(old_dir, old_d->name, &known);
		if (n == 0) {
			n = send_rename(old_dir, old_d, new_dir, new_d, flags);
			fuse_forget_queue(conn, NULL, known, 1);
		}
	}
	fuse_attr_changed(fuse_inode_of(old_dir));
	fuse_attr_changed(fuse_inode_of(new_dir));
	if (n < 0) {
		return n == -ENOSYS ? -EINVAL : (int)n;
	}
	fuse_attr_changed(fuse_inode_of(old_d->inode)); /* ctime */
	if (new_d->inode) {
		fuse_attr_changed(fuse_inode_of(new_d->inode)); /* nlink */
	}
	return 0;
}

#define COMMON_OPS                                                                   \
	.getattr = fuse_getattr, .setattr = fuse_setattr, .getxattr = fuse_getxattr, \
	.setxattr = fuse_setxattr, .listxattr = fuse_listxattr, .removexattr = fuse_removexattr

const struct inode_ops fuse_dir_inode_ops = {
	.lookup = lookup,
	.create = create,
	.create_open = create_open,
	.mkdir = make_dir,
	.mknod = make_node,
	.symlink = make_symlink,
	.link = make_link,
	.unlink = unlink_name,
	.rmdir = remove_dir,
	.rename = rename_name,
	.tmpfile = make_tmpfile,
	.open = fuse_open,
	COMMON_OPS,
};
const struct inode_ops fuse_file_inode_ops = { .open = fuse_open, COMMON_OPS };
const struct inode_ops fuse_link_inode_ops = { .readlink = fuse_readlink, COMMON_OPS };
const struct dentry_ops fuse_dentry_ops = { .revalidate = revalidate };
