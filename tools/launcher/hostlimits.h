/* SPDX-License-Identifier: MIT */
#pragma once
/* What this host takes away from a VM: limits of memory, of descriptors, of address space. */
#include <stdbool.h>
#include <stdint.h>

struct helper;

/* The lowest memory limit of the control groups that we are in, version 1, 2 or both: bytes, and the
 * file that says so.  False when there is none. */
bool hostlimits_memory(uint64_t *bytes, char *file, int size);

/* A helper is dead: says what of the host's limits may have done it, and the remedy. */
void hostlimits_explain(const struct helper *h);
