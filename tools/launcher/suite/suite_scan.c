/* SPDX-License-Identifier: MIT */
/* Finds the test programs below a directory. */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "suite.h"

#define MAX_DEPTH 32

enum kind { NOT_A_PROGRAM, STATIC_PROGRAM, DYNAMIC_PROGRAM };

static enum kind kind_of(int dir, const char *name)
{
	enum kind kind = NOT_A_PROGRAM;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	/* It may have become a pipe by now. */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0) {
		return kind;
	}
	if (pread(fd, &eh, sizeof(eh), 0) == (ssize_t)sizeof(eh) &&
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) == 0 && eh.e_ident[EI_CLASS] == ELFCLASS64 &&
	    eh.e_machine == EM_X86_64 && (eh.e_type == ET_EXEC || eh.e_type == ET_DYN) &&
	    eh.e_entry != 0) {
		kind = STATIC_PROGRAM;
		for (unsigned i = 0; i < eh.e_phnum; i++) {
			off_t at = (off_t)(eh.e_phoff + i * sizeof(ph));

			if (pread(fd, &ph, sizeof(ph), at) == (ssize_t)sizeof(ph) &&
			    ph.p_type == PT_INTERP) {
				kind = DYNAMIC_PROGRAM;
			}
		}
	}
	close(fd);
	return kind;
}

static void add(struct suite *s, const char *path, enum kind kind)
{
	struct suite_test *t;

	if (s->o.filter && strstr(path, s->o.filter) == NULL) {
		return;
	}
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->tests = reallocarray(s->tests, s->room, sizeof(s->tests[0]));
		if (s->tests == NULL) {
			fail("out of memory");
		}
	}
	t = &s->tests[s->n++];
	*t = (struct suite_test){ .native_status = -1, .status = -1, .path = strdup(path) };
	if (t->path == NULL) {
		fail("out of memory");
	}
	if (kind == DYNAMIC_PROGRAM) {
		t->outcome = SUITE_SKIPPED;
		t->why = "dynamically linked";
	}
}

/* Depth is bounded; links are not followed. */
static void scan_dir(struct suite *s, int fd, const char *prefix, unsigned depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		close(fd);
		return;
	}
	while ((e = readdir(d))) {
		char path[4096];
		struct stat st;

		if (e->d_name[0] == '.' ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    snprintf(path, sizeof(path), "%s%s", prefix, e->d_name) >=
			    (int)sizeof(path) - 2) {
			continue;
		}
		if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH) {
			int sub = openat(dirfd(d), e->d_name,
					 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			strcat(path, "/");
			if (sub >= 0) {
				scan_dir(s, sub, path, depth + 1);
			}
		} else if (S_ISREG(st.st_mode) && (st.st_mode & 0111)) {
			enum kind kind = kind_of(dirfd(d), e->d_name);

			if (kind != NOT_A_PROGRAM) {
				add(s, path, kind);
			}
		}
	}
	closedir(d);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct suite_test *)a)->path, ((const struct suite_test *)b)->path);
}

void suite_scan(struct suite *s)
{
	int fd = open(s->o.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		fail("%s: %s", s->o.dir, strerror(errno));
	}
	scan_dir(s, fd, "", 0);
	if (s->n > 0) {
		qsort(s->tests, s->n, sizeof(s->tests[0]), by_path);
	}
}
