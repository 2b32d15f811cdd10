/* SPDX-License-Identifier: MIT */
#pragma once
/* What the tasks are at, for whoever asks by an NMI (panic_state() in arch/upcalls.h).  Once, in
 * boot. */
void state_init(void);
