/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/lib/rbtree.c kernel/fs/fuse/fuse.c kernel/fs/fuse/fuse_request.c kernel/fs/fuse/fuse_forget.c kernel/fs/fuse/fuse_inode.c kernel/fs/fuse/fuse_attr_ops.c kernel/fs/fuse/fuse_dir.c kernel/fs/fuse/fuse_readdir.c kernel/fs/fuse/fuse_file.c kernel/fs/fuse/fuse_data.c kernel/fs/fuse/fuse_write.c kernel/fs/fuse/fuse_range.c kernel/fs/fuse/fuse_codec.c kernel/fs/dentry.c kernel/fs/inode.c kernel/fs/lseek.c kernel/mm/pagecache.c kernel/mm/pagecache_tree.c kernel/mm/pagecache_io.c kernel/mm/pagecache_writeback.c kernel/mm/pagecache_reclaim.c kernel/mm/uio.c tests/unit/shim/pages_host.c tests/unit/shim/fuse_fake.c tests/unit/shim/base.c tests/unit/shim/strings.c */
/* The FUSE client against a daemon in memory that also lies. */
#include "test.h"

#include "../../kernel/fs/fuse/fuse_internal.h"
#include "shim/fuse_fake.h"
#include "shim/pages_host.h"
#include <fs/attr.h>
#include <fs/mount.h>
#include <fs/readdir.h>
#include <sync/random.h>
#include <string.h>

void random_bytes(void *buf, size_t n)
{
	static unsigned char next;

	for (size_t i = 0; i < n; i++) {
		((unsigned char *)buf)[i] = next++;
	}
}
void locks_free_state(struct inode *inode)
{
	(void)inode;
}
static bool killed;
int block(uint64_t deadline)
{
	(void)deadline;
	if (!killed) {
		panic("the only thread sleeps for ever");
	}
	return -ERESTARTSYS;
}

static void device_and_worker(void)
{
	fake_transport.ops->poll(&fake_transport);
	host_run_threads();
}

/* --- a little of the VFS --- */
static struct superblock *sb;
static struct dentry *root;

