/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a helper can still reach of the host's file system, and of the processes of its own
 * user, where the kernel has Landlock (5.19 and newer, if it is not switched off; else this does
 * nothing, see closet.h).  It is what stands between an ordinary user's files and a QEMU that the guest has taken over,
 * and what keeps a virtiofsd in DIR that has: its chroot alone would not, since it holds
 * descriptors outside.
 *
 * A program below /usr may read /usr, /lib*, /etc, /sys and its own /proc; another one, which
 * somebody named, may have its parts anywhere and may read everything.  Neither may write, but QEMU to
 * /dev/kvm and virtiofsd to DIR.
 */
#include <stdbool.h>

/* In a version that is of use. */
bool landlock_exists(void);

/* The file at `fd` may also be read, whatever stands above.  network: TCP is left alone. */
void landlock_vm(const char *program, int fd, bool network);

/* Everything is allowed below `dir`. */
void landlock_share(const char *program, int dir);
