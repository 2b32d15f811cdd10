/* SPDX-License-Identifier: MIT */
#pragma once
/* The system's names: uname(2), /proc/version and /proc/sys/kernel/{hostname,...}. */
#include <linux/utsname.h>
#include <stddef.h>

/* A copy: others may set the names meanwhile. */
struct linux_utsname hostname_read(void);
/* n <= UTS_LEN bytes. */
void hostname_set(const char *name, size_t n);
void hostname_set_domain(const char *name, size_t n);
/* Makes the files; once /proc is there. */
void hostname_register_files(void);
