/* SPDX-License-Identifier: MIT */
#pragma once
/* Kernel threads: kernel/mm/kthread.c. */
struct thread;

/* Starts a thread of the kernel that runs fn(arg) and ends when fn returns; NULL = no memory.
 * The pointer carries no reference. */
struct thread *kthread_start(const char *name, void (*fn)(void *arg), void *arg);