static void mount_fake(void)
{
	static struct superblock *first;

	if (first) {
		dentry_prune_children(root);
		host_run_threads();
		fake_transport.ops->poll(&fake_transport);
	}
	fake_reset();
	if (!first) {
		CHECK_EQ(fuse_mount(&fake_transport, false, &first), 0);
		memset(fake.requests, 0, sizeof(fake.requests));
	}
	sb = first;
	root = sb->root;
	atomic_store(&((struct fuse_conn *)sb->priv)->unsupported, 0);
	atomic_store(&((struct fuse_conn *)sb->priv)->broken, false);
	host_clock_ns += 10 * NSEC_PER_SEC;
}
/* Drops all caches; then the daemon must have everything back. */
static void check_nothing_is_held(void)
{
	dentry_prune_children(root);
	host_run_threads();
	fake_transport.ops->poll(&fake_transport);
	for (uint64_t i = 2; i < 20000; i++) {
		CHECK_EQ(fake_lookup_count(i), 0);
	}
	CHECK_EQ(fake_waiting(), 0);
}
static int walk(struct dentry *dir, const char *name, struct dentry **out)
{
	struct dentry *d = dentry_find(dir, name, strlen(name));
	int err = 0;

	if (d && d->valid_until < host_clock_ns) {
		err = sb->dops->revalidate(d);
		if (err) {
			dentry_drop(d);
			dentry_put(d);
			d = NULL;
			if (err != -ESTALE) {
				return err;
			}
			err = 0;
		}
	}
	if (!d) {
		d = dentry_alloc(dir, name, strlen(name));
		mutex_lock(&dir->inode->lock);
		err = dir->inode->ops->lookup(dir->inode, d);
		mutex_unlock(&dir->inode->lock);
	}
	if (err) {
		dentry_put(d);
		return err;
	}
	*out = d;
	return 0;
}
static int open_dentry(struct dentry *d, int flags, struct file *f)
{
	*f = (struct file){ .flags = (uint32_t)flags, .inode = d->inode };
	f->writable = flags & O_ACCMODE;
	f->path.dentry = d;
	return d->inode->ops->open(d->inode, f);
}
static int open_name(const char *name, int flags, struct file *f)
{
	struct dentry *d;
	int err = walk(root, name, &d);

	if (err) {
		return err;
	}
	err = !d->inode ? -ENOENT : open_dentry(d, flags, f);
	if (err) {
		dentry_put(d);
	}
	return err;
}
static void close_file(struct file *f)
{
	if (f->ops->flush) {
		CHECK_EQ(f->ops->flush(f), 0);
	}
	f->ops->release(f);
	dentry_put(f->path.dentry);
}
static int create_name(const char *name, int flags, struct file *f)
{
	struct dentry *d;
	int err = walk(root, name, &d);

	CHECK_EQ(err, 0);
	*f = (struct file){ .flags = (uint32_t)flags | O_CREAT, .writable = true };
	f->path.dentry = d;
	mutex_lock(&root->inode->lock);
	err = root->inode->ops->create_open(root->inode, d, f, 0644);
	mutex_unlock(&root->inode->lock);
	if (err) {
		dentry_put(d);
		return err;
	}
	inode_put(f->inode); /* the tests' files borrow the dentry's reference */
	return 0;
}
static long do_read(struct file *f, uint64_t pos, void *buf, size_t n)
{
	struct uio_seg seg;
	struct uio u;

	uio_init_kernel(&u, &seg, buf, n);
	return f->ops->read(f, &u, &pos, 0);
}
static long do_write(struct file *f, uint64_t pos, const void *buf, size_t n, unsigned flags)
{
	struct uio_seg seg;
	struct uio u;
	long r;

	uio_init_kernel(&u, &seg, (void *)buf, n);
	mutex_lock(&f->inode->lock);
	r = f->ops->write(f, &u, &pos, flags);
	mutex_unlock(&f->inode->lock);
	return r;
}
static int do_unlink(const char *name)
{
	struct dentry *d;
	int err = walk(root, name, &d);

	CHECK_EQ(err, 0);
	mutex_lock(&root->inode->lock);
	err = root->inode->ops->unlink(root->inode, d);
	mutex_unlock(&root->inode->lock);
	if (!err) {
		dentry_drop(d);
	}
	dentry_put(d);
	return err;
}

static unsigned char big[4 << 20], back[4 << 20];

/* --- tests --- */
static void lookup_is_cached_while_valid(void)
{
	struct kstat st;
	struct dentry *d;

	mount_fake();
	fake_add_file(1, "a", "hello", 5);
	CHECK_EQ(walk(root, "a", &d), 0);
	CHECK_EQ(d->inode->ops->getattr(d->inode, &st, false), 0);
	CHECK_EQ(st.size, 5);
	CHECK_EQ(st.ino, 1002);
	dentry_put(d);
	CHECK_EQ(walk(root, "a", &d), 0);
	CHECK_EQ(d->inode->ops->getattr(d->inode, &st, false), 0);
	dentry_put(d);
	CHECK_EQ(fake.requests[FUSE_LOOKUP], 1);
	CHECK_EQ(fake.requests[FUSE_GETATTR], 0);
	host_clock_ns += 2 * NSEC_PER_SEC;
	CHECK_EQ(walk(root, "a", &d), 0);
	CHECK_EQ(fake.requests[FUSE_LOOKUP], 2);
	CHECK_EQ(d->inode->ops->getattr(d->inode, &st, true), 0);
	CHECK_EQ(fake.requests[FUSE_GETATTR], 1);
	dentry_put(d);
	CHECK_EQ(walk(root, "none", &d), 0);
	CHECK(!d->inode);
	dentry_put(d);
	check_nothing_is_held();
}

