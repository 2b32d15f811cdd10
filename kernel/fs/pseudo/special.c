/* SPDX-License-Identifier: MIT */
/* /dev/null, zero, full, random, urandom. */
#include "../fs_internal.h"

#include <fs/cred.h>
#include <fs/file.h>
#include <fs/mount.h>
#include <fs/pseudo/devfs.h>
#include <fs/event/poll.h>
#include <fs/pseudo/pseudo.h>
#include <lib/assert.h>
#include <sync/random.h>
#include <linux/capability.h>
#include <linux/ioctls.h>
#include <mm/usercopy.h>
#include <sched/sched.h>

static long null_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	(void)f;
	(void)u;
	(void)pos;
	(void)flags;
	return 0;
}
static long null_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	uint64_t n = u->left;

	(void)f;
	(void)pos;
	(void)flags;
	u->left = 0;
	return (long)n;
}
static long zero_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	size_t want = u->left, done = 0;

	(void)f;
	(void)pos;
	(void)flags;
	while (done < want) {
		size_t part = MIN(want - done, (size_t)1 << 20);
		size_t n = uio_zero(u, part);

		done += n;
		if (n < part) {
			return done ? (long)done : -EFAULT;
		}
		if (done < want) {
			if (thread_current()->interrupted) {
				break;
			}
			sched_yield_point();
		}
	}
	return (long)done;
}
static long full_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	(void)f;
	(void)u;
	(void)pos;
	(void)flags;
	return -ENOSPC;
}
static long random_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	size_t want = u->left, done = 0;
	char buf[256];

	(void)f;
	(void)pos;
	(void)flags;
	while (done < want) {
		size_t part = MIN(want - done, sizeof(buf)), n;

		random_bytes(buf, part);
		n = uio_write_to(u, buf, part);
		done += n;
		if (n < part) {
			return done ? (long)done : -EFAULT;
		}
		if (done % 65536 == 0) {
			if (thread_current()->interrupted) {
				break;
			}
			sched_yield_point();
		}
	}
	return (long)done;
}
static long random_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	uint64_t done = 0;
	char buf[256];

	(void)f;
	(void)pos;
	(void)flags;
	while (u->left) {
		size_t part = MIN(u->left, sizeof(buf));
		size_t n = uio_read_from(u, buf, part);

		random_add(buf, n);
		done += n;
		if (n < part) {
			return done ? (long)done : -EFAULT;
		}
		if (done % PAGE_SIZE == 0) {
			if (thread_current()->interrupted) {
				break;
			}
			sched_yield_point();
		}
	}
	return (long)done;
}
static long random_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
	(void)f;
	switch (cmd) {
	case RNDGETENTCNT: return put_user_u32((user_ptr){ arg }, 256);
	case RNDADDTOENTCNT:
	case RNDADDENTROPY: return cred_capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
	default: return -EINVAL;
	}
}
static long any_lseek(struct file *f, int64_t off, int whence)
{
	(void)off;
	(void)whence;
	f->pos = 0;
	return 0;
}
/* Mapping /dev/zero: a memory file of its own (private ones copy from its zeros). */
static int zero_mmap(struct file *f, int prot, int flags, struct page_cache **object)
{
	(void)prot;
	(void)flags;
	if (!f->private_data) {
		struct page_cache *pc = pagecache_create_anon(INT64_MAX);
		void *none = NULL;

		if (!pc) {
			return -ENOMEM;
		}
		if (!__atomic_compare_exchange_n(&f->private_data, &none, pc, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			pagecache_put(pc);
		}
	}
	*object = f->private_data;
	return 0;
}
static void zero_release(struct file *f)
{
	if (f->private_data) {
		pagecache_put(f->private_data);
	}
}

static const struct file_ops null_ops = { .read = null_read,
					  .write = null_write,
					  .lseek = any_lseek };
static const struct file_ops zero_ops = { .read = zero_read,
					  .write = null_write,
					  .lseek = any_lseek,
					  .mmap = zero_mmap,
					  .release = zero_release };
static const struct file_ops full_ops = { .read = zero_read,
					  .write = full_write,
					  .lseek = any_lseek };
static const struct file_ops random_ops = {
	.read = random_read, .write = random_write, .ioctl = random_ioctl, .lseek = any_lseek
};

static void register_one(const char *name, uint32_t minor, const struct file_ops *ops)
{
	int err = devfs_register_ops(name, S_IFCHR | 0666, dev_make(1, minor), ops);

	ASSERT(!err);
}
static void special_init(void)
{
	register_one("null", 3, &null_ops);
	register_one("zero", 5, &zero_ops);
	register_one("full", 7, &full_ops);
	register_one("random", 8, &random_ops);
	register_one("urandom", 9, &random_ops);
}

void vfs_init(void)
{
	dcache_init();
	files_init();
	anon_init();
	memfd_init();
	epoll_init();
	async_init();
	special_init();
}
