/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What KVM tells a guest about its own virtual CPUs.  Elsewhere each of these says no.
 *
 * A virtual CPU that the host has not given a core is "preempted".  KVM says so in a page of ours, and
 * looks there before the CPU goes on: so a preempted CPU need not be interrupted to flush its TLB,
 * which would take until the host runs it again; and who waits for it can give it the core.
 */
#include <lib/util.h>

/* On each CPU, before it is online. */
void paravirt_init_cpu(void);

/* Takes out of the mask the CPUs that will flush all of their TLB before they run again.  After the
 * tables have changed. */
uint64_t paravirt_defer_flush(uint64_t mask);
/* The caller waits for that CPU: the host may run it instead of the caller. */
void paravirt_yield_to(unsigned cpu);
/* Nanoseconds that the CPU could have run and the host did not let it. */
uint64_t paravirt_stolen_ns(unsigned cpu);