static void read_goes_through_the_cache(void)
{
	struct file f;
	unsigned char buf[100];
	uint64_t n;

	mount_fake();
	for (size_t i = 0; i < sizeof(big); i++) {
		big[i] = (unsigned char)(i * 13 + i / 4096);
	}
	n = fake_add_file(1, "big", big, sizeof(big) - 7);
	CHECK_EQ(open_name("big", O_RDONLY, &f), 0);
	CHECK_EQ(do_read(&f, 0, back, sizeof(back)), sizeof(big) - 7);
	CHECK(memcmp(big, back, sizeof(big) - 7) == 0);
	CHECK(fake.requests[FUSE_READ] <= 6);
	fake.requests[FUSE_READ] = 4;
	CHECK_EQ(fake.max_data, 1 << 20);
	CHECK_EQ(do_read(&f, 5000, buf, 100), 100);
	CHECK_EQ(fake.requests[FUSE_READ], 4);
	close_file(&f);
	CHECK_EQ(fake.requests[FUSE_FLUSH], 0);
	/* Opened again, unchanged: the pages are still good. */
	CHECK_EQ(open_name("big", O_RDONLY, &f), 0);
	CHECK_EQ(do_read(&f, 5000, buf, 100), 100);
	CHECK_EQ(fake.requests[FUSE_READ], 4);
	close_file(&f);
	/* Changed behind our back, same size: seen at the next open. */
	big[5000] ^= 1;
	fake_write_file(n, big, sizeof(big) - 7);
	CHECK_EQ(open_name("big", O_RDONLY, &f), 0);
	CHECK_EQ(do_read(&f, 5000, buf, 100), 100);
	CHECK(buf[0] == big[5000]);
	close_file(&f);
	check_nothing_is_held();
}

static void reads_ahead_of_a_sequential_reader(void)
{
	struct file f;

	mount_fake();
	fake_add_file(1, "big", big, sizeof(big) - 7);
	CHECK_EQ(open_name("big", O_RDONLY, &f), 0);
	for (size_t pos = 0; pos < sizeof(big) - 7; pos += 65536) {
		size_t n = MIN((size_t)65536, sizeof(big) - 7 - pos);

		fake.short_reads = pos == 2 << 20; /* one of them is cut short */
		CHECK_EQ(do_read(&f, pos, back + pos, 65536), n);
	}
	CHECK(memcmp(big, back, sizeof(big) - 7) == 0);
	CHECK(fake.requests[FUSE_READ] <= 10);
	CHECK_EQ(fake.max_data, 1 << 20);
	close_file(&f);
	/* Closed with a window under way. */
	fake_write_file(2, big, sizeof(big));
	CHECK_EQ(open_name("big", O_RDONLY, &f), 0);
	CHECK_EQ(do_read(&f, 0, back, 100000), 100000);
	CHECK(fake_waiting() > 0);
	close_file(&f);
	check_nothing_is_held();
	CHECK_EQ(fake_lookup_count(2), 0);
}

static void short_reads_are_not_the_end(void)
{
	struct file f;

	mount_fake();
	fake_add_file(1, "big", big, 300000);
	CHECK_EQ(open_name("big", O_RDONLY, &f), 0);
	fake.short_reads = 3;
	CHECK_EQ(do_read(&f, 0, back, sizeof(back)), 300000);
	CHECK(memcmp(big, back, 300000) == 0);
	close_file(&f);
	CHECK_EQ(open_name("big", O_RDONLY | O_DIRECT, &f), 0);
	fake.short_reads = 2;
	CHECK_EQ(do_read(&f, 10, back, 200000), 200000);
	CHECK(memcmp(big + 10, back, 200000) == 0);
	CHECK_EQ(do_read(&f, 299000, back, 200000), 1000);
	close_file(&f);
	check_nothing_is_held();
}

