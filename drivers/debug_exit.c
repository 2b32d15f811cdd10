/* SPDX-License-Identifier: MIT */
/*
 * The end of the VM: QEMU's isa-debug-exit device, whose value becomes QEMU's exit status and so
 * tells the launcher how it ended (lib/launch.h).  Any context, also a panic: no lock, no memory.
 */
#include <drivers/debug_exit.h>
#include <arch/cpu.h>
#include <arch/port.h>
#include <debug/panic.h>
#include <lib/launch.h>

void debug_exit(unsigned code)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} PACKED none = { 0, 0 };

	irq_off();
	port_out32(DEBUG_EXIT_PORT, code);
	/* QEMU ends a moment later; without the device this instruction is reached at
	 * once.  int3 instead of ud2 hangs under some KVMs. */
	for (unsigned i = 0; i < 1000000; i++) {
		cpu_pause();
	}
	__asm__ volatile("lidt %0; ud2" ::"m"(none));
	__builtin_unreachable();
}

static void end_in_panic(void)
{
	debug_exit(DEBUG_EXIT_PANIC);
}

static struct panic_sink sink = { .end = end_in_panic };

void debug_exit_init(void)
{
	panic_add_sink(&sink);
}
