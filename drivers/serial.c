/* SPDX-License-Identifier: MIT */
/*
 * The serial port, polled and without a lock, as it speaks in panics.  The wait for each byte is
 * bounded: a port that never gets ready must not keep a panic from its end.
 */
#include <drivers/serial.h>
#include <arch/port.h>
#include <debug/panic.h>

#define PORT 0x3f8
enum { DATA = 0, INTERRUPTS = 1, FIFO = 2, LINE_CONTROL = 3, LINE_STATUS = 5, SCRATCH = 7 };
#define LSR_TX_EMPTY 0x20

static bool present;

static void serial_write(const char *text, size_t n)
{
	if (!present) {
		return;
	}
	for (size_t i = 0; i < n; i++) {
		/* bounded: a port that never gets ready must not hang a panic */
		for (unsigned k = 0; k < 10000 && !(port_in8(PORT + LINE_STATUS) & LSR_TX_EMPTY);
		     k++) {
		}
		port_out8(PORT + DATA, text[i]);
	}
}

static struct panic_sink sink = { .write = serial_write };

void serial_init(void)
{
	port_out8(PORT + SCRATCH, 0x5a);
	if (port_in8(PORT + SCRATCH) != 0x5a) {
		return;
	}
	port_out8(PORT + INTERRUPTS, 0);
	port_out8(PORT + LINE_CONTROL, 3); /* 8n1; QEMU ignores the speed */
	port_out8(PORT + FIFO, 1);
	present = true;
	panic_add_sink(&sink);
}