static void write_goes_through_and_stays_cached(void)
{
	struct file f;
	const unsigned char *data;
	struct kstat st;
	size_t n;

	mount_fake();
	CHECK_EQ(create_name("new", O_RDWR, &f), 0);
	CHECK_EQ(do_write(&f, 0, big, 3000000, 0), 3000000);
	CHECK_EQ(fake.requests[FUSE_WRITE], 12);
	data = fake_file_data(2, &n);
	CHECK_EQ(n, 3000000);
	CHECK(memcmp(data, big, n) == 0);
	CHECK_EQ(do_read(&f, 0, back, sizeof(back)), 3000000);
	CHECK(memcmp(big, back, 3000000) == 0);
	CHECK_EQ(fake.requests[FUSE_READ], 0);
	CHECK_EQ(do_write(&f, 4090, "0123456789", 10, 0), 10);
	CHECK_EQ(do_read(&f, 4090, back, 10), 10);
	CHECK(memcmp(back, "0123456789", 10) == 0);
	CHECK_EQ(do_write(&f, 0, "end", 3, IO_APPEND), 3);
	CHECK_EQ(f.inode->ops->getattr(f.inode, &st, false), 0);
	CHECK_EQ(st.size, 3000003);
	close_file(&f);
	CHECK_EQ(fake.requests[FUSE_FLUSH], 1);
	/* Our own writes don't make the cache forget. */
	CHECK_EQ(open_name("new", O_RDONLY, &f), 0);
	CHECK_EQ(do_read(&f, 2999998, back, 100), 5);
	CHECK_EQ(fake.requests[FUSE_READ], 0);
	CHECK(memcmp(back + 2, "end", 3) == 0);
	close_file(&f);
	check_nothing_is_held();
}

static void short_and_failed_writes(void)
{
	struct file f;
	struct uio_seg seg[2] = { { (uintptr_t)big, 6000 }, { 0, 6000 } };
	struct uio u;
	uint64_t pos = 0;

	mount_fake();
	CHECK_EQ(create_name("w", O_RDWR, &f), 0);
	fake.short_writes = 1;
	CHECK_EQ(do_write(&f, 0, big, 100000, 0), 50000);
	CHECK_EQ(f.inode->pages.size, 50000);
	CHECK_EQ(do_write(&f, 0, big, 50000, 0), 50000);
	fake.short_writes = 1; /* the first of several: the others don't count */
	CHECK_EQ(do_write(&f, 0, big, 1 << 20, 0), 128 << 10);
	CHECK_EQ(do_read(&f, 0, back, 128 << 10), 128 << 10);
	CHECK(memcmp(back, big, 128 << 10) == 0);
	fake.fail = ENOSPC;
	fake.fail_op = FUSE_WRITE;
	CHECK_EQ(do_write(&f, 0, "xxx", 3, 0), -ENOSPC);
	CHECK_EQ(do_read(&f, 0, back, 3), 3);
	CHECK(memcmp(back, big, 3) == 0);
	/* A bad address half way: what was good is written. */
	uio_init_segs(&u, seg, 2, 12000);
	CHECK_EQ(f.ops->write(&f, &u, &pos, 0), 6000);
	CHECK_EQ(u.left, 6000);
	CHECK_EQ(f.ops->write(&f, &u, &pos, 0), -EFAULT);
	CHECK_EQ(pos, 6000);
	close_file(&f);
	check_nothing_is_held();
}

static void stale_sizes_do_not_come_back(void)
{
	struct fuse_inode *fi;
	struct fuse_req *req;
	uint64_t version;
	struct file f;
	long n;

	mount_fake();
	CHECK_EQ(create_name("s", O_RDWR, &f), 0);
	fi = fuse_inode_of(f.inode);
	CHECK_EQ(do_write(&f, 0, big, 100, 0), 100);
	/* A GETATTR that was sent before a write and is parsed after it. */
	req = fuse_getattr_prepare(fi);
	version = fuse_version_now(fi->conn);
	n = fuse_req_send(req);
	CHECK_EQ(do_write(&f, 100, big, 100, 0), 100);
	CHECK_EQ(fuse_getattr_finish(fi, n, req, version), 0);
	fuse_req_put(req);
	CHECK_EQ(f.inode->pages.size, 200);
	close_file(&f);
	check_nothing_is_held();
}

