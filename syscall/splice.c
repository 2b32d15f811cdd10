/* SPDX-License-Identifier: MIT */
/*
 * sendfile, splice, tee, vmsplice, copy_file_range: offsets in and out, and which files go
 * together.  The copying is kernel/fs/copy.c.
 */
#include <syscall/iovecs.h>
#include <syscall/syscalls.h>

#include <fs/copy.h>
#include <fs/event/pipe.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include <mm/usercopy.h>

#define SPLICE_FLAGS (unsigned)(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

static int get_offset(user_ptr user, uint64_t *off, uint64_t **pos)
{
	*pos = NULL;
	if (user_ptr_is_null(user)) {
		return 0;
	}
	if (get_user_u64(off, user)) {
		return -EFAULT;
	}
	*pos = off;
	return (int64_t)*off < 0 ? -EINVAL : 0;
}
static long put_offset(user_ptr user, const uint64_t *pos, long ret)
{
	if (pos && put_user_u64(user, *pos)) {
		return -EFAULT;
	}
	return ret;
}
static int get_two(int in_fd, struct file **in, int out_fd, struct file **out)
{
	int err = fd_get(in_fd, in);

	if (!err) {
		err = fd_get(out_fd, out);
		if (err) {
			file_put(*in);
		}
	}
	return err;
}

long sys_sendfile(int out_fd, int in_fd, user_ptr offset, size_t n)
{
	struct file *in, *out;
	uint64_t off, *pos;
	long ret = get_two(in_fd, &in, out_fd, &out);

	if (ret) {
		return ret;
	}
	if (!in->readable) {
		ret = -EBADF;
	} else if (in->no_seek && !user_ptr_is_null(offset)) {
		ret = -ESPIPE;
	} else {
		ret = !out->writable ? -EBADF : get_offset(offset, &off, &pos);
	}
	if (!ret && (!in->ops || !in->ops->read || (!S_ISREG(in->inode->mode) && in->no_seek))) {
		ret = -EINVAL;
	}
	if (!ret && atomic_load(&out->flags) & O_APPEND) {
		ret = -EINVAL;
	}
	if (!ret) {
		ret = file_copy(in, pos, out, NULL, MIN(n, MAX_RW_COUNT), 0);
		ret = put_offset(offset, pos, ret);
	}
	file_put(in);
	file_put(out);
	return ret;
}

long sys_splice(int in_fd, user_ptr in_off, int out_fd, user_ptr out_off, size_t n, unsigned flags)
{
	uint64_t ioff, ooff, *ipos = NULL, *opos = NULL;
	struct file *in, *out;
	long ret;

	if (!n) {
		return 0; /* whatever the flags are */
	}
	if (flags & ~SPLICE_FLAGS) {
		return -EINVAL;
	}
	ret = get_two(in_fd, &in, out_fd, &out);
	if (ret) {
		return ret;
	}
	if (!in->readable || !out->writable) {
		ret = -EBADF;
	} else if ((file_is_pipe(in) && !user_ptr_is_null(in_off)) ||
		   (file_is_pipe(out) && !user_ptr_is_null(out_off))) {
		ret = -ESPIPE;
	} else if ((!file_is_pipe(in) && !file_is_pipe(out)) || in->inode == out->inode ||
		   (in->no_seek && !user_ptr_is_null(in_off)) ||
		   (out->no_seek && !user_ptr_is_null(out_off))) {
		ret = -EINVAL;
	} else if (!file_is_pipe(out) && atomic_load(&out->flags) & O_APPEND) {
		ret = -EINVAL;
	}
	if (!ret) {
		ret = get_offset(in_off, &ioff, &ipos);
	}
	if (!ret) {
		ret = get_offset(out_off, &ooff, &opos);
	}
	if (!ret) {
		ret = file_splice(in, ipos, out, opos, n, flags & SPLICE_F_NONBLOCK);
		ret = put_offset(in_off, ipos, ret);
		ret = put_offset(out_off, opos, ret);
	}
	file_put(in);
	file_put(out);
	return ret;
}

long sys_tee(int in_fd, int out_fd, size_t n, unsigned flags)
{
	struct file *in, *out;
	long ret;

	if (flags & ~SPLICE_FLAGS) {
		return -EINVAL;
	}
	if (!n) {
		return 0;
	}
	ret = get_two(in_fd, &in, out_fd, &out);
	if (!ret) {
		ret = pipe_tee(in, out, n, flags & SPLICE_F_NONBLOCK);
		file_put(in);
		file_put(out);
	}
	return ret;
}

/* Into a pipe like writev, of what fits; out of one like readv. */
long sys_vmsplice(int fd, user_ptr iov, uint64_t n, unsigned flags)
{
	bool nowait = flags & SPLICE_F_NONBLOCK;
	struct file *f;
	long ret;

	if (flags & ~SPLICE_FLAGS) {
		return -EINVAL;
	}
	ret = fd_get(fd, &f);
	if (ret) {
		return ret;
	}
	if (!file_is_pipe(f)) {
		struct iovecs v;

		ret = iovecs_get(&v, iov, n); /* who has two faults hears of this one */
		if (!ret) {
			ret = v.total ? -EBADF : 0;
			iovecs_put(&v);
		}
	} else if (!f->writable) {
		ret = sys_preadv2(fd, iov, n, UINT64_MAX, 0, nowait ? RWF_NOWAIT : 0);
	} else {
		do {
			ret = sys_pwritev2(fd, iov, n, UINT64_MAX, 0, RWF_NOWAIT);
			if (ret != -EAGAIN || nowait) {
				break;
			}
			ret = pipe_wait_room(f);
		} while (!ret);
	}
	file_put(f);
	return ret;
}

long sys_copy_file_range(int in_fd, user_ptr in_off, int out_fd, user_ptr out_off, size_t n,
			 unsigned flags)
{
	uint64_t ioff, ooff, *ipos, *opos;
	struct file *in, *out;
	long ret = get_two(in_fd, &in, out_fd, &out);

	if (ret) {
		return ret;
	}
	ret = get_offset(in_off, &ioff, &ipos);
	if (!ret) {
		ret = get_offset(out_off, &ooff, &opos);
	}
	if (!ret) {
		ret = flags ? -EINVAL : file_copy_range(in, ipos, out, opos, n);
	}
	if (ret > 0) {
		ret = put_offset(in_off, ipos, ret);
		ret = put_offset(out_off, opos, ret);
	}
	file_put(in);
	file_put(out);
	return ret;
}
