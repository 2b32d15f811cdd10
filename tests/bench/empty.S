/* SPDX-License-Identifier: MIT */
/*
 * The least kernel that QEMU's microvm boots by PVH: writes DEBUG_EXIT_DONE to isa-debug-exit.
 * Its whole wall time is what QEMU alone costs.
 */
	.section .note.pvh, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long start
	.section .text
	.code32
	.globl start
start:
	mov $0x10, %al
	out %al, $0xf4
1:	hlt
	jmp 1b
