/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a walk up to the root, which ends in fewer on any system. */
#define MAX_DEPTH 1000

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether a directory is `top` or below it. */
static bool is_below(int dir, const struct stat *top)
{
	struct stat st, up;
	int fd = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool found = false;

	for (int i = 0; i < MAX_DEPTH && fd >= 0 && !found && fstat(fd, &st) == 0; i++) {
		int parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		found = same_file(&st, top);
		if (parent < 0 || fstat(parent, &up) < 0 || same_file(&st, &up)) {
			close(fd);
			fd = parent;
			break;
		}
		close(fd);
		fd = parent;
	}
	close(fd);
	return found;
}

/* The last name; emptied only when it is known what it is. */
static int open_output(int at, const char *name, bool below)
{
	const int flags = O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC;
	struct stat st;
	int fd;

	if (!below) {
		return openat(at, name, flags | O_TRUNC, 0666);
	}
	fd = openat(at, name, flags | O_NOFOLLOW | O_NONBLOCK, 0666);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || ftruncate(fd, 0) < 0)) {
		close(fd);
		fd = -1;
		errno = EINVAL;
	}
	return fd;
}

static int open_directory(int at, const char *path, size_t len, bool below)
{
	char name[NAME_MAX + 1];

	if (len > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, path, len);
	name[len] = '\0';
	return openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC | (below ? O_NOFOLLOW : 0));
}

/* Name by name, to see which of them are a guest's. */
static int walk(const char *path, const struct stat *top)
{
	int at = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (path += strspn(path, "/"); at >= 0;) {
		const bool below = is_below(at, top);
		const size_t len = strcspn(path, "/");
		const bool last = path[len] == '\0';
		int next = last ? open_output(at, path, below)
				: open_directory(at, path, len, below);
		int err = errno;

		close(at);
		errno = err;
		if (last) {
			return next;
		}
		at = next;
		path += len + strspn(path + len, "/");
	}
	return -1;
}

FILE *outfile_open(const char *path, int dir_fd)
{
	struct stat top;
	int fd;

	if (fstat(dir_fd, &top) < 0) {
		return NULL;
	}
	fd = walk(path, &top);
	return fd < 0 ? NULL : fdopen(fd, "w");
}
