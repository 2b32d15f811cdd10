/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The system's names: uname(2), sethostname(2), /proc/sys/kernel/{hostname,...} and
 * /proc/version.  syscall/uts.c
 */

/* Makes the files below /proc; after vfs_mount_root(). */
void uts_register_files(void);
