/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Numbers that assembly and C share.  kernel/arch/asm_check.c asserts that the
 * offsets are those of the structs.
 */

/* struct cpu, through GS */
#define CPU_SELF 0
#define CPU_KERNEL_RSP 8
#define CPU_USER_RSP 16
#define CPU_CURRENT 24

/* struct arch_thread */
#define THREAD_WORK 16
#define THREAD_IN_USER 60

/* struct trap_frame */
#define FRAME_R11 48
#define FRAME_RAX 80
#define FRAME_RCX 88
#define FRAME_RSI 104
#define FRAME_RDI 112
#define FRAME_ORIG_RAX 120
#define FRAME_RIP 128
#define FRAME_CS 136
#define FRAME_RFLAGS 144
#define FRAME_RSP 152
#define FRAME_SS 160
#define FRAME_SIZE 168

/* A CPU's own pages, see struct cpu_area; areas of CPUs 1.. lie at CPU_AREAS. */
#define CPU_AREAS 0xfffffe0000000000
#define CPU_AREA_SHIFT 16
#define CPU_AREA_STACK_TOP 0x5000
#define CPU_AREA_CPU 0x9000

/* Where application processors start, in the low memory that boot_info leaves out:
 * a page of code and three of page tables. */
#define TRAMPOLINE 0x8000
#define TRAMPOLINE_TABLES 0x9000

#define CR0_KERNEL 0x80050033 /* PG AM WP NE ET MP PE; caches on */
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_KERNEL 0x901 /* NXE LME SCE */
#define MSR_GS_BASE 0xc0000101
