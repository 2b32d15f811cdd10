/* SPDX-License-Identifier: MIT */
#pragma once
/* Paths inside DIR, as the program will see them: symbolic links, absolute ones too, are followed
 * with DIR as the root. */

/* Opens a path of DIR: a descriptor, or -1 with errno. */
int guestpath_open(int dir_fd, const char *path, int flags);

/* A program named without a slash is looked for as a shell would: the path for the kernel.  Exits
 * with status 127 when there is no such program, 126 when it is out of this user's reach: the only
 * questions about the program that are answered before boot. */
const char *guestpath_search(int dir_fd, const char *dir, const char *prog, const char *path);

/* "/tmp" when path, relative to workdir, is there in DIR, but below a directory which the VM has of
 * its own; NULL when it is not. */
const char *guestpath_hidden_by(int dir_fd, const char *workdir, const char *path);
