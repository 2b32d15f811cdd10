/* SPDX-License-Identifier: MIT */
#pragma once
/* rseq(2) and membarrier(2). */
#include <mm/user_ptr.h>
struct trap_frame;

/* A handler is about to run: a critical section that it interrupts starts over. */
void rseq_signal_deliver(struct trap_frame *f);
long rseq_register(user_ptr addr, uint32_t len, int flags, uint32_t sig);
long membarrier_run(int cmd, unsigned flags, int cpu);
