/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * QEMU's firmware configuration device: named blobs that the host hands to the guest
 * (QEMU docs/specs/fw_cfg.rst).  By DMA where the device has it, else byte by byte.  What it
 * says about sizes is not believed beyond the caller's limit.  Boot only, one CPU.
 */
#include <lib/util.h>

/* Reads the file `name` into memory from kmalloc().  0; -ENODEV without fw_cfg, -ENOENT
 * without the file, -EFBIG above max, -ENOMEM, -EIO. */
MUST_USE int fw_cfg_read_file(const char *name, size_t max, void **data, size_t *len);