static void truncate_and_trunc_open(void)
{
	struct iattr a = { .valid = ATTR_SIZE, .size = 10 };
	struct file f;

	mount_fake();
	fake_add_file(1, "t", big, 10000);
	CHECK_EQ(open_name("t", O_RDWR, &f), 0);
	CHECK_EQ(do_read(&f, 0, back, 10000), 10000);
	CHECK_EQ(f.inode->ops->setattr(f.inode, &a), 0);
	CHECK_EQ(do_read(&f, 0, back, 10000), 10);
	a.size = 5000;
	CHECK_EQ(f.inode->ops->setattr(f.inode, &a), 0);
	CHECK_EQ(do_read(&f, 0, back, 10000), 5000);
	CHECK(back[10] == 0 && back[4999] == 0 && back[9] == big[9]);
	close_file(&f);
	CHECK_EQ(open_name("t", O_WRONLY | O_TRUNC, &f), 0);
	CHECK_EQ(f.inode->pages.size, 0);
	CHECK(!(f.flags & O_TRUNC));
	close_file(&f);
	check_nothing_is_held();
}

struct listing {
	struct dir_context ctx;
	unsigned count, stop_at;
};
static bool take(struct dir_context *ctx, const char *name, size_t len, uint64_t ino, unsigned type,
		 uint64_t next)
{
	struct listing *l = container_of(ctx, struct listing, ctx);

	(void)ino;
	(void)type;
	(void)next;
	CHECK(strlen(name) == len);
	if (l->count == l->stop_at) {
		return false;
	}
	l->count++;
	return true;
}
static void big_directory_costs_few_requests(void)
{
	struct listing l = { .ctx = { .emit = take } };
	struct file f;
	char name[20];

	mount_fake();
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		fake_add_file(1, name, "x", 1);
	}
	dentry_get(root);
	CHECK_EQ(open_dentry(root, O_RDONLY | O_DIRECTORY, &f), 0);
	for (l.stop_at = 1000; l.stop_at <= 11000; l.stop_at += 1000) {
		CHECK_EQ(f.ops->readdir(&f, &l.ctx), 0);
	}
	CHECK_EQ(l.count, 10000);
	CHECK(fake.requests[FUSE_READDIRPLUS] <= 10);
	for (int i = 0; i < 10000; i += 100) {
		struct kstat st;
		struct dentry *d;

		snprintf(name, sizeof(name), "file%d", i);
		CHECK_EQ(walk(root, name, &d), 0);
		CHECK_EQ(d->inode->ops->getattr(d->inode, &st, false), 0);
		CHECK_EQ(st.size, 1);
		dentry_put(d);
	}
	CHECK_EQ(fake.requests[FUSE_LOOKUP], 0);
	CHECK_EQ(fake.requests[FUSE_GETATTR], 0);
	/* Rewound: asked again. */
	l.ctx.pos = 0;
	l.count = 0;
	l.stop_at = 5;
	CHECK_EQ(f.ops->readdir(&f, &l.ctx), 0);
	CHECK_EQ(l.count, 5);
	close_file(&f);
	check_nothing_is_held();
	CHECK(fake.requests[FUSE_BATCH_FORGET] <= 300);
}

static void unlinked_file_lives_on(void)
{
	struct file f;

	mount_fake();
	fake_add_file(1, "u", "hello", 5);
	CHECK_EQ(open_name("u", O_RDWR, &f), 0);
	CHECK_EQ(do_unlink("u"), 0);
	CHECK_EQ(f.inode->nlink, 0);
	CHECK_EQ(do_read(&f, 0, back, 10), 5);
	CHECK_EQ(do_write(&f, 5, "!", 1, 0), 1);
	close_file(&f);
	check_nothing_is_held();
}

