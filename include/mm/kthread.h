/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Kernel threads: a struct thread with a stack of its own, and nothing else.
 */
struct thread;

/* Runs fn(arg) in a new thread, which ends when fn returns; NULL when out of memory.  The
 * returned pointer carries no reference. */
struct thread *kthread_start(const char *name, void (*fn)(void *arg), void *arg);
