/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "hostlimits.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "report.h"
#include "vm.h"

#define V1_ROOT "/sys/fs/cgroup/memory"
#define UNLIMITED (1ull << 60) /* version 1 writes a number near 2^63 */

/* "max" is none. */
static bool read_limit(const char *file, uint64_t *bytes)
{
	FILE *f = fopen(file, "re");
	unsigned long long v;
	bool good = f && fscanf(f, "%llu", &v) == 1 && v < UNLIMITED;

	if (f) {
		fclose(f);
	}
	if (good) {
		*bytes = v;
	}
	return good;
}

/* The group and all above it. */
static bool lowest(const char *root, char *group, const char *name, uint64_t *bytes, char *found,
		   int size)
{
	bool any = false;

	for (;;) {
		char file[1024];
		uint64_t v;
		char *slash;

		snprintf(file, sizeof(file), "%s%s/%s", root, strcmp(group, "/") == 0 ? "" : group,
			 name);
		if (read_limit(file, &v) && v < *bytes) {
			*bytes = v;
			snprintf(found, (size_t)size, "%s", file);
			any = true;
		}
		slash = strrchr(group, '/');
		if (slash == NULL || group[1] == '\0') {
			return any;
		}
		slash[slash == group] = '\0';
	}
}

bool hostlimits_memory(uint64_t *bytes, char *file, int size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[1024];
	bool any = false;

	*bytes = UINT64_MAX;
	while (f && fgets(line, sizeof(line), f)) {
		char *controllers = strchr(line, ':'), *group;

		line[strcspn(line, "\n")] = '\0';
		group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (group == NULL) {
			continue;
		}
		*group++ = '\0';
		controllers++;
		if (*controllers == '\0') {
			any |= lowest("/sys/fs/cgroup", group, "memory.max", bytes, file, size);
		} else if (strstr(controllers, "memory")) {
			any |= lowest(V1_ROOT, group, "memory.limit_in_bytes", bytes, file, size);
		}
	}
	if (f) {
		fclose(f);
	}
	return any;
}

void hostlimits_explain(const struct helper *h)
{
	char file[1100];
	struct rlimit l;
	uint64_t bytes;

	if (WIFSIGNALED(h->status) && WTERMSIG(h->status) == SIGKILL) {
		if (hostlimits_memory(&bytes, file, sizeof(file))) {
			report("if it was the host for want of memory: %s allows %llu MiB; raise it, or "
			       "give the VM less with -m",
			       file, (unsigned long long)bytes >> 20);
		}
		return;
	}
	if ((WIFSIGNALED(h->status) && WTERMSIG(h->status) == SIGXFSZ) ||
	    helper_said(h, "File too large")) {
		report("the limit of file sizes counts for the VM's memory, too: ulimit -f unlimited");
	}
	if (helper_said(h, "/proc/sys/fs/file-max")) {
		report("this /proc is mounted with subset=pid, and has no /proc/sys: mount another, or take "
		       "the newer virtiofsd (Debian 13)");
	}
	if (helper_said(h, "Cannot allocate memory") ||
	    helper_said(h, "cannot set up guest memory")) {
		if (getrlimit(RLIMIT_AS, &l) == 0 && l.rlim_cur != RLIM_INFINITY) {
			report("the limit of address space is %llu MiB: ulimit -v unlimited",
			       (unsigned long long)l.rlim_cur >> 20);
		} else {
			report("the host has not that much memory to give: less with -m, or as root "
			       "sysctl -w vm.overcommit_memory=1");
		}
	}
	/* the Rust virtiofsd, with less than 610 */
	if (helper_said(h, "file descriptors too small") && getrlimit(RLIMIT_NOFILE, &l) == 0) {
		report("the hard limit of open files is %llu: as root ulimit -Hn 4096, or more",
		       (unsigned long long)l.rlim_max);
	}
	if (helper_said(h, "Too many open files") && getrlimit(RLIMIT_NOFILE, &l) == 0) {
		report("the limit of open files is %llu: ulimit -n %llu",
		       (unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_max);
	}
}