static void replaced_on_the_host(void)
{
	struct dentry *d;

	mount_fake();
	fake_add_file(1, "r", "old", 3);
	CHECK_EQ(walk(root, "r", &d), 0);
	dentry_put(d);
	fake_remove(1, "r");
	fake_add_file(1, "r", "newer", 5);
	host_clock_ns += 2 * NSEC_PER_SEC;
	CHECK_EQ(walk(root, "r", &d), 0);
	CHECK_EQ(d->inode->pages.size, 5);
	dentry_put(d);
	check_nothing_is_held();
}

static void names(void)
{
	const struct inode_ops *ops = NULL;
	struct dentry *d, *e;
	struct file f;
	char buf[100];

	mount_fake();
	ops = root->inode->ops;
	CHECK_EQ(walk(root, "dir", &d), 0);
	CHECK_EQ(ops->mkdir(root->inode, d, 0700), 0);
	CHECK(S_ISDIR(d->inode->mode));
	dentry_put(d);
	CHECK_EQ(walk(root, "link", &d), 0);
	CHECK_EQ(ops->symlink(root->inode, d, "to/somewhere"), 0);
	CHECK_EQ(d->inode->ops->readlink(d->inode, buf, sizeof(buf)), 12);
	CHECK(strcmp(buf, "to/somewhere") == 0);
	CHECK_EQ(d->inode->ops->readlink(d->inode, buf, sizeof(buf)), 12);
	CHECK_EQ(fake.requests[FUSE_READLINK], 1);
	CHECK_EQ(d->inode->ops->readlink(d->inode, buf, 5), -ENAMETOOLONG);
	CHECK_EQ(walk(root, "moved", &e), 0);
	CHECK_EQ(ops->rename(root->inode, d, root->inode, e, 0), 0);
	CHECK_EQ(ops->rename(root->inode, d, root->inode, e, 1), -EINVAL); /* ENOSYS there */
	dentry_move(d, e);
	dentry_put(e);
	dentry_put(d);
	CHECK_EQ(walk(root, "fifo", &d), 0);
	CHECK_EQ(ops->mknod(root->inode, d, S_IFIFO | 0600, 0), 0);
	CHECK(S_ISFIFO(d->inode->mode));
	CHECK_EQ(d->inode->ops->getxattr(d->inode, "user.x", buf, 10), -EOPNOTSUPP);
	CHECK_EQ(d->inode->ops->getxattr(d->inode, "user.x", buf, 10), -EOPNOTSUPP);
	CHECK_EQ(fake.requests[FUSE_GETXATTR], 1);
	dentry_put(d);
	d = dentry_new(root, "#tmpfile", 8);
	CHECK_EQ(ops->tmpfile(root->inode, d, 0600), 0);
	CHECK_EQ(d->inode->nlink, 0);
	CHECK_EQ(open_dentry(d, O_RDWR, &f), 0);
	CHECK_EQ(f.ops->fallocate(&f, 0, 0, 100), -EOPNOTSUPP);
	CHECK_EQ(f.ops->lseek(&f, 0, SEEK_DATA), -ENXIO);
	CHECK_EQ(do_write(&f, 0, big, 100, 0), 100);
	CHECK_EQ(f.ops->lseek(&f, 10, SEEK_DATA), 10);
	CHECK_EQ(f.ops->lseek(&f, 10, SEEK_HOLE), 100);
	CHECK_EQ(f.ops->lseek(&f, -10, SEEK_END), 90);
	CHECK_EQ(f.ops->fsync(&f, true), 0);
	close_file(&f);
	check_nothing_is_held();
}

