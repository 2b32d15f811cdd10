/* SPDX-License-Identifier: MIT */
#pragma once
/* A program named without a slash is looked for as a shell would, inside DIR:
 * symbolic links, absolute ones too, are followed with DIR as the root. */

/* The path for the kernel.  Exits with status 127 when there is no such program:
 * the only question about the program that is answered before boot. */
const char *guestpath_search(int dir_fd, const char *dir, const char *prog, const char *path);
