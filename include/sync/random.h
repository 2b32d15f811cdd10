/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The kernel's random numbers: ChaCha20 keyed from RDRAND/RDSEED, the TSC and the
 * virtio-rng device (when it answers); rekeyed after each use, so that old output can't
 * be had from the state.  Any context.
 */
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *buf, size_t n);
uint64_t random_u64(void);
/* Mixes entropy in (drivers, interrupts). */
void random_add(const void *data, size_t n);
