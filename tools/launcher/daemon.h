/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which virtiofsd it is.  There are two: the C one of QEMU up to 7.2, which takes everything
 * as -o lists, and the Rust one that came after it, with options of its own.  They have the
 * same name and may have the same path, so they are told apart by what they can do.
 *
 * Asking costs a process, 2.5 ms, and every run would pay for it.  A daemon that knows
 * the feature has its name among its strings: of an ELF file it is looked up there, in
 * 0.2 ms.  Only another file, a script that wraps the daemon, is executed to be asked.
 */
#include <stdbool.h>

/* True for the Rust daemon. */
bool daemon_has_separate_options(const char *path);

/* Of the Rust daemon: true from 1.13 on. */
bool daemon_has_readonly(const char *path);
