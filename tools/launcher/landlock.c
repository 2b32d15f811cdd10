/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lib/launch.h>

#include "report.h"

/* The header is older than some of these. */
#define ACCESS_TRUNCATE (1ull << 14) /* from version 3 on */
#define NET_TCP 3ull		     /* bind and connect; 4 */
#define SCOPE_ALL 3ull		     /* abstract sockets and signals; 6 */

#define ACCESS_READ \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_FILE                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE)
/* Those of version 2, EXECUTE to REFER. */
#define ACCESS_ALL (((uint64_t)LANDLOCK_ACCESS_FS_REFER << 1) - 1)

struct attributes {
	uint64_t fs, net, scoped;
};

struct rules {
	int fd;
	uint64_t handled;
};

NORETURN static void die(const char *what)
{
	dprintf(2, "Landlock: %s: %s\n", what, strerror(errno));
	_exit(LAUNCH_STATUS_FAULT);
}

static long supported_version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* The first version would refuse each rename into another directory. */
bool landlock_exists(void)
{
	return supported_version() >= 2;
}

static bool begin(struct rules *r, bool network)
{
	const long version = supported_version();
	struct attributes a = { .fs = ACCESS_ALL };
	size_t size = sizeof(a.fs);

	if (version < 2) {
		return false;
	}
	if (version >= 3) {
		a.fs |= ACCESS_TRUNCATE;
	}
	if (version >= 4) {
		a.net = network ? 0 : NET_TCP;
		size = offsetof(struct attributes, scoped);
	}
	if (version >= 6) {
		a.scoped = SCOPE_ALL;
		size = sizeof(a);
	}
	r->handled = a.fs;
	r->fd = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (r->fd < 0) {
		die("ruleset");
	}
	return true;
}

static void allow_at(struct rules *r, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0) {
		die("descriptor");
	}
	rule.allowed_access = access & r->handled & (S_ISDIR(st.st_mode) ? ~0ull : ACCESS_FILE);
	/* A file that has no name, like a memfd, needs no rule and takes none. */
	if (syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 &&
	    errno != EBADFD) {
		die("rule");
	}
}

static void allow(struct rules *r, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd >= 0) {
		allow_at(r, fd, access);
		close(fd);
	}
}

static void allow_reading(struct rules *r, const char *program)
{
	static const char *const usual[] = { "/usr", "/lib", "/lib32",	   "/lib64",
					     "/etc", "/sys", "/proc/self", "/proc/sys" };
	char *path = realpath(program, NULL);

	if (path == NULL || strncmp(path, "/usr/", 5) != 0) {
		allow(r, "/", ACCESS_READ);
	}
	free(path);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		allow(r, usual[i], ACCESS_READ);
	}
	allow(r, "/dev/null", ACCESS_FILE);
	allow(r, "/dev/urandom", ACCESS_READ);
}

static void end(struct rules *r)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, r->fd, 0) < 0) {
		die("restrict");
	}
	close(r->fd);
}

void landlock_vm(const char *program, int fd, bool network)
{
	struct rules r;

	if (begin(&r, network)) {
		allow_reading(&r, program);
		allow(&r, "/dev/kvm", ACCESS_FILE);
		allow_at(&r, fd, ACCESS_READ);
		end(&r);
	}
}

void landlock_share(const char *program, int dir)
{
	struct rules r;

	if (begin(&r, false)) {
		allow_reading(&r, program);
		allow_at(&r, dir, ~0ull);
		end(&r);
	}
}
