/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * For the tests of the page cache and the FUSE client, one thread: "physical" pages at
 * DIRECT_MAP with their struct page, locks that only check, a clock that the test moves,
 * wait queues that must never really wait, kernel threads that run when told to.
 */
#include <mm/phys.h>

void pages_host_init(void);
/* Pages in use; back at its start when nothing leaks. */
uint64_t pages_host_used(void);
/* page_alloc() fails from now on after n more pages; negative = never. */
void pages_host_limit(int64_t n);
extern uint64_t host_clock_ns;
/* What the rest of the machine does while the test's thread waits; NULL: a wait is a bug. */
extern void (*host_idle)(void);
/* Runs each started kernel thread until it would wait without a deadline; deadlines make
 * the clock jump. */
void host_run_threads(void);
