/* SPDX-License-Identifier: MIT */
#pragma once
/* QEMU's isa-debug-exit at DEBUG_EXIT_PORT: how the VM ends. */
#include <lib/util.h>

/* A panic ends through it from now on; call it after the sinks that print. */
void debug_exit_init(void);
/* Ends the VM with one of DEBUG_EXIT_* (lib/launch.h); without the device by a triple fault,
 * which QEMU takes for a reset and ends as well (-no-reboot). */
NORETURN void debug_exit(unsigned code);
