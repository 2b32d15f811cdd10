/* SPDX-License-Identifier: MIT */
#pragma once
/* The filter of --strace, before the kernel gets it: ends the launcher when it names a call or a
 * class that does not exist. */
void strace_filter_check(const char *filter);
