/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdio.h>

/*
 * Opens a file that the user named for output, emptied.  In the shared directory `dir_fd` names are a
 * guest's: there no symbolic link is followed, which could lead to any file of the
 * user's, and nothing is opened but a regular file.  NULL with errno.
 */
FILE *outfile_open(const char *path, int dir_fd);
