/* SPDX-License-Identifier: MIT */
/*
 * Entries into the kernel and the ways back.
 *
 * GS: the kernel's base points to struct cpu; swapgs exchanges it with the
 * program's at each crossing.  Entries on the stacks of the IST (NMI, #DF, #MC,
 * #DB) may hit the instructions around a swapgs, and a program with FSGSBASE may
 * choose any base, so they neither look at GS nor swap: they load the pointer that
 * cpu.c put at the top of their stack and put the old base back when they leave.
 *
 * An IRET to the program cannot fault: selectors and flags are forced, and a
 * non-canonical RIP is turned into an exception of the program before.
 */
#include "asm.h"
#include "asm_macros.h"

#define SEL_USER_DATA 0x2b
#define SEL_USER_CODE 0x33

.macro PUSH_REST /* rdx .. r15; rdi and rsi are saved */
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
.endm

.macro POP_ALL /* leaves orig_rax on the stack */
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
.endm

	.text
/*
 * SYSCALL: rcx = return address, r11 = flags; SFMASK has cleared IF, DF, AC, TF, NT.
 */
	.balign 16
	.globl entry_syscall
entry_syscall:
	swapgs
	movq %rsp, %gs:CPU_USER_RSP
	movq %gs:CPU_KERNEL_RSP, %rsp
	pushq $SEL_USER_DATA
	pushq %gs:CPU_USER_RSP
	pushq %r11
	pushq $SEL_USER_CODE
	pushq %rcx
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq $-38 /* rax: -ENOSYS */
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %gs:CPU_CURRENT, %rax
	movl $0, THREAD_IN_USER(%rax)
	xorl %ebp, %ebp
	movq %rsp, %rdi
	subq $8, %rsp
	sti
	call upcall_syscall
	addq $8, %rsp

/* %rsp = struct trap_frame at the top of the thread's stack. */
	.globl return_to_user
return_to_user:
	cli
	movq %gs:CPU_CURRENT, %rax
	movl THREAD_WORK(%rax), %esi
	testl %esi, %esi
	jnz .Lwork
	movl $1, THREAD_IN_USER(%rax)
	/* SYSRET when it restores the same state as IRET would. */
	movq FRAME_RIP(%rsp), %rcx
	cmpq %rcx, FRAME_RCX(%rsp)
	jne .Liret
	movq FRAME_RFLAGS(%rsp), %r11
	cmpq %r11, FRAME_R11(%rsp)
	jne .Liret
	testl $0x10100, %r11d /* RF, TF */
	jnz .Liret
	movq %rcx, %rax
	shrq $47, %rax
	jnz .Liret
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	addq $8, %rsp /* r11 is loaded */
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	addq $8, %rsp /* so is rcx */
	popq %rdx
	popq %rsi
	popq %rdi
	movq FRAME_RSP - FRAME_ORIG_RAX(%rsp), %rsp
	swapgs
	sysretq

.Liret:
	movq FRAME_RIP(%rsp), %rax
	movq %rax, %rcx
	shlq $16, %rcx
	sarq $16, %rcx
	cmpq %rax, %rcx
	jne .Lbad_rip
	movq $SEL_USER_CODE, FRAME_CS(%rsp)
	movq $SEL_USER_DATA, FRAME_SS(%rsp)
	andq $0x254dd5, FRAME_RFLAGS(%rsp) /* not IOPL, NT, VM, VIF, VIP; RF stays */
	orq $0x202, FRAME_RFLAGS(%rsp)
	POP_ALL
	addq $8, %rsp
	swapgs
	iretq

.Lbad_rip:
	movq %gs:CPU_CURRENT, %rax
	movl $0, THREAD_IN_USER(%rax)
	sti
	movq %rsp, %rdi
	subq $8, %rsp
	call trap_bad_user_rip
	addq $8, %rsp
	jmp return_to_user

.Lwork:
	sti
	movq %rsp, %rdi
	subq $8, %rsp
	call upcall_return_to_user
	addq $8, %rsp
	jmp return_to_user

