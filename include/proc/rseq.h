/* SPDX-License-Identifier: MIT */
#pragma once
/* rseq(2) and membarrier(2). */
#include <mm/user_ptr.h>

long rseq_register(user_ptr addr, uint32_t len, int flags, uint32_t sig);
long membarrier_run(int cmd, unsigned flags, int cpu);
