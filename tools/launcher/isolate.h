/* SPDX-License-Identifier: MIT */
#pragma once
/* What the child that becomes virtiofsd does to itself before exec. */
#include <stdbool.h>

struct idmap;

/* Makes dir_fd the working directory; in_userns: as root of a new user namespace
 * that maps only the caller, or what map says; read_only: through a read-only mount that nobody else
 * sees (only the C daemon finds it).  On failure writes the reason and the remedy to
 * stderr and exits. */
void isolate_share(int dir_fd, bool in_userns, const struct idmap *map, bool read_only);
