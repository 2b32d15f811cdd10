/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lib/launch.h>

#include "find.h"
#include "numbers.h"
#include "passwd.h"
#include "report.h"

#define MOST_IDS 65536
#define WORDS 12 /* name, pid, three ranges, NULL */

/* The line of this user, by name or number: the first range. */
static bool read_range(const char *file, const char *name, uint32_t id, uint32_t *first,
		       uint32_t *n)
{
	FILE *f = fopen(file, "re");
	char line[256], number[16];
	bool found = false;

	snprintf(number, sizeof(number), "%u", id);
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *start = strchr(line, ':'), *count = start ? strchr(start + 1, ':') : NULL;
		uint64_t a, b;

		if (count == NULL) {
			continue;
		}
		*start++ = *count++ = '\0';
		count[strcspn(count, "\n")] = '\0';
		if ((strcmp(line, name) == 0 || strcmp(line, number) == 0) &&
		    number_parse(start, UINT32_MAX - 1, &a) &&
		    number_parse(count, UINT32_MAX - 1, &b) && b > 0) {
			*first = (uint32_t)a;
			*n = b < MOST_IDS ? (uint32_t)b : MOST_IDS;
			found = true;
		}
	}
	if (f) {
		fclose(f);
	}
	return found;
}

bool idmap_find(struct idmap *m, uint32_t uid, uint32_t gid, const char **missing)
{
	struct passwd_entry me = { .name = "" };
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)passwd_find(root, NULL, getuid(), &me);
	close(root);
	*m = (struct idmap){ .uid = uid, .gid = gid };
	m->newuidmap = find_in_path("newuidmap");
	m->newgidmap = find_in_path("newgidmap");
	*missing = NULL;
	if (m->newuidmap == NULL || m->newgidmap == NULL) {
		*missing = "newuidmap (apt-get install uidmap)";
	} else if (!read_range("/etc/subuid", me.name, getuid(), &m->first_uid, &m->n_uids)) {
		*missing = "a line for you in /etc/subuid (usermod --add-subuids)";
	} else if (!read_range("/etc/subgid", me.name, getuid(), &m->first_gid, &m->n_gids)) {
		*missing = "a line for you in /etc/subgid (usermod --add-subgids)";
	}
	return *missing == NULL;
}

static void add(char **argv, size_t *n, uint32_t value)
{
	if (asprintf(&argv[*n], "%u", value) < 0) {
		_exit(LAUNCH_STATUS_FAULT);
	}
	(*n)++;
}

/* Our own id is `id` there; the subordinate ones are all others from 0 on. */
NORETURN static void exec_tool(const char *tool, pid_t pid, uint32_t id, uint32_t own,
			       uint32_t first, uint32_t count)
{
	char *argv[WORDS] = { (char *)tool };
	uint32_t below = id < count ? id : count;
	size_t n = 1;

	add(argv, &n, (uint32_t)pid);
	if (below > 0) {
		add(argv, &n, 0);
		add(argv, &n, first);
		add(argv, &n, below);
	}
	add(argv, &n, id);
	add(argv, &n, own);
	add(argv, &n, 1);
	if (below < count) {
		add(argv, &n, id + 1);
		add(argv, &n, first + below);
		add(argv, &n, count - below);
	}
	execv(tool, argv);
	dprintf(2, "%s: %s\n", tool, strerror(errno));
	_exit(LAUNCH_STATUS_FAULT);
}

static bool run_tool(const char *tool, pid_t pid, uint32_t id, uint32_t own, uint32_t first,
		     uint32_t count)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		exec_tool(tool, pid, id, own, first, count);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* Outside of the namespace, beside the one who enters it; waits until it has. */
NORETURN static void write_maps(const struct idmap *m, pid_t pid, int entered)
{
	char byte;
	bool good;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	good = read(entered, &byte, 1) == 1 &&
	       run_tool(m->newuidmap, pid, m->uid, getuid(), m->first_uid, m->n_uids) &&
	       run_tool(m->newgidmap, pid, m->gid, getgid(), m->first_gid, m->n_gids);
	_exit(good ? 0 : LAUNCH_STATUS_FAULT);
}

NORETURN static void die(const char *what)
{
	dprintf(2, "--user: %s: %s\n", what, strerror(errno));
	_exit(LAUNCH_STATUS_FAULT);
}

void idmap_enter(const struct idmap *m)
{
	pid_t me = getpid(), child;
	int fds[2], status;

	if (pipe2(fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		die("fork");
	}
	if (child == 0) {
		close(fds[1]);
		write_maps(m, me, fds[0]);
	}
	if (unshare(CLONE_NEWUSER) < 0) {
		die("user namespace");
	}
	if (write(fds[1], "", 1) != 1 || waitpid(child, &status, 0) != child || status != 0) {
		dprintf(2, "--user: newuidmap or newgidmap has refused the map\n");
		_exit(LAUNCH_STATUS_FAULT);
	}
	close(fds[0]);
	close(fds[1]);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) {
		die("root of the namespace");
	}
}
