/* SPDX-License-Identifier: MIT */
/* Files, names, locks, and descriptors as such. */
#define _GNU_SOURCE
#include "objects.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- files and names --- */
void op_open(struct self *t)
{
	static const int flags[] = { O_RDONLY,		O_WRONLY,	  O_RDWR,
				     O_RDWR | O_APPEND, O_RDWR | O_TRUNC, O_PATH };
	char a[64];
	int f = flags[below(t, 6)] | (below(t, 2) ? O_CREAT : 0) | (below(t, 8) ? 0 : O_EXCL);

	keep(t, open(name(t, a), f | O_NONBLOCK | O_CLOEXEC, 0666));
}

void op_names(struct self *t)
{
	char a[64], b[64];

	name(t, a);
	name(t, b);
	switch (below(t, 12)) {
	case 0: rename(a, b); break;
	case 1: syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */); break;
	case 2: link(a, b); break;
	case 3: unlink(a); break;
	case 4: symlink(b, a); break;
	case 5: mkdir(a, 0777); break;
	case 6: rmdir(a); break;
	case 7: rename(directory(t, a), directory(t, b)); break;
	case 8: mkdir(directory(t, a), 0777); break;
	case 9: mkfifo(a, 0666); break;
	case 10: truncate(a, below(t, 20000)); break;
	default: chmod(a, 0600 | below(t, 0200)); break;
	}
}

void op_look(struct self *t)
{
	struct stat st;
	char a[64], buf[256];
	DIR *d;

	switch (below(t, 5)) {
	case 0: stat(name(t, a), &st); break;
	case 1: fstat(fd(t), &st); break;
	case 2: (void)!readlink(name(t, a), buf, sizeof(buf)); break;
	case 3: access(name(t, a), (int)below(t, 8)); break;
	default:
		d = opendir(directory(t, a));
		while (d && readdir(d)) {
		}
		if (d) {
			closedir(d);
		}
	}
}

void op_data(struct self *t)
{
	static _Thread_local char buf[20000];
	size_t n = below(t, 4) ? below(t, 200) : below(t, sizeof(buf));
	off_t at = below(t, 30000);

	switch (below(t, 10)) {
	case 0: (void)!read(fd(t), buf, n); break;
	case 1: (void)!write(fd(t), buf, n); break;
	case 2: (void)!pread(fd(t), buf, n, at); break;
	case 3: (void)!pwrite(fd(t), buf, n, at); break;
	case 4: (void)!ftruncate(fd(t), at); break;
	case 5: fallocate(fd(t), (int)below(t, 4), at, (off_t)n + 1); break;
	case 6: (void)!splice(fd(t), NULL, fd(t), NULL, n, SPLICE_F_NONBLOCK); break;
	case 7: (void)!tee(fd(t), fd(t), n, SPLICE_F_NONBLOCK); break;
	case 8: (void)!sendfile(fd(t), fd(t), NULL, n); break;
	default: (void)!copy_file_range(fd(t), NULL, fd(t), NULL, n, 0); break;
	}
}

void op_locks(struct self *t)
{
	static const int how[] = { LOCK_SH, LOCK_EX, LOCK_UN };
	struct flock l = { .l_type = (short)below(t, 3),
			   .l_start = below(t, 64),
			   .l_len = below(t, 64) };

	switch (below(t, 3)) {
	case 0: flock(fd(t), how[below(t, 3)] | LOCK_NB); break;
	case 1: fcntl(fd(t), F_SETLK, &l); break;
	default: fcntl(fd(t), F_OFD_SETLK, &l); break;
	}
}

void op_descriptors(struct self *t)
{
	switch (below(t, 6)) {
	case 0: keep(t, dup(fd(t))); break;
	case 1: keep(t, fcntl(fd(t), F_DUPFD_CLOEXEC, (int)below(t, 60))); break;
	case 2: dup2(fd(t), fd(t)); break;
	case 3: {
		int old = atomic_exchange(&slots[below(t, SLOTS)], -1);

		if (old >= 0) {
			close(old);
		}
		break;
	}
	case 4: {
		int n = 0;

		ioctl(fd(t), FIONREAD, &n);
		break;
	}
	default: (void)!fsync(fd(t)); break;
	}
}

void op_async(struct self *t)
{
	int f = fd(t);

	fcntl(f, F_SETOWN, below(t, 2) ? getpid() : -getpid());
	fcntl(f, F_SETSIG, below(t, 2) ? SIGUSR1 : 0);
	fcntl(f, F_SETFL, O_NONBLOCK | (below(t, 2) ? O_ASYNC : 0));
}
