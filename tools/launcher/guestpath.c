/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "guestpath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lib/launch.h>

#include "report.h"

int guestpath_open(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

/* Notes in *denied that the way to it is closed for us. */
static bool is_program(int dir_fd, const char *path, bool *denied)
{
	struct stat st;
	bool found = false;
	int fd = guestpath_open(dir_fd, path, O_PATH | O_CLOEXEC);

	if (fd < 0) {
		*denied |= errno == EACCES;
		return false;
	}
	if (fstat(fd, &st) == 0) {
		found = S_ISREG(st.st_mode) && (st.st_mode & 0111);
	}
	close(fd);
	return found;
}

const char *guestpath_search(int dir_fd, const char *dir, const char *prog, const char *path)
{
	bool denied = false;
	char *candidate;

	for (const char *p = path ? path : ""; *p;) {
		int len = (int)strcspn(p, ":");

		if (len > 0 && p[0] == '/') {
			if (asprintf(&candidate, "%.*s/%s", len, p, prog) < 0) {
				fail("out of memory");
			}
			if (is_program(dir_fd, candidate, &denied)) {
				return candidate;
			}
			free(candidate);
		}
		p += len;
		p += *p == ':';
	}
	if (asprintf(&candidate, "/%s", prog) < 0) {
		fail("out of memory");
	}
	if (is_program(dir_fd, candidate, &denied)) {
		return candidate;
	}
	if (denied) {
		report("%s: not found in %s: some of its directories cannot be searched by you "
		       "(permission denied); see to their rights, or write PROG as a path",
		       prog, dir);
		exit(LAUNCH_STATUS_NOEXEC);
	}
	report("%s: not found in %s, neither in its PATH (%s) nor at its top; "
	       "a path with a slash is taken as it is",
	       prog, dir, path ? path : "");
	exit(LAUNCH_STATUS_MISSING);
}

/* The path of a descriptor on this host. */
static bool host_path(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 0;
}

const char *guestpath_hidden_by(int dir_fd, const char *workdir, const char *path)
{
	static const char *const own[] = { "/tmp", "/run", "/dev", "/proc", "/sys" };
	char *whole, root[PATH_MAX], there[PATH_MAX];
	const char *inside = there;
	int fd;

	if (asprintf(&whole, "%s/%s", path[0] == '/' ? "" : workdir, path) < 0) {
		return NULL;
	}
	fd = guestpath_open(dir_fd, whole, O_PATH | O_CLOEXEC);
	free(whole);
	if (fd < 0) {
		return NULL;
	}
	if (!host_path(fd, there) || !host_path(dir_fd, root)) {
		inside = "";
	} else if (strcmp(root, "/") != 0) {
		inside = strncmp(there, root, strlen(root)) == 0 ? there + strlen(root) : "";
	}
	close(fd);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		size_t len = strlen(own[i]);

		if (strncmp(inside, own[i], len) == 0 && inside[len] == '/') {
			return own[i];
		}
	}
	return NULL;
}
