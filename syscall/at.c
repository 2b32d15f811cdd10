/* SPDX-License-Identifier: MIT */
/* From the arguments of *at calls to paths. */
#include <syscall/at.h>

#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/path.h>
#include <fs/pathname.h>
#include <linux/fcntl.h>

unsigned at_to_lookup(int flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

int at_lookup(int dirfd, user_ptr user, unsigned lookup, struct path *p)
{
	struct pathname name;
	int err = pathname_get(&name, user);

	if (!err) {
		err = vfs_lookup(dirfd, name.s, lookup, p);
		pathname_put(&name);
	}
	return err;
}

int at_file(int fd, struct path *p)
{
	struct fdref r;
	int err = fdref_get(fd, &r);

	if (!err) {
		err = file_path(r.file, p);
		fdref_put(&r);
	}
	return err;
}
