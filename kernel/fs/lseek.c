/* SPDX-License-Identifier: MIT */
/*
 * lseek(2) for files that are as long as their page cache says and have one hole, at the end.
 * The caller holds f->pos_lock where f is shared.
 */
#include "fs_internal.h"

#include <fs/file.h>

static int64_t data_or_hole(uint64_t size, int64_t off, int whence)
{
	if (off < 0 || (uint64_t)off >= size) {
		return -ENXIO;
	}
	return whence == SEEK_DATA ? off : (int64_t)size;
}

long generic_lseek(struct file *f, int64_t off, int whence)
{
	uint64_t size = f->inode ? atomic_load(&f->inode->pages.size) : 0;
	int64_t to;

	switch (whence) {
	case SEEK_SET: to = off; break;
	case SEEK_CUR:
		if (__builtin_add_overflow((int64_t)f->pos, off, &to)) {
			return -EOVERFLOW;
		}
		break;
	case SEEK_END:
		if (__builtin_add_overflow((int64_t)size, off, &to)) {
			return -EOVERFLOW;
		}
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		to = data_or_hole(size, off, whence);
		if (to < 0) {
			return to;
		}
		break;
	default: return -EINVAL;
	}
	if (to < 0) {
		return -EINVAL;
	}
	f->pos = (uint64_t)to;
	return to;
}
