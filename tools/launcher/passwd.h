/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Users and groups by the files of a directory's own /etc, which nobody vouches for: lines that do
 * not parse are passed over.  Not by getpwnam(3): it asks this host, and wants shared libraries.
 */
#include <stdbool.h>
#include <stdint.h>

struct passwd_entry {
	char name[64];
	uint32_t uid, gid;
	char home[256];
};

/* By its name, or by uid when name is NULL. */
bool passwd_find(int root_fd, const char *name, uint32_t uid, struct passwd_entry *out);

/* Sets uid and gid for "USER[:GROUP]", names or numbers; complains, with DIR's name, and ends the
 * launcher when there is no such name.  HOME, "/" when nobody knows it. */
void passwd_resolve(int root_fd, const char *dir, const char *text, uint32_t *uid, uint32_t *gid);
const char *passwd_home(int root_fd, uint32_t uid);
