/* SPDX-License-Identifier: MIT */
/*
 * User memory: see include/arch/uaccess.h.  Each instruction that may fault has
 * an entry in the exception table.  A block that faults is done again byte by
 * byte, so that all that can be copied is.
 *
 * Under TCG a string instruction costs more per byte than a loop of moves; under
 * KVM with ERMS it is the other way round.  arch_copy_string (uaccess.c) says.
 */
#include "asm_macros.h"

	.text
/* size_t arch_copy_user(void *dst, const void *src, size_t n) */
	.balign 16
	.globl arch_copy_user
arch_copy_user:
	movq %rdx, %rcx
	USER_OPEN
	cmpq $256, %rcx
	jb 1f
	cmpb $0, arch_copy_string(%rip)
	jne .Lstring
1:	subq $64, %rcx
	jb 3f
	.balign 16
2:
.Lb0:	movq (%rsi), %rax
.Lb1:	movq 8(%rsi), %rdx
.Lb2:	movq 16(%rsi), %r8
.Lb3:	movq 24(%rsi), %r9
.Lb4:	movq %rax, (%rdi)
.Lb5:	movq %rdx, 8(%rdi)
.Lb6:	movq %r8, 16(%rdi)
.Lb7:	movq %r9, 24(%rdi)
.Lb8:	movq 32(%rsi), %rax
.Lb9:	movq 40(%rsi), %rdx
.Lb10:	movq 48(%rsi), %r8
.Lb11:	movq 56(%rsi), %r9
.Lb12:	movq %rax, 32(%rdi)
.Lb13:	movq %rdx, 40(%rdi)
.Lb14:	movq %r8, 48(%rdi)
.Lb15:	movq %r9, 56(%rdi)
	addq $64, %rsi
	addq $64, %rdi
	subq $64, %rcx
	jae 2b
3:	addq $64, %rcx
	subq $8, %rcx
	jb 5f
4:
.Lw0:	movq (%rsi), %rax
.Lw1:	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rcx
	jae 4b
5:	addq $8, %rcx
	jz 7f
6:
.Lc0:	movb (%rsi), %al
.Lc1:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rcx
	jnz 6b
7:	USER_CLOSE
	movq %rcx, %rax
	ret
.Lstring:
.Ls0:	rep movsb
	USER_CLOSE
	movq %rcx, %rax
	ret
.Lblock_fault:
	addq $64, %rcx
	jmp 6b
.Lword_fault:
	addq $8, %rcx
	jmp 6b
	EX_TABLE .Lb0, .Lblock_fault
	EX_TABLE .Lb1, .Lblock_fault
	EX_TABLE .Lb2, .Lblock_fault
	EX_TABLE .Lb3, .Lblock_fault
	EX_TABLE .Lb4, .Lblock_fault
	EX_TABLE .Lb5, .Lblock_fault
	EX_TABLE .Lb6, .Lblock_fault
	EX_TABLE .Lb7, .Lblock_fault
	EX_TABLE .Lb8, .Lblock_fault
	EX_TABLE .Lb9, .Lblock_fault
	EX_TABLE .Lb10, .Lblock_fault
	EX_TABLE .Lb11, .Lblock_fault
	EX_TABLE .Lb12, .Lblock_fault
	EX_TABLE .Lb13, .Lblock_fault
	EX_TABLE .Lb14, .Lblock_fault
	EX_TABLE .Lb15, .Lblock_fault
	EX_TABLE .Lw0, .Lword_fault
	EX_TABLE .Lw1, .Lword_fault
	EX_TABLE .Lc0, 7b
	EX_TABLE .Lc1, 7b
	EX_TABLE .Ls0, 7b

/* size_t arch_clear_user(uintptr_t dst, size_t n) */
	.balign 16
	.globl arch_clear_user
arch_clear_user:
	movq %rsi, %rcx
	xorl %eax, %eax
	USER_OPEN
	cmpq $256, %rcx
	jb 1f
	cmpb $0, arch_copy_string(%rip)
	jne .Lclear_string
1:	subq $32, %rcx
	jb 3f
2:
.Lz0:	movq %rax, (%rdi)
.Lz1:	movq %rax, 8(%rdi)
.Lz2:	movq %rax, 16(%rdi)
.Lz3:	movq %rax, 24(%rdi)
	addq $32, %rdi
	subq $32, %rcx
	jae 2b
3:	addq $32, %rcx
	jz 5f
4:
.Lz4:	movb %al, (%rdi)
	incq %rdi
	decq %rcx
	jnz 4b
5:	USER_CLOSE
	movq %rcx, %rax
	ret
.Lclear_string:
.Lz5:	rep stosb
	jmp 5b
.Lclear_fault:
	addq $32, %rcx
	jmp 4b
	EX_TABLE .Lz0, .Lclear_fault
	EX_TABLE .Lz1, .Lclear_fault
	EX_TABLE .Lz2, .Lclear_fault
	EX_TABLE .Lz3, .Lclear_fault
	EX_TABLE .Lz4, 5b
	EX_TABLE .Lz5, 5b

/* long arch_strncpy_user(char *dst, uintptr_t src, size_t n) */
	.balign 16
	.globl arch_strncpy_user
arch_strncpy_user:
	xorl %eax, %eax
	USER_OPEN
1:	cmpq %rdx, %rax
	jae 2f
.Ln0:	movb (%rsi, %rax), %cl
	movb %cl, (%rdi, %rax)
	testb %cl, %cl
	jz 2f
	incq %rax
	jmp 1b
2:	USER_CLOSE
	ret
3:	movq $-14, %rax /* -EFAULT */
	jmp 2b
	EX_TABLE .Ln0, 3b

/* int arch_user_load32(uint32_t *value, uintptr_t addr) */
	.balign 16
	.globl arch_user_load32
arch_user_load32:
	USER_OPEN
.Ll0:	movl (%rsi), %ecx
	USER_CLOSE
	movl %ecx, (%rdi)
	xorl %eax, %eax
	ret

	.globl arch_user_load64
arch_user_load64:
	USER_OPEN
.Ll1:	movq (%rsi), %rcx
	USER_CLOSE
	movq %rcx, (%rdi)
	xorl %eax, %eax
	ret

/* int arch_user_store32(uintptr_t addr, uint32_t value), ..store64 */
	.balign 16
	.globl arch_user_store32
arch_user_store32:
	USER_OPEN
.Lt0:	movl %esi, (%rdi)
	USER_CLOSE
	xorl %eax, %eax
	ret

	.balign 16
	.globl arch_user_store64
arch_user_store64:
	USER_OPEN
.Lt1:	movq %rsi, (%rdi)
	USER_CLOSE
	xorl %eax, %eax
	ret

/* int arch_user_cmpxchg32(uintptr_t addr, uint32_t *old, uint32_t new_value) */
	.globl arch_user_cmpxchg32
arch_user_cmpxchg32:
	movl (%rsi), %eax
	USER_OPEN
.Ll2:	lock cmpxchgl %edx, (%rdi)
	USER_CLOSE
	movl %eax, (%rsi)
	xorl %eax, %eax
	ret
.Lload_fault:
	USER_CLOSE
	movl $-14, %eax
	ret
	EX_TABLE .Ll0, .Lload_fault
	EX_TABLE .Lt0, .Lload_fault
	EX_TABLE .Lt1, .Lload_fault
	EX_TABLE .Ll1, .Lload_fault
	EX_TABLE .Ll2, .Lload_fault