static void shared_mapping_is_written_back(void)
{
	struct page_cache *pc;
	const unsigned char *data;
	struct page *p;
	struct file f;
	size_t n;

	mount_fake();
	fake_add_file(1, "m", big, 10000);
	CHECK_EQ(open_name("m", O_RDWR, &f), 0);
	CHECK_EQ(f.ops->mmap(&f, 3, 1, &pc), 0);
	CHECK_EQ(pagecache_get_page(pc, 1, &p), 0);
	CHECK_EQ(pc->ops->mkwrite(pc, p), 0);
	memset(page_to_virt(p), 'M', 4096);
	pagecache_mark_dirty(pc, p);
	page_put(p);
	CHECK_EQ(f.ops->fsync(&f, false), 0);
	data = fake_file_data(2, &n);
	CHECK(data[4096] == 'M' && data[8191] == 'M' && data[8192] == big[8192]);
	CHECK_EQ(n, 10000);
	CHECK_EQ(pagecache_get_page(pc, 2, &p), 0);
	memset(page_to_virt(p), 'N', 4096);
	pagecache_mark_dirty(pc, p);
	page_put(p);
	host_run_threads(); /* by age */
	data = fake_file_data(2, &n);
	CHECK(data[8192] == 'N' && n == 10000);
	close_file(&f);
	check_nothing_is_held();
}

static void every_lie_is_an_error(void)
{
	static const struct {
		enum fake_lie lie;
		enum fuse_opcode op;
	} lies[] = {
		{ LIE_SHORT, FUSE_LOOKUP },	 { LIE_UNIQUE, FUSE_LOOKUP },
		{ LIE_LEN, FUSE_LOOKUP },	 { LIE_ERROR_POSITIVE, FUSE_LOOKUP },
		{ LIE_ERROR_HUGE, FUSE_LOOKUP }, { LIE_TYPE, FUSE_LOOKUP },
		{ LIE_SIZE, FUSE_LOOKUP },	 { LIE_ROOT, FUSE_LOOKUP },
	};
	struct dentry *d;
	struct file f;

	mount_fake();
	fake_add_file(1, "l", big, 10000);
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		fake.lie = lies[i].lie;
		fake.lie_about = lies[i].op;
		CHECK_EQ(walk(root, "l", &d), -EIO);
		fake.lie = LIE_NONE;
		d = dentry_find(root, "l", 1);
		CHECK(d && !d->inode);
		dentry_drop(d);
		dentry_put(d);
	}
	for (enum fake_lie lie = LIE_SHORT; lie <= LIE_ERROR_HUGE; lie++) {
		fake.lie = lie;
		fake.lie_about = FUSE_OPEN;
		CHECK_EQ(open_name("l", O_RDWR, &f), -EIO);
	}
	fake.lie = LIE_NONE;
	CHECK_EQ(open_name("l", O_RDWR, &f), 0);
	fake.lie = LIE_WRITTEN;
	fake.lie_about = FUSE_WRITE;
	CHECK_EQ(do_write(&f, 0, big, 10, 0), -EIO);
	for (enum fake_lie lie = LIE_UNIQUE; lie <= LIE_ERROR_HUGE; lie++) {
		fake.lie = lie;
		fake.lie_about = FUSE_READ;
		CHECK_EQ(do_read(&f, 0, back, 100), -EIO);
	}
	fake.lie = LIE_NONE;
	close_file(&f);
}

static void lying_directories(void)
{
	for (enum fake_lie lie = LIE_ROOT; lie <= LIE_NAMELEN; lie++) {
		struct listing l = { .ctx = { .emit = take }, .stop_at = 100 };
		struct file f;

		mount_fake();
		fake_add_file(1, "abc", "x", 1);
		fake_add_file(1, "def", "x", 1);
		dentry_get(root);
		CHECK_EQ(open_dentry(root, O_RDONLY, &f), 0);
		fake.lie = lie;
		fake.lie_about = FUSE_READDIRPLUS;
		CHECK_EQ(f.ops->readdir(&f, &l.ctx), -EIO);
		fake.lie = LIE_NONE;
		close_file(&f);
	}
}

