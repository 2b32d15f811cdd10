/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "passwd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guestpath.h"
#include "nearest.h"
#include "numbers.h"
#include "report.h"

#define MAX_FIELDS 7

/* NULL when there is none, or none that can be read. */
static FILE *open_list(int root_fd, const char *path)
{
	int fd = guestpath_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *f;

	if (fd < 0) {
		return NULL;
	}
	f = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
	if (f == NULL) {
		close(fd);
	}
	return f;
}

/* The next line's fields, in buf; 0 at the end.  A line that is too long is cut: it has no
 * meaning either way. */
static size_t next_line(FILE *f, char *buf, int size, char *fields[MAX_FIELDS])
{
	size_t n = 0;
	char *at = buf;

	if (fgets(buf, size, f) == NULL) {
		return 0;
	}
	buf[strcspn(buf, "\n")] = '\0';
	while (n < MAX_FIELDS && at) {
		fields[n++] = strsep(&at, ":");
	}
	return n;
}

static bool get_id(const char *text, uint32_t *id)
{
	uint64_t v;

	if (!number_parse(text, UINT32_MAX - 1, &v)) {
		return false;
	}
	*id = (uint32_t)v;
	return true;
}

bool passwd_find(int root_fd, const char *name, uint32_t uid, struct passwd_entry *out)
{
	FILE *f = open_list(root_fd, "/etc/passwd");
	char line[1024], *field[MAX_FIELDS];
	bool found = false;
	size_t n;

	while (f && !found && (n = next_line(f, line, sizeof(line), field)) > 0) {
		if (n < 6 || !get_id(field[2], &out->uid) || !get_id(field[3], &out->gid) ||
		    strlen(field[0]) >= sizeof(out->name) ||
		    strlen(field[5]) >= sizeof(out->home)) {
			continue;
		}
		found = name ? strcmp(field[0], name) == 0 : out->uid == uid;
		if (found) {
			strcpy(out->name, field[0]);
			strcpy(out->home, field[5]);
		}
	}
	if (f) {
		fclose(f);
	}
	return found;
}

static bool find_group(int root_fd, const char *name, uint32_t *gid)
{
	FILE *f = open_list(root_fd, "/etc/group");
	char line[1024], *field[MAX_FIELDS];
	bool found = false;
	size_t n;

	while (f && !found && (n = next_line(f, line, sizeof(line), field)) > 0) {
		found = n >= 3 && strcmp(field[0], name) == 0 && get_id(field[2], gid);
	}
	if (f) {
		fclose(f);
	}
	return found;
}

NORETURN static void fail_unknown(int root_fd, const char *dir, const char *list, const char *what,
				  const char *name)
{
	FILE *f = open_list(root_fd, list);
	struct nearest near = nearest_to(name, strlen(name));
	char line[1024], *field[MAX_FIELDS];

	if (f == NULL) {
		fail("--user: no %s '%s': %s has no %s that can be read; a number will do", what,
		     name, dir, list);
	}
	while (next_line(f, line, sizeof(line), field) > 0) {
		char *copy = strdup(field[0]);

		if (copy) {
			nearest_try(&near, copy);
		}
	}
	fail("--user: no %s '%s' in %s of %s%s%s%s (a name of that file, or a number)", what, name,
	     list, dir, near.best ? "; did you mean " : "", near.best ? near.best : "",
	     near.best ? "?" : "");
}

void passwd_resolve(int root_fd, const char *dir, const char *text, uint32_t *uid, uint32_t *gid)
{
	const char *group = strchr(text, ':');
	char *user = group ? strndup(text, (size_t)(group - text)) : strdup(text);
	struct passwd_entry e;

	if (user == NULL) {
		fail("out of memory");
	}
	if (user[0] == '\0' || (group && group[1] == '\0')) {
		fail("--user %s: write USER or USER:GROUP, numbers or names", text);
	}
	if (get_id(user, uid)) {
		*gid = passwd_find(root_fd, NULL, *uid, &e) ? e.gid : *uid;
	} else if (passwd_find(root_fd, user, 0, &e)) {
		*uid = e.uid;
		*gid = e.gid;
	} else if (strspn(user, "0123456789") == strlen(user)) {
		fail("--user %s: not a number from 0 to %u", text, UINT32_MAX - 1);
	} else {
		fail_unknown(root_fd, dir, "/etc/passwd", "user", user);
	}
	if (group && !get_id(group + 1, gid) && !find_group(root_fd, group + 1, gid)) {
		fail_unknown(root_fd, dir, "/etc/group", "group", group + 1);
	}
	free(user);
}

const char *passwd_home(int root_fd, uint32_t uid)
{
	static struct passwd_entry e;

	return passwd_find(root_fd, NULL, uid, &e) && e.home[0] == '/' ? e.home : "/";
}
