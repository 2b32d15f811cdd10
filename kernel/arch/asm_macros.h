/* SPDX-License-Identifier: MIT */
#pragma once
/* Macros of the .S files. */

/* Without SMAP these become no-ops: cpu.c patches them through .smap_patch. */
.macro USER_OPEN
771:	stac
	.pushsection .smap_patch, "a", @progbits
	.long 771b - .
	.popsection
.endm
.macro USER_CLOSE
772:	clac
	.pushsection .smap_patch, "a", @progbits
	.long 772b - .
	.popsection
.endm

/* A fault of the instruction at `insn` continues at `fixup`. */
.macro EX_TABLE insn, fixup
	.pushsection .ex_table, "a", @progbits
	.long \insn - .
	.long \fixup - .
	.popsection
.endm
