/* SPDX-License-Identifier: MIT */
#pragma once
/* The 16550 at 0x3f8: for panics, and the log of a kernel under debugging.  Each byte
 * is an exit to QEMU, so nothing else uses it. */
#include <lib/util.h>

/* Becomes a panic sink when the port is there.  First of all in kernel_main(). */
void serial_init(void);
