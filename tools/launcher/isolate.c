/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lib/launch.h>

#include "report.h"

NORETURN static void die(const char *what)
{
	dprintf(2, "%s: %s\n", what, strerror(errno));
	_exit(LAUNCH_STATUS_FAULT);
}

static void write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		die(path);
	}
	close(fd);
}

/* virtiofsd drops its supplementary groups and ends when it can't; in a user namespace of
 * an ordinary user nobody can.  It may believe that it did: the groups are the user's own. */
static void pretend_setgroups(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		die("seccomp");
	}
}

static void enter_user_namespace(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER) < 0) {
		dprintf(2,
			"sharing a directory as an ordinary user needs a user namespace, and this "
			"system forbids it (%s); as root: sysctl -w user.max_user_namespaces=10000, "
			"and where they exist kernel.unprivileged_userns_clone=1 and "
			"kernel.apparmor_restrict_unprivileged_userns=0\n",
			strerror(errno));
		_exit(LAUNCH_STATUS_FAULT);
	}
	write_proc("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_proc("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_proc("/proc/self/gid_map", map);
	if (getgroups(0, NULL) > 0) {
		pretend_setgroups();
	}
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

void isolate_share(int dir_fd, bool in_userns, bool read_only)
{
	pid_t parent = getppid();

	if (in_userns) {
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
	/* A change of credentials may have cleared it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(LAUNCH_STATUS_FAULT);
	}
}
