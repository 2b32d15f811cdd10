/* SPDX-License-Identifier: MIT */
/* The linked vDSO, whole pages: they are mapped into programs as they are. */
	.section .rodata.vdso, "a"
	.balign 4096
	.globl vdso_image_start, vdso_image_end
vdso_image_start:
	.incbin "vdso.so"
	.balign 4096
vdso_image_end:
	.section .note.GNU-stack, "", @progbits
