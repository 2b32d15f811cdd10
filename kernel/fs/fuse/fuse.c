/* SPDX-License-Identifier: MIT */
/*
 * The FUSE client: mounting.  A connection is made, its worker started, INIT answered, and only
 * then is there a root that others can reach: until then its [I] fields are written freely.
 */
#include "fuse_internal.h"

#include <fs/dentry.h>
#include <fs/inode.h>

#define FUSE_SUPER_MAGIC 0x65735546

static int negotiate(struct fuse_conn *conn)
{
	static const struct fuse_init_in in = { .major = FUSE_KERNEL_VERSION,
						.minor = FUSE_KERNEL_MINOR_VERSION,
						.max_readahead = FUSE_READ_PAGES * PAGE_SIZE,
						.flags = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC |
							 FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA |
							 FUSE_DO_READDIRPLUS |
							 FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO |
							 FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
							 FUSE_CACHE_SYMLINKS };
	struct fuse_init_out reply, out;
	long n = fuse_call(conn, FUSE_INIT, 0, &in, sizeof(in), &reply, sizeof(reply));
	int err = n < 0 ? (int)n : fuse_parse_init(&reply, (size_t)n, &out);

	if (err) {
		return err;
	}
	conn->minor = MIN(out.minor, (uint32_t)FUSE_KERNEL_MINOR_VERSION);
	conn->flags = out.flags;
	conn->max_write = out.max_write;
	conn->max_pages = out.max_pages;
	return 0;
}

static int conn_create(struct fuse_transport *t, bool real_ids, struct fuse_conn **out)
{
	struct fuse_conn *conn = kzalloc(sizeof(*conn));
	int err;

	if (!conn) {
		return -ENOMEM;
	}
	conn->transport = t;
	conn->real_ids = real_ids;
	spin_init(&conn->hash_lock, RANK_FS_LEAF, "fuse inodes");
	spin_assert_unshared(&conn->hash_lock);
	conn->hash = kmalloc(sizeof(*conn->hash) << FUSE_HASH_BITS);
	if (!conn->hash) {
		kfree(conn);
		return -ENOMEM;
	}
	for (size_t i = 0; i < 1ul << FUSE_HASH_BITS; i++) {
		list_init(&conn->hash[i]);
	}
	conn->sb.ops = &fuse_super_ops;
	conn->sb.dops = &fuse_dentry_ops;
	conn->sb.type = "virtiofs";
	conn->sb.magic = FUSE_SUPER_MAGIC;
	conn->sb.dev = vfs_new_dev();
	conn->sb.creates_exclusively = true;
	conn->sb.priv = conn;
	mutex_init(&conn->sb.rename_lock, RANK_FS_RENAME, "rename");
	err = fuse_engine_start(conn);
	if (err) {
		kfree(conn->hash);
		kfree(conn);
		return err;
	}
	*out = conn;
	return 0;
}

/* A connection that fails after its worker started stays: the device may still answer. */
int fuse_mount(struct fuse_transport *t, bool real_ids, struct superblock **out)
{
	struct fuse_conn *conn;
	struct inode *root;
	int err = fuse_inodes_init();

	if (!err) {
		err = conn_create(t, real_ids, &conn);
	}
	if (err) {
		return err;
	}
	err = negotiate(conn);
	if (err) {
		return err;
	}
	err = fuse_root_create(conn, &root);
	if (err) {
		return err;
	}
	if (!dentry_alloc_root(&conn->sb, root)) {
		inode_put(root);
		return -ENOMEM;
	}
	*out = &conn->sb;
	return 0;
}
