/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The ids of an ordinary user's share.  Without more, virtiofsd is root of a user namespace with only
 * this user in it: whatever the program's user, all it can own is root's.  For --user the namespace
 * gets what /etc/subuid and /etc/subgid give this user: the program's user there is the user here, so
 * that it can write what is theirs, and all other ids are subordinate ones.  Only newuidmap and
 * newgidmap may write such a map.
 */
#include <stdbool.h>
#include <stdint.h>

struct idmap {
	uint32_t uid, gid; /* of the program: who we are there */
	uint32_t first_uid, n_uids, first_gid, n_gids;
	const char *newuidmap, *newgidmap;
};

/* False when there can be no such map: *missing says what it needs. */
bool idmap_find(struct idmap *m, uint32_t uid, uint32_t gid, const char **missing);

/* In the child that becomes the daemon: enters the namespace as its root.  On failure it says why and
 * exits. */
void idmap_enter(const struct idmap *m);
