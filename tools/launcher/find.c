/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

const char *find_in_path(const char *name)
{
	const char *path = getenv("PATH");
	char *candidate;

	for (const char *p = path ? path : ""; *p;) {
		int len = (int)strcspn(p, ":");

		if (len > 0 && asprintf(&candidate, "%.*s/%s", len, p, name) >= 0) {
			if (access(candidate, X_OK) == 0) {
				/* in the directory of today: the daemon's is a guest's */
				return p[0] == '/' ? candidate : realpath(candidate, NULL);
			}
			free(candidate);
		}
		p += len;
		p += *p == ':';
	}
	return NULL;
}

/* No daemon is meant to be in $PATH: that is the last place. */
const char *find_daemon(void)
{
	static const char *const usual[] = { "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd",
					     "/usr/lib/virtiofsd" };

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (access(usual[i], X_OK) == 0) {
			return usual[i];
		}
	}
	return find_in_path("virtiofsd");
}

/* NULL when it is in none of its places; place is the directory of the launcher. */
static const char *kernel_beside(char place[PATH_MAX])
{
	static char path[PATH_MAX];
	/* without debugging information QEMU starts it a good deal sooner */
	static const char *const places[] = { "corrida.elf.stripped", "corrida.elf",
					      "../lib/corrida/corrida.elf" };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *name;

	if (n <= 0) {
		fail("/proc/self/exe: %s: is /proc mounted? mount -t proc proc /proc",
		     strerror(errno));
	}
	path[n] = '\0';
	name = strrchr(path, '/') + 1;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		strcpy(name, places[i]);
		if (access(path, R_OK) == 0) {
			return path;
		}
	}
	*name = '\0';
	strcpy(place, path);
	return NULL;
}

const char *find_kernel_or_null(void)
{
	char place[PATH_MAX];

	return kernel_beside(place);
}

static const char *find_kernel(void)
{
	char place[PATH_MAX];
	const char *path = kernel_beside(place);

	if (path == NULL) {
		fail("no kernel at %scorrida.elf: build it with 'make', or name one with --kernel",
		     place);
	}
	return path;
}

const char *find_qemu(void)
{
	const char *path = find_in_path("qemu-system-x86_64");

	if (path == NULL && access("/usr/bin/qemu-system-x86_64", X_OK) == 0) {
		path = "/usr/bin/qemu-system-x86_64";
	}
	return path;
}

/* Absolute, since the helpers may start in another directory. */
static const char *named_file(const char *option, const char *name, int mode)
{
	char *path = realpath(name, NULL);

	if (path == NULL || access(path, mode) < 0) {
		fail("%s %s: %s", option, name, strerror(errno));
	}
	return path;
}

void find_parts(struct run_options *o)
{
	if (o->kernel == NULL) {
		o->kernel = find_kernel();
	} else {
		o->kernel = named_file("--kernel", o->kernel, R_OK);
	}
	if (o->qemu == NULL) {
		o->qemu = find_qemu();
		if (o->qemu == NULL) {
			fail("qemu-system-x86_64 not found: apt-get install qemu-system-x86, or name "
			     "it with --qemu");
		}
	} else {
		o->qemu = named_file("--qemu", o->qemu, X_OK);
	}
	if (o->virtiofsd == NULL) {
		o->virtiofsd = find_daemon();
		if (o->virtiofsd == NULL) {
			fail("virtiofsd not found: apt-get install virtiofsd (Debian 12: "
			     "qemu-system-common), or name it with --virtiofsd");
		}
	} else {
		o->virtiofsd = named_file("--virtiofsd", o->virtiofsd, X_OK);
	}
}

/* The flags of the first CPU are within the first page of the file. */
bool find_virtualisation(void)
{
	char text[8192], *end;
	int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n <= 0) {
		return false;
	}
	text[n] = '\0';
	end = strstr(text, "\n\n");
	if (end) {
		*end = '\0';
	}
	return strstr(text, " vmx") || strstr(text, " svm");
}

bool find_accel(enum accel wanted)
{
	int fd;

	if (wanted == ACCEL_TCG || (wanted == ACCEL_AUTO && !find_virtualisation())) {
		return false;
	}
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0 && wanted == ACCEL_KVM) {
		fail("--accel kvm: /dev/kvm: %s", strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
	if (wanted == ACCEL_KVM && !find_virtualisation()) {
		report("--accel kvm: the CPU has neither vmx nor svm, so what /dev/kvm does here may "
		       "take for ever; --accel auto takes KVM where it is real");
	}
	return fd >= 0;
}
