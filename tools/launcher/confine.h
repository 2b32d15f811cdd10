/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a helper may still do when it is executed.  Both helpers face the guest: QEMU whatever
 * the guest's kernel writes into a device, virtiofsd every request for a file.  So each gets
 * the descriptors that its command line names, and no right that it has no use for:
 *
 *	QEMU       no capability, no_new_privs, no socket; run by root, a user of its own
 *	virtiofsd  the capabilities of a file server, no_new_privs, no socket; unless privileged
 *	           files are allowed, no way to make one
 *
 * A privileged file is one that gives rights to whoever opens or executes it on the host: with a
 * set-user-ID or set-group-ID bit, a device node, or with file capabilities.  Devices and file
 * capabilities need a capability of the daemon, which it does not get.  A bit is a mode, and any owner of a
 * file may set it: a system call filter refuses each mode with one.  Without CAP_FSETID the host's
 * kernel also takes the bits from a file that the guest writes to.  An access control list would open a
 * file with a bit to others and leave the bit: the daemon is told to take none.
 *
 * Where there is Landlock, landlock.h says what of the host's files is left.
 *
 * The filters are added to those that the helpers set for themselves.
 */
#include <stdbool.h>
#include <stddef.h>

/* Every descriptor above 2 but these is closed by the next exec. */
void confine_descriptors(const int *keep, size_t n);

/* The environment for a helper: what programs need to start and to say something.  The rest may
 * hold the caller's secrets, and stays here. */
char **confine_environment(void);

struct vm_needs {
	const char *program; /* must be executable after the change */
	int kernel;	     /* descriptor of a file that it reads */
	bool network;	     /* --gdb */
	bool kvm;
};

/* For the child that becomes QEMU. */
void confine_vm(const struct vm_needs *needs);

struct share_needs {
	const char *program;
	int dir;
	bool privileged_files;
	bool fake_setgroups; /* setgroups() does nothing and says that it did */
};

/* For the child that becomes virtiofsd, as root of the host or of its user namespace. */
void confine_share(const struct share_needs *needs);

/* What the daemon must be told not to want: capabilities, in the form of its modcaps option. */
#define CONFINE_MODCAPS "-fsetid:-mknod:-setfcap"