/*
 * Exceptions and interrupts on the current or the thread's stack.  The stub has
 * pushed an error code (or 0) and the vector.
 */
	.balign 16
entry_trap:
	pushq %rsi
	movq 8(%rsp), %rsi /* vector; its place becomes rdi's */
	movq %rdi, 8(%rsp)
	PUSH_REST
	USER_CLOSE
	cld
	testb $3, FRAME_CS(%rsp)
	jz 1f
	swapgs
entry_trap_user:
	movq %gs:CPU_CURRENT, %rax
	movl $0, THREAD_IN_USER(%rax)
	xorl %ebp, %ebp
1:	movq FRAME_ORIG_RAX(%rsp), %rdx /* error code */
	movq $-1, FRAME_ORIG_RAX(%rsp)
	movq %rsp, %rdi
	subq $8, %rsp
	call trap_entry
	addq $8, %rsp
	testb $3, FRAME_CS(%rsp)
	jnz return_to_user
	POP_ALL
	addq $8, %rsp
	iretq

/* NMI, #DF, #MC, #DB. */
	.balign 16
entry_ist:
	pushq %rsi
	movq 8(%rsp), %rsi
	movq %rdi, 8(%rsp)
	PUSH_REST
	USER_CLOSE
	cld
	cmpl $1, %esi
	jne 1f
	testb $3, FRAME_CS(%rsp)
	jz 1f
	/* #DB of the program: may sleep, so it goes to the thread's stack. */
	swapgs
	movq %gs:CPU_KERNEL_RSP, %rdi
	subq $FRAME_SIZE, %rdi
	xorl %ecx, %ecx
2:	movq (%rsp, %rcx, 8), %rax
	movq %rax, (%rdi, %rcx, 8)
	incl %ecx
	cmpl $(FRAME_SIZE / 8), %ecx
	jne 2b
	movq %rdi, %rsp
	jmp entry_trap_user
1:	movl $MSR_GS_BASE, %ecx
	rdmsr
	movl %eax, %r12d
	movl %edx, %r13d
	movq FRAME_SIZE(%rsp), %rax /* struct cpu */
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	movq FRAME_ORIG_RAX(%rsp), %rdx
	movq $-1, FRAME_ORIG_RAX(%rsp)
	movq %rsp, %rdi
	subq $8, %rsp
	call trap_ist_entry
	addq $8, %rsp
	movl $MSR_GS_BASE, %ecx
	movl %r12d, %eax
	movl %r13d, %edx
	wrmsr
	POP_ALL
	addq $8, %rsp
	iretq

/* One stub of 16 bytes per vector. */
	.balign 16
	.globl entry_stubs
entry_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	/* 8, 10..14, 17, 21, 29 and 30 push an error code themselves */
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
	.elseif (vector == 29) || (vector == 30)
	.else
	pushq $0
	.endif
	pushq $vector
	.if (vector == 1) || (vector == 2) || (vector == 8) || (vector == 18)
	jmp entry_ist
	.else
	jmp entry_trap
	.endif
	.set vector, vector + 1
	.endr

/*
 * void switch_stacks(uint64_t *save_sp, uint64_t load_sp)
 */
	.balign 16
	.globl switch_stacks
switch_stacks:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret

/* First instructions of a kernel thread: rbx = fn, r12 = arg. */
	.globl thread_start_kernel
thread_start_kernel:
	xorl %ebp, %ebp
	call sched_finish_switch
	sti
	movq %r12, %rdi
	call *%rbx
	call sched_exit
	ud2

/* Of a thread that starts in user mode: its frame is on top of the stack. */
	.globl thread_start_user
thread_start_user:
	xorl %ebp, %ebp
	call sched_finish_switch
	addq $8, %rsp
	jmp return_to_user

/* NORETURN void enter_user(struct trap_frame *f) */
	.globl enter_user
enter_user:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	jmp return_to_user