static void killed_waiter_leaves_the_request(void)
{
	struct dentry *d;
	struct file f;

	mount_fake();
	fake_add_file(1, "k", big, 1000);
	killed = fake.silent = true;
	CHECK_EQ(walk(root, "k", &d), -EINTR);
	d = dentry_find(root, "k", 1);
	dentry_drop(d);
	dentry_put(d);
	CHECK_EQ(fake_waiting(), 1); /* no INTERRUPT: see abandon() */
	killed = fake.silent = false;
	fake_transport.ops->poll(&fake_transport);
	CHECK_EQ(fake_lookup_count(2), 1);
	host_run_threads(); /* the late reply's lookup goes back */
	fake_transport.ops->poll(&fake_transport);
	CHECK_EQ(fake_lookup_count(2), 0);
	CHECK_EQ(open_name("k", O_RDWR, &f), 0);
	killed = fake.silent = true;
	CHECK_EQ(do_read(&f, 0, back, 100), -EINTR);
	CHECK_EQ(do_write(&f, 0, "abc", 3, 0), -EINTR);
	killed = fake.silent = false;
	fake_transport.ops->poll(&fake_transport);
	CHECK_EQ(do_read(&f, 0, back, 1000), 1000);
	CHECK(memcmp(back, "abc", 3) == 0);
	close_file(&f);
	check_nothing_is_held();
}

static void daemon_out_of_descriptors(void)
{
	struct dentry *d;
	struct file f;

	mount_fake();
	for (int i = 0; i < 300; i++) {
		char name[20];

		snprintf(name, sizeof(name), "n%d", i);
		fake_add_file(1, name, "x", 1);
		CHECK_EQ(walk(root, name, &d), 0);
		dentry_put(d);
	}
	fake.fail = EMFILE;
	fake.fail_op = FUSE_LOOKUP;
	fake_add_file(1, "one", "x", 1);
	CHECK_EQ(walk(root, "one", &d), 0);
	CHECK(d->inode != NULL);
	dentry_put(d);
	CHECK(fake.forgotten >= 75);
	fake.fail = ENFILE;
	fake.fail_op = FUSE_OPEN;
	CHECK_EQ(open_name("one", O_RDONLY, &f), 0);
	close_file(&f);
	fake.fail = EMFILE;
	fake.fail_op = FUSE_CREATE;
	CHECK_EQ(create_name("made", O_RDWR | O_EXCL, &f), 0);
	close_file(&f);
	atomic_store(&((struct fuse_conn *)sb->priv)->node_limit, UINT64_MAX);
	check_nothing_is_held();
	CHECK_EQ(((struct fuse_conn *)sb->priv)->nodes, 0);
}

static void broken_device(void)
{
	struct dentry *d;
	struct file f;

	mount_fake();
	fake_add_file(1, "b", big, 1000);
	CHECK_EQ(open_name("b", O_RDWR, &f), 0);
	CHECK_EQ(do_read(&f, 0, back, 1000), 1000);
	fake.lie = LIE_DEVICE;
	fake.lie_about = FUSE_LOOKUP;
	CHECK_EQ(walk(root, "c", &d), -EIO);
	fake.lie = LIE_NONE;
	CHECK_EQ(do_write(&f, 0, "abc", 3, 0), -EIO);
	CHECK_EQ(do_read(&f, 0, back, 1000), 1000); /* cached */
	f.ops->release(&f);
	dentry_put(f.path.dentry);
}

int main(void)
{
	pages_host_init();
	pagecache_subsystem_init();
	dcache_init();
	host_idle = device_and_worker;
	RUN(lookup_is_cached_while_valid);
	RUN(read_goes_through_the_cache);
	RUN(reads_ahead_of_a_sequential_reader);
	RUN(short_reads_are_not_the_end);
	RUN(write_goes_through_and_stays_cached);
	RUN(short_and_failed_writes);
	RUN(stale_sizes_do_not_come_back);
	RUN(truncate_and_trunc_open);
	RUN(big_directory_costs_few_requests);
	RUN(unlinked_file_lives_on);
	RUN(replaced_on_the_host);
	RUN(names);
	RUN(shared_mapping_is_written_back);
	RUN(every_lie_is_an_error);
	RUN(lying_directories);
	RUN(killed_waiter_leaves_the_request);
	RUN(daemon_out_of_descriptors);
	RUN(broken_device);
	return test_done();
}
