/* SPDX-License-Identifier: MIT */
#pragma once
/* Limits of names and vectors (limits.h). */
#define NAME_MAX 255
#define NR_OPEN_MAX 1048576 /* descriptors */
#define PATH_MAX 4096	    /* with the NUL */
#define PIPE_BUF 4096
#define UIO_MAXIOV 1024
#define XATTR_NAME_MAX 255
#define XATTR_SIZE_MAX 65536
#define XATTR_LIST_MAX 65536
/* Most bytes that one read or write moves: INT_MAX rounded down to a page. */
#define MAX_RW_COUNT 0x7ffff000ul
