/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "closet.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Hidden by the new root until that is the root. */
#define PLACE "/tmp"

static bool write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return written;
}

/* The user stays who he is. */
static bool enter_namespaces(void)
{
	const unsigned uid = geteuid(), gid = getegid();
	char uids[64], gids[64];

	snprintf(uids, sizeof(uids), "%u %u 1", uid, uid);
	snprintf(gids, sizeof(gids), "%u %u 1", gid, gid);
	/* Root who became somebody else has lost the right to write below /proc/self. */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 &&
	       unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_proc("/proc/self/setgroups", "deny") &&
	       write_proc("/proc/self/uid_map", uids) && write_proc("/proc/self/gid_map", gids);
}

static bool show_link(const char *path, const char *place)
{
	char to[PATH_MAX];
	ssize_t len = readlink(path, to, sizeof(to) - 1);

	if (len < 0) {
		return false;
	}
	to[len] = '\0';
	return symlink(to, place) == 0;
}

/* True as well when it is not there. */
static bool show(const char *path)
{
	char place[64];
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0) {
		return true;
	}
	snprintf(place, sizeof(place), PLACE "%s", path);
	if (S_ISLNK(st.st_mode)) {
		return show_link(path, place);
	}
	if (S_ISDIR(st.st_mode)) {
		if (mkdir(place, 0755) < 0) {
			return false;
		}
	} else {
		fd = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0) {
			return false;
		}
		close(fd);
	}
	return mount(path, place, NULL, MS_BIND | MS_REC, NULL) == 0;
}

static bool build(void)
{
	static const char *const shown[] = { "/usr",	  "/bin",	  "/lib",    "/lib32",
					     "/lib64",	  "/etc",	  "/sys",    "/proc",
					     "/dev/null", "/dev/urandom", "/dev/kvm" };
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", PLACE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0 ||
	    mkdir(PLACE "/dev", 0755) < 0) {
		return false;
	}
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		if (!show(shown[i])) {
			return false;
		}
	}
	/* The files' own permissions say the same to most users. */
	(void)mount_setattr(AT_FDCWD, PLACE, AT_RECURSIVE, &attr, sizeof(attr));
	return true;
}

void closet_enter(const char *program)
{
	char *path = realpath(program, NULL);
	bool is_usual = path != NULL && strncmp(path, "/usr/", 5) == 0;

	free(path);
	if (is_usual && geteuid() != 0 && enter_namespaces() && build() && chdir(PLACE) == 0 &&
	    syscall(SYS_pivot_root, ".", ".") == 0) {
		(void)umount2(".", MNT_DETACH);
		(void)chdir("/");
	}
}
