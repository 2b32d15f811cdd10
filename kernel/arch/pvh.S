/* SPDX-License-Identifier: MIT */
/*
 * First instructions.  A PVH loader enters at pvh_start in 32-bit protected mode,
 * paging off, %ebx = physical address of struct hvm_start_info.  The page tables are
 * built by the assembler: the first GiB at 0, DIRECT_MAP and KERNEL_BASE.
 * paging_init() turns them into the final ones.
 */
#include "asm.h"

#define KERNEL_BASE 0xffffffff80000000
#define PHYS(sym) ((sym) - KERNEL_BASE)

	/* Xen's PHYS32_ENTRY note; QEMU insists on the section type. */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long PHYS(pvh_start)

	.section .text.boot, "ax", @progbits
	.code32
	.globl pvh_start
pvh_start:
	cli
	cld
	rdtsc
	movl %eax, PHYS(pvh_entry_tsc)
	movl %edx, PHYS(pvh_entry_tsc) + 4
	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	movl $EFER_KERNEL, %eax
	xorl %edx, %edx
	wrmsr
	movl $CR0_KERNEL, %eax
	movl %eax, %cr0
	lgdt PHYS(pvh_gdtr)
	ljmp $0x08, $PHYS(long_mode)

	.code64
long_mode:
	movq $high_half, %rax
	jmp *%rax
high_half:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl $0x10, %eax
	movl %eax, %ss
	leaq boot_cpu_area + CPU_AREA_STACK_TOP(%rip), %rsp
	xorl %ebp, %ebp
	movl %ebx, %edi
	call boot_entry
	ud2

	.section .rodata
	.balign 8
pvh_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
pvh_gdtr:
	.word 23
	.long PHYS(pvh_gdt)

	.data
	.balign 8
	.globl pvh_entry_tsc
pvh_entry_tsc:
	.quad 0

	.section .data.page, "aw", @progbits
	.balign 4096
	.globl boot_pml4, direct_pdpt, direct_pd, image_pdpt
boot_pml4:
	.quad PHYS(direct_pdpt) + 3
	.fill 272, 8, 0
	.quad PHYS(direct_pdpt) + 3 /* 273: DIRECT_MAP */
	.fill 237, 8, 0
	.quad PHYS(image_pdpt) + 3
direct_pdpt: /* for now also at virtual address 0 */
	.quad PHYS(direct_pd) + 3
	.fill 511, 8, 0
image_pdpt:
	.fill 510, 8, 0
	.quad PHYS(direct_pd) + 3
	.fill 1, 8, 0
direct_pd: /* writable 2 MiB pages */
	.set page, 0
	.rept 512
	.quad (page << 21) + 0x83
	.set page, page + 1
	.endr
