/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Why a VM is gone.  When one helper ends the other follows within a moment, with a complaint of
 * its own; what is shown is the first cause, and, where this host gave it, the remedy.
 */
#include <stdbool.h>
#include <stddef.h>

struct vm;

/* At least one of them has ended: waits for the other if it may have been the first, and says what
 * happened.  serial is what the guest wrote there.  False when nothing ended. */
bool blame_find(struct vm *vm);
void blame_report(struct vm *vm, const char *serial, size_t serial_len);
