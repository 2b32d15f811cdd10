/* SPDX-License-Identifier: MIT */
/*
 * Where an application processor starts: real mode at TRAMPOLINE, straight into
 * long mode with page tables that map this page at its own address, then to the
 * high half and onto the boot stack of the CPU's area.
 */
#include "asm.h"

	.section .rodata
	.globl trampoline_start, trampoline_end
	.balign 16
	.code16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl trampoline_gdtr - trampoline_start
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $TRAMPOLINE_TABLES, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	movl $EFER_KERNEL, %eax
	xorl %edx, %edx
	wrmsr
	movl $CR0_KERNEL, %eax
	movl %eax, %cr0
	ljmpl $0x08, $(TRAMPOLINE + trampoline_long - trampoline_start)
	.code64
trampoline_long:
	movq $ap_start, %rax
	jmp *%rax
	.balign 8
trampoline_gdt:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
trampoline_gdtr:
	.word 23
	.long TRAMPOLINE + trampoline_gdt - trampoline_start
trampoline_end:

	.text
ap_start:
	xorl %eax, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl $0x10, %eax
	movl %eax, %ss
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movzbl smp_cpu_of_apic(%rbx), %eax
	testl %eax, %eax /* 0: not one of ours */
	jz 1f
	shlq $CPU_AREA_SHIFT, %rax
	movabsq $CPU_AREAS, %rdi
	addq %rax, %rdi
	leaq CPU_AREA_STACK_TOP(%rdi), %rsp
	addq $CPU_AREA_CPU, %rdi
	xorl %ebp, %ebp
	call smp_ap_main
1:	cli
	hlt
	jmp 1b
