/* SPDX-License-Identifier: MIT */
/* The virtio drivers that there are; device.c finds one by its device id. */
#include <drivers/virtio.h>

/* In the order in which devices start: the console's handshake has the most round trips and
 * needs nobody's attention, so it overlaps with the others'. */
const struct virtio_driver *const virtio_drivers[] = {
	&virtio_console_driver,
	&virtio_fs_driver,
	&virtio_rng_driver,
};
const unsigned virtio_driver_count = ARRAY_SIZE(virtio_drivers);
