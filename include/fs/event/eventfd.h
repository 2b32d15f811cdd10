/* SPDX-License-Identifier: MIT */
#pragma once
#include <lib/util.h>

struct file;

/* eventfd2(2): flags EFD_*. */
MUST_USE int eventfd_create(uint64_t initial, int flags, struct file **out);
