/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lib/launch.h>

#include "idmap.h"
#include "report.h"

NORETURN static void die(const char *what)
{
	dprintf(2, "%s: %s\n", what, strerror(errno));
	_exit(LAUNCH_STATUS_FAULT);
}

/* Ubuntu's rule: the namespace can be made, but who made it has no rights in it, unless a profile
 * says otherwise.  The first to be refused is what is written to /proc. */
static bool apparmor_restricts(void)
{
	char c = '0';
	int fd = open("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		      O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!read(fd, &c, 1);
		close(fd);
	}
	return c != '0';
}

NORETURN static void die_forbidden(const char *what)
{
	const char *why = strerror(errno);
	const char *remedy =
		apparmor_restricts()
			? "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor "
			  "profile with \"userns,\" for this program"
			: "sysctl -w user.max_user_namespaces=10000, and where they exist "
			  "kernel.unprivileged_userns_clone=1 and "
			  "kernel.apparmor_restrict_unprivileged_userns=0";

	dprintf(2,
		"sharing a directory as an ordinary user needs a user namespace, and this system "
		"forbids it (%s: %s); as root: %s\n",
		what, why, remedy);
	_exit(LAUNCH_STATUS_FAULT);
}

static void write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		die_forbidden(path);
	}
	close(fd);
}

static void enter_user_namespace(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER) < 0) {
		die_forbidden("unshare");
	}
	write_proc("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_proc("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_proc("/proc/self/gid_map", map);
}

/*
 * Makes the working directory a clone of itself, read-only with all its submounts, in no
 * mount namespace: nobody else sees it, and nothing has to be made private first (which fails in
 * a chroot).  It lives as long as its descriptor, which virtiofsd therefore inherits.
 * mount_setattr only adds the flag, so it may be done to mounts whose other flags are locked.
 * The namespace of our own is what an ordinary user needs for the right to do this; it
 * takes the working directory along, an open descriptor would stay behind.
 */
static void enter_read_only_clone(bool in_userns)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int fd;

	if (in_userns && unshare(CLONE_NEWNS) < 0) {
		die("--read-only: mount namespace");
	}
	fd = open_tree(AT_FDCWD, ".", AT_RECURSIVE | OPEN_TREE_CLONE);
	if (fd < 0) {
		die("--read-only: open_tree");
	}
	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0) {
		die("--read-only: mount_setattr");
	}
	if (fchdir(fd) < 0) {
		die("--read-only: fchdir");
	}
}

void isolate_share(int dir_fd, bool in_userns, const struct idmap *map, bool read_only)
{
	if (in_userns && map) {
		idmap_enter(map);
	} else if (in_userns) {
		enter_user_namespace();
	}
	if (fchdir(dir_fd) < 0) {
		die("shared directory");
	}
	if (read_only) {
		enter_read_only_clone(in_userns);
		/* The descriptor, too, must lead to the clone. */
		int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (here < 0 || dup3(here, dir_fd, O_CLOEXEC) < 0) {
			die("--read-only: shared directory");
		}
		close(here);
	}
}
