/* SPDX-License-Identifier: MIT */
#pragma once
/* The machine's MP table, read by smp_init(). */
#include <arch/smp.h>
#include "mptable.h"

extern struct mp_info mp_info;
