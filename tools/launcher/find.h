/* SPDX-License-Identifier: MIT */
#pragma once
/* Where the parts are: the kernel beside the launcher, QEMU and virtiofsd where
 * Debian puts them.  A missing part ends the launcher with the package's name. */
#include <stdbool.h>

#include "options.h"

void find_parts(struct run_options *o);

/* True for KVM.  /dev/kvm alone proves nothing: some machines without hardware
 * virtualisation have one that interprets the guest's kernel, very slowly. */
bool find_accel(enum accel wanted);

/* An executable in $PATH; NULL when it is nowhere. */
const char *find_in_path(const char *name);

/* The CPU can run virtual machines. */
bool find_virtualisation(void);

/* The parts where they usually are, NULL when one is nowhere. */
const char *find_kernel_or_null(void);
const char *find_qemu(void);
const char *find_daemon(void);
