/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The two processes of a VM and the descriptors that join them.
 *
 *	virtiofsd  <--- unix socket (vhost-user) --->  QEMU
 *	launcher   <--- socketpairs: ctl, stdio, stderr, serial, monitor --->  QEMU
 *	launcher   <--- pipe: what the helper itself writes to stderr --- each
 *
 * Everything is inherited: no path and no temporary file exists.  Both helpers
 * start at once; QEMU finds the daemon's socket connected already and waits
 * for the answer in its device's realize step.
 *
 * What a helper may do besides is in confine.h.
 *
 * Nobody survives: each helper gets SIGKILL when the launcher's main thread
 * dies (PR_SET_PDEATHSIG), virtiofsd also ends when QEMU closes their socket,
 * and the launcher watches both through pidfds.  The helpers have sessions of
 * their own, so a Ctrl-C at the terminal reaches only the launcher.
 *
 * virtiofsd runs with sandbox=chroot: it costs no extra process and no
 * namespaces (2.5 ms instead of 4.3 ms to its first answer), and chroot(".") works for
 * any directory, "/" and names with commas included.  As an ordinary user it
 * is root of a user namespace of its own with only this user in it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "idmap.h"

struct run_options;

struct helper {
	const char *name;     /* for messages */
	const char *argv[96]; /* NULL-terminated */
	size_t argc;
	pid_t pid, parent;
	int pidfd;
	int log;    /* read end: the helper's own stderr */
	int status; /* from waitpid */
	bool ended;
	char tail[4096]; /* the end of what came over log */
	size_t tail_len;
};

struct vm {
	struct helper qemu, fsd;
	int ctl, stdio, err, serial, monitor; /* our ends */
	int fs_listen, fs_connected;	      /* until both helpers have theirs */
	int kernel, blob;
	int peer_ctl, peer_stdio, peer_err, peer_serial, peer_monitor;
	bool userns;	/* the daemon is root of a user namespace, not of the host */
	bool has_idmap; /* with many ids in it */
	bool fuse_ids;	/* the daemon can act with any id of the VM */
	struct idmap idmap;
	bool read_only_clone; /* what the daemon sees; without it, it keeps --read-only itself */
	bool kvm;
};

/* Finds the helpers and the kernel and makes the command lines. */
void vm_prepare(struct vm *vm, struct run_options *o);

/* Prints what vm_start() would do, for --dry-run. */
void vm_print(const struct vm *vm, const struct run_options *o);

void vm_start(struct vm *vm, const struct run_options *o);

/* Asks the kernel, by an NMI, to tell what it is doing, however deep it hangs: it answers with
 * CTL_PANIC, and the VM ends. */
void vm_ask_state(struct vm *vm);

/* Kills and reaps both helpers. */
void vm_kill(struct vm *vm);

/* Reads what there is of the helper's own stderr; false at its end. */
bool helper_read_log(struct helper *h);
/* Whether the word stands in what was kept of its last output. */
bool helper_said(const struct helper *h, const char *word);

/* Reaps the helper if it has ended: true when h->status is valid. */
bool helper_reap(struct helper *h);
