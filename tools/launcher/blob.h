/* SPDX-License-Identifier: MIT */
#pragma once
/* What to run, in the form that the kernel reads from fw_cfg (lib/launch.h, 1). */
#include <stdbool.h>

struct run_options;

/* A memfd with the blob, close-on-exec. */
int blob_create(const struct run_options *o, bool fuse_ids);
