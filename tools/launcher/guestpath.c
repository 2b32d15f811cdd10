/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "guestpath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lib/launch.h>

#include "report.h"

static bool is_program(int dir_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT,
	};
	struct stat st;
	bool found = false;
	int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	if (fd < 0) {
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
	char *candidate;

	for (const char *p = path ? path : ""; *p;) {
		int len = (int)strcspn(p, ":");

		if (len > 0 && p[0] == '/') {
			if (asprintf(&candidate, "%.*s/%s", len, p, prog) < 0) {
				fail("out of memory");
			}
			if (is_program(dir_fd, candidate)) {
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
	if (is_program(dir_fd, candidate)) {
		return candidate;
	}
	report("%s: not found in %s, neither in its PATH (%s) nor at its top; "
	       "a path with a slash is taken as it is",
	       prog, dir, path ? path : "");
	exit(LAUNCH_STATUS_MISSING);
}
