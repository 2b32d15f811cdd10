/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * FPU, SSE and AVX state: standard-format XSAVE areas (FXSAVE without XSAVE).
 * The kernel never uses these registers (-mgeneral-regs-only).  States move
 * eagerly at switches.
 */
#include <arch/thread.h>

size_t fpu_area_size(void);	/* bytes; areas are 64-byte aligned */
uint64_t fpu_features(void);	/* XCR0 */
void fpu_init_area(void *area); /* the state of a fresh process */
/* Brings current's live registers into current->arch.fpu (signals, fork, ptrace). */
void fpu_save_current(void);
/* Loads current->arch.fpu into the registers after it was changed.  The area must have
 * been checked with fpu_check_area(). */
void fpu_load_current(void);
/* The state of a fresh process into the registers; current->arch.fpu is not touched (signal
 * handlers start so). */
void fpu_reset_current(void);
/* Makes an area that came from the program safe for XRSTOR (reserved bits, MXCSR);
 * false when it can't be. */
bool fpu_check_area(void *area);
