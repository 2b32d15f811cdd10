/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The virtio-mmio transport (virtio 1.2, 4.2), version 2 only.  Devices come from the kernel
 * command line (`virtio_mmio.device=...`, any number, any order); empty slots have device id
 * 0; QEMU fills slots from the highest down, so the id alone says what a device is.
 */
#include <lib/util.h>

/* Attaches every device that the command line names; returns how many have a driver and
 * work.  Needs paging_map_mmio(), kmalloc() and irq_register(). */
unsigned virtio_mmio_init(const char *cmdline);
