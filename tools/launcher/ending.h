/* SPDX-License-Identifier: MIT */
#pragma once
/* What the user is told of a program that a signal has ended, or that is not there. */
#include <stdbool.h>

struct run_options;

/* from_host: the launcher had passed that signal on.  described: the kernel has told of a crash. */
void ending_by_signal(const struct run_options *o, int signo, bool from_host, bool described);
/* The path may be missing because a file system of the VM's own hides that part of DIR. */
void ending_hidden(const struct run_options *o, const char *path);
